// Calls between two processes: typed and raw, by value and on loan, many outstanding, and each way
// in which a call can end other than well.
#include <unistd.h>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Named;

namespace {

struct Pair {
  std::uint64_t a, b;
};
struct Sum {
  std::uint64_t sum;
};
struct Large {
  std::uint64_t word[64];
};
using Add = Command<"add", Pair, Sum>;
using Spread = Command<"spread", Pair, Large>;  // an inline request beside a reply block
using Gather = Command<"gather", Large, Sum>;
using Double = Command<"double", Large, Large>;
using Ping = Command<"ping", Nothing, Nothing>;

bool register_typed(Server& server) {
  return server.on<Add>([](const Pair& in, Sum& out) {
    out.sum = in.a + in.b;
  }) && server.on<Spread>([](const Pair& in, Large& out) -> Status {
    if (reinterpret_cast<std::uintptr_t>(&in) % 8 != 0) return Status::reject(8, "misaligned");
    for (std::uint64_t i = 0; i < 64; ++i) out.word[i] = in.a + i * in.b;
    return Status::ok();
  }) && server.on<Gather>([](const Large& in) {
    Sum total{0};
    for (const auto word : in.word) total.sum += word;
    return total;
  }) && server.on<Double>([](const Large& in, Large& out, Context&) -> Status {
    for (std::size_t i = 0; i < 64; ++i) out.word[i] = 2 * in.word[i];
    return Status::ok();
  }) && server.on<Ping>([](const Nothing&) {});
}

Status wait_and_echo(Context& context) {
  test::nap(std::chrono::milliseconds(test::number_in<std::uint32_t>(context.request())));
  return test::answer(context, context.request());
}

struct Peers {
  test::TempBus path;
  test::Child handler = test::handler_process(path.path(), [](Bus&, Server& server) {
    static std::uint32_t ran = 0;
    return register_typed(server) &&
           server.on("sleep", [](Context& c) { return ++ran, wait_and_echo(c); }) &&
           server.on("ran", [](Context& c) { return test::answer(c, test::raw(ran)); }) &&
           server.on("no",
                     [](Context&) { return Status::reject(-17, "because of the weather"); }) &&
           server.on("throw", [](Context&) -> Status { throw 1; }) &&
           server.on("long",
                     [](Context& c) { return test::answer(c, std::vector<std::byte>(1000)); }) &&
           server.on("short",
                     [](Context& c) { return test::answer(c, std::vector<std::byte>(16)); }) &&
           server.on("who", [](Context& c) {
             const auto info = c.caller();
             if (info.label.view() != "test" || info.uid != ::getuid()) return Status::reject(1);
             if (c.name() != "who" || c.one_way()) return Status::reject(2);
             if (c.remaining() != forever || c.cancelled()) return Status::reject(3);
             return test::answer(c, test::raw(info.pid));
           });
  });
  Bus bus = test::open_when_served(path.path(), "who");

  std::uint32_t ran() {
    std::uint32_t count = 0;
    REQUIRE(test::caller_of(bus, "ran").call({}, test::raw(count)));
    return count;
  }
};

}  // namespace

TEST_CASE("typed calls by value, for small and large requests and replies", "[call]") {
  Peers p;
  auto add = p.bus.caller<Add>();
  auto spread = p.bus.caller<Spread>();
  auto gather = p.bus.caller<Gather>();
  auto twice = p.bus.caller<Double>();
  auto ping = p.bus.caller<Ping>();
  REQUIRE((add && spread && gather && twice && ping));
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const auto sum = add->call({i, 2});
    REQUIRE_OK(sum);
    REQUIRE(sum->sum == i + 2);
    const auto large = spread->call({i, 3});
    REQUIRE_OK(large);
    REQUIRE(large->word[63] == i + 189);
    const auto total = gather->call(*large);
    REQUIRE_OK(total);
    REQUIRE(total->sum == 64 * i + 3 * 2016);
    const auto doubled = twice->call(*large);
    REQUIRE_OK(doubled);
    REQUIRE(doubled->word[63] == 2 * (i + 189));
    REQUIRE_OK(ping->call({}));
  }
}

