// Middlewares without a bus: their order, what they keep off, and that a chain is a plain value.
#include "shmbus/middleware.hpp"

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

struct In {
  std::uint64_t value;
};
struct Out {
  std::uint64_t value;
};

/// Where a chain stands, for tests of what needs no more than a place to stand.
struct Here {
  [[nodiscard]] static std::string_view name() { return "here"; }
};

template <class M>
Status run(M& middleware, Status inner = Status::ok()) {
  Here here;
  auto next = [&] { return inner; };
  return middleware(here, next);
}

auto note(std::string& log, const char* word) {
  return [&log, word](Context&, auto& next) -> Status {
    log += std::string("(") + word;
    const Status status = next();
    log += ")";
    return status;
  };
}

struct HandTime {
  Duration* at;
  [[nodiscard]] Duration now() const { return *at; }
};

/// A Context that only its request is asked of.
struct Bare {
  detail::Frame frame;
  Context context{frame};
};

struct Later {
  std::string* answer;
  void reject(const Status& status) { *answer = std::string(status.message()); }
};

}  // namespace

TEST_CASE("the first middleware is the outermost", "[middleware]") {
  std::string log;
  Bare bare;
  auto chain = with(note(log, "a"), note(log, "b"), note(log, "c"), [&log](const In& in, Out& out) {
    log += "!";
    out.value = in.value * 2;
  });
  Out out{};
  CHECK(chain(In{21}, out, bare.context).is_ok());
  CHECK(log == "(a(b(c!)))");
  CHECK(out.value == 42);
}

TEST_CASE("a middleware may keep a command off, and see its request", "[middleware]") {
  Bare bare;
  int ran = 0;
  auto chain =
      with(validated([](const In& in) { return in.value < 10; }), validated([](const In& in) {
             return in.value != 5 ? Status::ok() : Status::reject(55, "not five");
           }),
           [&ran](const In& in) -> Out { return ++ran, Out{in.value + 1}; });
  Out out{};
  CHECK(chain(In{1}, out, bare.context).is_ok());
  CHECK(out.value == 2);
  const Status large = chain(In{10}, out, bare.context);
  CHECK(large.kind() == ErrorKind::invalid_argument);
  const Status five = chain(In{5}, out, bare.context);
  CHECK(five.kind() == ErrorKind::invalid_argument);
  CHECK(five.code() == 55);
  CHECK(five.message() == "not five");
  CHECK(ran == 1);
}

TEST_CASE("every shape of handler fits into a chain", "[middleware]") {
  Bare bare;
  std::string log;
  Out out{};
  const auto answer = [&](auto handler) {
    auto chain = with(note(log, "m"), handler);
    out = {};
    const Status status = chain(In{1}, out, bare.context);
    return status.is_ok() ? static_cast<int>(out.value) : -status.code();
  };
  CHECK(answer([](const In&, Out& o, Context&) { o.value = 1; }) == 1);
  CHECK(answer([](const In&, Out& o, Context&) { return o.value = 2, Status::ok(); }) == 2);
  CHECK(answer([](const In&, Out& o) { o.value = 3; }) == 3);
  CHECK(answer([](const In&, Context&) { return Out{4}; }) == 4);
  CHECK(answer([](const In&) { return Out{5}; }) == 5);
  CHECK(answer([](const In&) -> Result<Out> { return fail(ErrorKind::rejected, "no", 6); }) == -6);
  CHECK(answer([](const In&) { return Status::reject(7); }) == -7);
  CHECK(answer([](const In&) {}) == 0);

  std::string told;
  auto later = with(validated([](const In& in) { return in.value == 1; }),
                    [](const In&, Later l) { l.reject(Status::reject(1, "from inside")); });
  CHECK(later(In{1}, Later{&told}, bare.context).is_ok());
  CHECK(told == "from inside");
  CHECK_FALSE(later(In{2}, Later{&told}, bare.context).is_ok());
  CHECK(told == "the request is not valid");

  auto bytes = with(note(log, "m"), [](Context& context) {
    return Status::reject(static_cast<std::int32_t>(context.request().size()));
  });
  CHECK(bytes(bare.context).code() == 0);
}

