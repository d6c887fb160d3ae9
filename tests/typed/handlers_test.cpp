// Typed handlers of every shape, in a process of their own.
#include <mutex>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

enum class Plan : std::uint8_t { free, paid };

struct User {
  std::uint64_t id = 0;
  String<32> name;
  Plan plan = Plan::free;
  bool active = false;
};
struct Row {
  std::uint64_t number = 0;
  String<40> text;
};

template <FixedString Name>
using Create = Command<Name, User, Row>;
using InPlace = Create<"in_place">;
using WithContext = Create<"with_context">;
using ByValue = Create<"by_value">;
using ByResult = Create<"by_result">;
using Later = Create<"later">;
using Forgotten = Create<"forgotten">;
using Free = Create<"free_function">;
using OfObject = Create<"of_object">;
using Counted = Command<"counted", Nothing, std::uint64_t>;
using Ping = Command<"ping", Nothing>;

Row row_of(const User& user) {
  Row row{user.id + 1, {}};
  row.text = user.name;
  return row;
}

class Registry {
 public:
  Status create(const User& user, Row& row, Context& context) {
    if (context.one_way()) return Status::reject(1);
    row = row_of(user);
    row.number += ++calls_ * 100;
    return Status::ok();
  }

 private:
  std::uint64_t calls_ = 0;
};

Result<Row> refuse_zero(const User& user) {
  if (user.id == 0) return fail(ErrorKind::invalid_argument, "no user has the id 0", 42);
  return row_of(user);
}

int serve(const std::string& path) {
  auto bus = Bus::open(path);
  auto server = bus->serve();
  Registry registry;
  std::uint64_t count = 0;
  std::vector<std::jthread> threads;
  const bool registered = server->on<InPlace>([](const User& in, Row& out) { out = row_of(in); }) &&
                          server->on<WithContext>([](const User& in, Row& out, Context& context) {
                            out = row_of(in);
                            out.text = String<40>::truncate(context.name());
                            return Status::ok();
                          }) &&
                          server->on<ByValue>([](const User& in) { return row_of(in); }) &&
                          server->on<ByResult>(refuse_zero) && server->on<Free>(row_of) &&
                          server->on<OfObject>(&Registry::create, registry) &&
                          server->on<Later>([&](const User& in, Deferred<Later> answer) {
                            threads.emplace_back([user = in, answer = std::move(answer)]() mutable {
                              test::nap(2ms);
                              if (user.id == 0) {
                                (void)answer.reject(7, "later, too");
                              } else {
                                (void)answer.reply(row_of(user));
                              }
                            });
                          }) &&
                          server->on<Forgotten>([](const User&, Deferred<Forgotten>) {}) &&
                          server->on<Counted>([&] { return count; }) &&
                          server->on<Ping>([&] { ++count; });
  if (!registered) return 1;
  return server->run({}) ? 0 : 2;
}

struct Peers {
  test::TempBus path;
  test::Child handler{[this] { return serve(path.path()); }};
  Bus bus = test::open_when_served(path.path(), "ping");

  template <class C>
  Result<typename C::Reply> call(const typename C::Request& request) {
    auto caller = bus.caller<C>();
    if (!caller) return tl::unexpected<Error>(caller.error());
    return caller->call(request);
  }
};

const User ann{6, "ann", Plan::paid, true};

}  // namespace

TEST_CASE("handlers of every shape answer", "[typed]") {
  Peers peers;
  const auto check = [](const Result<Row>& row, std::uint64_t number, std::string_view text) {
    REQUIRE_OK(row);
    CHECK(row->number == number);
    CHECK(row->text.view() == text);
  };
  check(peers.call<InPlace>(ann), 7, "ann");
  check(peers.call<WithContext>(ann), 7, "with_context");
  check(peers.call<ByValue>(ann), 7, "ann");
  check(peers.call<ByResult>(ann), 7, "ann");
  check(peers.call<Free>(ann), 7, "ann");
  check(peers.call<OfObject>(ann), 107, "ann");
  check(peers.call<OfObject>(ann), 207, "ann");
  check(peers.call<Later>(ann), 7, "ann");
}

TEST_CASE("handlers without a request or a reply", "[typed]") {
  Peers peers;
  for (int i = 0; i < 3; ++i) CHECK_OK(peers.call<Ping>({}));
  auto ping = peers.bus.caller<Ping>();
  REQUIRE_OK(ping->send({}));
  CHECK(test::eventually([&] { return peers.call<Counted>({}).value_or(0) == 4; }));
  auto pending = peers.bus.caller<Counted>()->start({});
  REQUIRE_OK(pending);
  const auto reply = pending->wait();
  REQUIRE_OK(reply);
  CHECK(**reply == 4);
}

TEST_CASE("refusals keep their code and words", "[typed]") {
  Peers peers;
  const auto refused = peers.call<ByResult>({});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::rejected);
  CHECK(refused.error().code == 42);
  CHECK(refused.error().message.view() == "no user has the id 0");
  const auto later = peers.call<Later>({});
  REQUIRE_FALSE(later);
  CHECK(later.error().code == 7);
  CHECK(later.error().message.view() == "later, too");
  CHECK(test::kind(peers.call<Forgotten>(ann)) == ErrorKind::abandoned);
}

TEST_CASE("a one-way command may reach a handler that answers later", "[typed]") {
  Peers peers;
  auto later = peers.bus.caller<Later>();
  REQUIRE_OK(later->send(ann));
  const auto row = later->call(ann);
  REQUIRE_OK(row);
  CHECK(row->number == 7);
}

TEST_CASE("what is no value of its type does not reach a handler", "[typed]") {
  Peers peers;
  User bad = ann;
  bad.plan = static_cast<Plan>(9);
  const auto plan = peers.call<InPlace>(bad);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().kind == ErrorKind::rejected);
  CHECK(plan.error().code == detail::request_value_invalid);
  CHECK(plan.error().message.view() == "no valid value: plan");
  bad = ann;
  const unsigned char seven = 7;
  std::memcpy(&bad.active, &seven, 1);
  const auto active = peers.call<InPlace>(bad);
  REQUIRE_FALSE(active);
  CHECK(active.error().message.view() == "no valid value: active");
}

TEST_CASE("a reply that is no value of its type is an error of its peer", "[typed]") {
  struct Answer {
    bool yes = false;
  };
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto server = bus->serve();
  const auto lie = [](Context& context) {
    const std::uint8_t two = 2;
    return test::answer(context, test::raw(two));
  };
  REQUIRE_OK(server->on("ask", lie));
  auto ask = bus->caller<Command<"ask", Nothing, Answer>>();
  REQUIRE_OK(ask);
  auto pending = ask->start({});
  REQUIRE_OK(pending);
  REQUIRE_OK(server->run_for(50ms));
  const auto got = pending->wait();
  REQUIRE_FALSE(got);
  CHECK(got.error().kind == ErrorKind::corrupted);
  CHECK(got.error().message.view().find("'yes'") != std::string_view::npos);
}