TEST_CASE("loans: filled in place, answered in place", "[call]") {
  Peers p;
  auto twice = p.bus.caller<Double>();
  auto ping = p.bus.caller<Ping>();
  REQUIRE((twice && ping));
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    auto loan = twice->loan();
    REQUIRE_OK(loan);
    for (auto& word : (*loan)->word) word = i;
    auto reply = loan->call();
    REQUIRE_OK(reply);
    REQUIRE((*reply)->word[17] == 2 * i);
  }
  auto nothing = ping->loan();
  REQUIRE_OK(nothing);
  REQUIRE_OK(nothing->call());
  REQUIRE_FALSE(nothing->call());  // it is used up
}

TEST_CASE("many outstanding calls, waited for in any order", "[call]") {
  Peers p;
  auto add = p.bus.caller<Add>();
  REQUIRE_OK(add);
  for (int round = 0; round < 50; ++round) {
    std::vector<TypedPending<Sum>> pending;
    for (std::uint64_t i = 0; i < 63; ++i) {
      auto one = add->start({i, 1});
      REQUIRE_OK(one);
      pending.push_back(std::move(*one));
    }
    for (std::size_t i = 0; i < 63; ++i) {
      const std::size_t at = (i * 37 + 5) % 63;
      auto reply = pending[at].wait();
      REQUIRE_OK(reply);
      REQUIRE((*reply)->sum == at + 1);
    }
  }
}

TEST_CASE("a call without room for the reply is told how much it needs", "[call]") {
  Peers p;
  std::vector<std::byte> room(8);
  for (const auto& [name, needs] : {std::pair{"short", 16U}, {"long", 1000U}}) {
    INFO(name);
    auto caller = test::caller_of(p.bus, name);
    for (const std::size_t size : {0U, 8U}) {
      const auto refused = caller.call({}, std::span(room).first(size));
      REQUIRE_FALSE(refused);
      CHECK(refused.error().kind == ErrorKind::too_large);
      CHECK(refused.error().needed == needs);
    }
    std::vector<std::byte> enough(needs);
    CHECK(caller.call({}, enough) == needs);
  }
  auto slightly = test::caller_of(p.bus, "long");
  std::vector<std::byte> almost(999);
  CHECK(slightly.call({}, almost).error().needed == 1000);
}

TEST_CASE("a request that no memory can hold is too large", "[call]") {
  Peers p;
  auto caller = test::caller_of(p.bus, "short");
  const std::vector<std::byte> huge(5 * 1024 * 1024);
  const auto refused = caller.call(huge, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::too_large);
  CHECK(refused.error().needed == huge.size());
  CHECK(test::kind(caller.loan(huge.size())) == ErrorKind::too_large);
}

TEST_CASE("a refusal carries the handler's code and words, an exception becomes one", "[call]") {
  Peers p;
  const auto no = test::caller_of(p.bus, "no").call({}, {});
  REQUIRE_FALSE(no);
  CHECK(no.error().kind == ErrorKind::rejected);
  CHECK(no.error().code == -17);
  CHECK(no.error().message.view() == "because of the weather");
  const auto thrown = test::caller_of(p.bus, "throw").call({}, {});
  REQUIRE_FALSE(thrown);
  CHECK(thrown.error().kind == ErrorKind::rejected);
  CHECK(thrown.error().code == detail::handler_threw);
}

TEST_CASE("bytes of another size than the types are refused on either side", "[call]") {
  Peers p;
  const std::array<std::byte, 5> five{};
  const auto refused = test::caller_of(p.bus, "add").call(five, {});
  CHECK(refused.error().kind == ErrorKind::rejected);
  CHECK(refused.error().code == detail::request_size_differs);
  // A handler of bytes has no types to compare when the caller is made.
  auto wrong_reply = p.bus.caller<Command<"who", Nothing, Sum>>();
  REQUIRE_OK(wrong_reply);
  auto pending = wrong_reply->start({});
  REQUIRE_OK(pending);
  CHECK(pending->wait().error().kind == ErrorKind::type_mismatch);
}