TEST_CASE("a rate limit lets a burst through, then what the rate allows", "[middleware]") {
  Duration now = 1h;
  RateLimited<HandTime> limit(100, 5, HandTime{&now});
  const auto passed = [&](int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += run(limit).is_ok() ? 1 : 0;
    return count;
  };
  CHECK(passed(20) == 5);
  CHECK(run(limit).kind() == ErrorKind::overloaded);
  now += 10ms;
  CHECK(passed(5) == 1);
  now += 35ms;
  CHECK(passed(5) == 3);
  now += 1h;
  CHECK(passed(20) == 5);

  RateLimited<HandTime> steady(1'000, 1, HandTime{&now});
  int count = 0;
  for (int i = 0; i < 10'000; ++i, now += 100us) count += run(steady).is_ok() ? 1 : 0;
  CHECK(count == 1'000);

  // What is no rate lets a burst through and nothing more; one without bounds lets all through.
  for (const double none : {0.0, -1.0, std::nan(""), -HUGE_VAL, 1e-300}) {
    RateLimited<HandTime> shut(none, 3, HandTime{&now});
    int through = 0;
    for (int i = 0; i < 10; ++i, now += 1h) through += run(shut).is_ok() ? 1 : 0;
    CHECK(through == 3);
  }
  RateLimited<HandTime> open(HUGE_VAL, 0xFFFFFFFF, HandTime{&now});
  for (int i = 0; i < 10; ++i) CHECK(run(open).is_ok());
}

TEST_CASE("exceptions become answers by type, the first match decides", "[middleware]") {
  int which = 0;
  auto guard = catching(
      on_exception<std::out_of_range>([](const std::out_of_range&) { return Status::reject(1); }),
      on_exception<std::logic_error>(
          [](const std::logic_error& e) { return Status::reject(2, e.what()); }),
      on_exception<std::exception>([](const std::exception&) { return Status::reject(3); }));
  Bare bare;
  auto chain = with(guard, [&which](const In&, Out&) {
    if (which == 1) throw std::out_of_range("range");
    if (which == 2) throw std::invalid_argument("words");
    if (which == 3) throw std::runtime_error("run");
    if (which == 4) throw 4;
  });
  const auto code = [&](int number) {
    which = number;
    Out out{};
    return chain(In{}, out, bare.context).code();
  };
  CHECK(code(0) == 0);
  CHECK(code(1) == 1);
  CHECK(code(2) == 2);
  CHECK(code(3) == 3);
  which = 4;
  Out out{};
  CHECK_THROWS_AS(chain(In{}, out, bare.context), int);
}

TEST_CASE("times are counted, failures too, and quantiles never flatter", "[middleware]") {
  CallTimes times;
  auto middleware = timed(times);
  (void)run(middleware);
  (void)run(middleware, Status::reject(1));
  CHECK(times.count == 2);
  CHECK(times.failed == 1);
  CHECK(times.longest <= times.total);

  CallTimes known;
  for (int i = 1; i <= 1'000; ++i) known.add(std::chrono::microseconds(i), true);
  CHECK(known.quantile(0.5) >= 500us);
  CHECK(known.quantile(0.5) <= 1'000us);
  CHECK(known.quantile(0.001) >= 1us);
  CHECK(known.quantile(0.001) <= 2us);
  CHECK(known.quantile(1.0) == Duration(1'000us));
}

TEST_CASE("a chain weighs what its parts weigh", "[middleware]") {
  CallTimes times;
  auto handler = [](const In& in) { return Out{in.value}; };
  auto chain = with(timed(times), handler);
  static_assert(sizeof chain <= sizeof(void*) + 8);
  static_assert(std::is_trivially_copyable_v<decltype(timed(times))>);
  CHECK(times.count == 0);
}
