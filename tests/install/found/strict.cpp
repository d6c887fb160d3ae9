#include <shmbus/plugin.hpp>
#include <shmbus/schema/matches.hpp>
#include <shmbus/shmbus.hpp>
#include <shmbus/version.hpp>
enum class Plan : std::uint8_t { free_, paid };
struct Address {
  shmbus::String<40> street;
  std::uint16_t number;
};
struct NewUser {
  shmbus::Email email;
  Plan plan;
  shmbus::Optional<shmbus::String<20>> nick;
  shmbus::Optional<shmbus::Vector<Address, 2>> addresses;
  std::array<double, 3> d;
  bool yes;
  shmbus::Uuid id;
  shmbus::Timestamp since;
};
struct Article {
  std::uint64_t id;
  shmbus::Text body;
  shmbus::Array<std::uint32_t> marks;
};
using Create = shmbus::Command<"user.create", NewUser, NewUser>;
using Count = shmbus::Command<"user.count", shmbus::Nothing, std::uint64_t, shmbus::Idempotent>;
using Words = shmbus::Command<"words", Article, Article>;
using Small = shmbus::Command<"small", std::uint8_t, bool>;
struct Obj {
  shmbus::Status create(const NewUser&, NewUser& out) {
    out = {};
    return shmbus::Status::ok();
  }
};
int use(shmbus::Bus& bus);
int use(shmbus::Bus& bus) {
  auto server = bus.serve({.label = "x"});
  if (!server) return 1;
  Obj obj;
  (void)server->on<Create>(&Obj::create, obj);
  (void)server->on<Count>([] { return std::uint64_t{3}; });
  (void)server->on<Small>([](std::uint8_t n, bool& out, shmbus::Context&) {
    out = n != 0;
    return shmbus::Status::reject(3, "no");
  });
  (void)server->on<Words>([](const Article& in, Article& out) { out = in; });
  (void)server->on<Create>(
      [](const NewUser&, shmbus::Deferred<Create> later) { (void)later.reply(NewUser{}); });
  (void)server->run_for(std::chrono::milliseconds(1));
  auto create = bus.caller<Create>();
  auto words = bus.caller<Words>();
  auto count = bus.caller<Count>();
  auto small = bus.caller<Small>();
  if (!create || !words || !count || !small) return 1;
  NewUser user{};
  (void)create->call(user, std::chrono::milliseconds(5));
  (void)small->call(std::uint8_t{3});
  auto loan = words->loan(100, 100);
  if (loan) {
    (void)loan->tail().put((*loan)->body, "x");
    (void)loan->call();
  }
  auto sent = create->send(user, {});
  (void)sent;
  shmbus::RetryPolicy policy;
  (void)shmbus::call_with_retry(*count, {}, policy);
  constexpr auto t = shmbus::Timestamp::parse("2026-11-22T08:30:00Z");
  static_assert(t.has_value());
  auto text = t->text();
  auto uuid = shmbus::Uuid::parse("f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
  return static_cast<int>(text.view().size()) + (uuid ? 1 : 0);
}
struct Consumer {
  static bool init(shmbus::plugin::Commands& commands) {
    return commands.add<Small>([](const std::uint8_t& in) { return in == 2; });
  }
};
SHMBUS_PLUGIN(Consumer, "consumer", "1")
int more(shmbus::Bus& bus);
int more(shmbus::Bus& bus) {
  auto server = bus.serve({});
  if (!server) return 1;
  static shmbus::CallTimes times;
  const std::uint32_t root = 0;
  (void)server->on<Create>(
      shmbus::with(shmbus::allow(shmbus::uid_is(root, 1000)), shmbus::rate_limited(100.0),
                   shmbus::validated([](const NewUser& in) { return in.yes; }),
                   shmbus::timed(times), [](const NewUser& in) { return in; }));
  const auto route =
      shmbus::routes(shmbus::on_code<12>([](const shmbus::Error& e) {
                       return shmbus::Status::reject(409, "no").because(e, Create::name.text);
                     }),
                     shmbus::otherwise([](const shmbus::Error& e) {
                       return shmbus::rejected_by(e, Create::name.text);
                     }));
  (void)route(shmbus::Error{});
  shmbus::Optional<std::uint64_t> o = 3;
  shmbus::Optional<double> d = 3.0;
  shmbus::Vector<std::uint8_t, 3> v;
  const bool pushed = v.push_back(std::uint8_t{1});
  std::span<std::uint32_t> room;
  shmbus::Tail tail;
  auto array = tail.array<std::uint32_t>(std::size_t{3}, room);
  return (pushed && *o == 3 && d.has_value() && array.size() == 0)
             ? static_cast<int>(shmbus::Timestamp::now().ns % 2)
             : 1;
}
static_assert(shmbus::member_matches<Address, Address, 0>());