TEST_CASE("the handler knows who calls", "[call]") {
  Peers p;
  std::uint32_t pid = 0;
  const auto told = test::caller_of(p.bus, "who").call({}, test::raw(pid));
  REQUIRE_OK(told);
  CHECK(pid == static_cast<std::uint32_t>(::getpid()));
}

TEST_CASE("an unregistered name is an error at once, or a wait", "[call]") {
  Peers p;
  const test::Stopwatch watch;
  const auto at_once = test::caller_of(p.bus, "nobody").call({}, {});
  REQUIRE_FALSE(at_once);
  CHECK(at_once.error().kind == ErrorKind::not_registered);
  CHECK(at_once.error().message.view().find("'nobody'") != std::string_view::npos);
  CHECK(watch.ms() < 100);
  auto patient = test::caller_of(p.bus, "nobody", {.when_vacant = WhenVacant::wait});
  CHECK(test::kind(patient.call({}, {}, 50ms)) == ErrorKind::not_registered);
  CHECK(watch.ms() >= 50);
  CHECK(test::kind(p.bus.wait_until_available("nobody", 20ms)) == ErrorKind::timed_out);
}

TEST_CASE("a deadline passes while the handler runs, and later calls go on", "[call]") {
  Peers p;
  auto caller = test::caller_of(p.bus, "sleep");
  const std::uint32_t ms = 100;
  const test::Stopwatch watch;
  std::uint32_t echo = 0;
  const auto late = caller.call(test::raw(ms), test::raw(echo), 20ms);
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == ErrorKind::timed_out);
  CHECK(late.error().message.view().find("may still take effect") != std::string_view::npos);
  CHECK(watch.ms() < 90);
  const std::uint32_t none = 0;
  CHECK_OK(caller.call(test::raw(none), test::raw(echo)));
  CHECK(p.ran() == 2);
}

TEST_CASE("what is past its deadline, or cancelled, before its turn is not run", "[call]") {
  Peers p;
  auto caller = test::caller_of(p.bus, "sleep");
  const std::uint32_t ms = 100;
  const std::uint32_t none = 0;
  auto running = caller.start(test::raw(ms), 4);
  REQUIRE_OK(running);
  auto expired = caller.start(test::raw(none), 4, 10ms);
  auto cancelled = caller.start(test::raw(none), 4);
  auto wanted = caller.start(test::raw(none), 4);
  REQUIRE((expired && cancelled && wanted));
  cancelled->cancel();
  CHECK(test::kind(expired->wait()) == ErrorKind::timed_out);
  CHECK_OK(running->wait());
  CHECK(test::kind(cancelled->wait()) == ErrorKind::cancelled);
  CHECK_OK(wanted->wait());
  CHECK(p.ran() == 2);
  const auto zero = caller.call(test::raw(none), {}, 0ms);
  CHECK(test::kind(zero) == ErrorKind::timed_out);
  CHECK(p.ran() == 2);
}

TEST_CASE("very long timeouts do not wrap", "[call]") {
  Peers p;
  auto add = p.bus.caller<Add>();
  for (const Duration timeout : {Duration(forever), Duration(std::chrono::hours(24 * 365 * 250)),
                                 Duration(Duration::max() - 1ns)}) {
    CHECK_OK(add->call({1, 2}, timeout));
  }
}

TEST_CASE("a bus whose default timeout is for ever", "[call]") {
  test::TempBus path;
  auto options = test::small_bus();
  options.default_timeout = forever;
  { CHECK_OK(Bus::open(path.path(), options)); }
  const auto handler =
      test::handler_process(path.path(), test::handlers({{"sleep", wait_and_echo}}));
  auto bus = test::open_when_served(path.path(), "sleep");
  const std::uint32_t ms = 30;
  std::uint32_t echo = 0;
  CHECK_OK(test::caller_of(bus, "sleep").call(test::raw(ms), test::raw(echo)));
}
