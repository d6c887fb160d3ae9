// The router: in order, falling through, with a default; and the policy of retrying, on a clock of
// the test's own.
#include <string>
#include <vector>

#include "shmbus/errors.hpp"
#include "shmbus/retry.hpp"
#include "support/catch.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

Error error_of(ErrorKind kind, std::int32_t code = 0) {
  Error error;
  error.kind = kind;
  error.code = code;
  return error;
}

/// A clock that only sleeping and working move.
struct Simulated {
  Duration* time;
  std::vector<Duration>* slept;
  [[nodiscard]] Duration now() const { return *time; }
  void sleep(Duration pause) const {
    slept->push_back(pause);
    *time += pause;
  }
};

struct Trial {
  int attempts = 0;
  std::vector<Duration> slept;
  std::vector<Duration> limits;
  Result<int> result;
};

/// Each attempt takes `each` and fails with the next error of `errors`, then succeeds.
Trial run(const RetryPolicy& policy, Duration timeout, std::vector<Error> errors, Duration each) {
  Trial trial;
  Duration time = 1h;
  std::size_t made = 0;
  trial.result = detail::retry(
      policy, timeout,
      [&](Duration limit) -> Result<int> {
        trial.limits.push_back(limit);
        time += each;
        if (made >= errors.size()) return ++made, 42;
        return tl::unexpected<Error>(errors[made++]);
      },
      Simulated{&time, &trial.slept});
  trial.attempts = static_cast<int>(made);
  return trial;
}

}  // namespace

TEST_CASE("an error goes to the first route that takes it", "[errors]") {
  const auto route =
      routes(on_code<7, 8>([](const Error& e) { return "code " + std::to_string(e.code); }),
             on_kind<ErrorKind::rejected>([](const Error&) { return std::string("rejected"); }),
             on_kind<ErrorKind::timed_out, ErrorKind::overloaded>(
                 [](const Error&) { return std::string("later"); }),
             otherwise([](const Error&) { return std::string("default"); }));
  CHECK(route(error_of(ErrorKind::rejected, 7)) == "code 7");
  CHECK(route(error_of(ErrorKind::rejected, 8)) == "code 8");
  CHECK(route(error_of(ErrorKind::rejected, 9)) == "rejected");
  CHECK(route(error_of(ErrorKind::timed_out)) == "later");
  CHECK(route(error_of(ErrorKind::overloaded)) == "later");
  CHECK(route(error_of(ErrorKind::abandoned, 7)) ==
        "default");  // 7 is errno here, no handler's code
  CHECK(route(error_of(static_cast<ErrorKind>(50))) == "default");
}

TEST_CASE("a route that declines falls through", "[errors]") {
  int asked = 0;
  const auto route = routes(
      on_kind<ErrorKind::rejected>([&](const Error& e) -> std::optional<int> {
        ++asked;
        if (e.code > 10) return std::nullopt;
        return 1;
      }),
      on_code<11>([](const Error&) -> std::optional<int> { return std::nullopt; }),
      on_code<11, 12>([](const Error&) { return 3; }), otherwise([](const Error&) { return 4; }));
  CHECK(route(error_of(ErrorKind::rejected, 5)) == 1);
  CHECK(route(error_of(ErrorKind::rejected, 11)) == 3);
  CHECK(route(error_of(ErrorKind::rejected, 13)) == 4);
  CHECK(asked == 3);

  std::string seen;
  const auto act = routes(on_kind<ErrorKind::rejected>([&](const Error& e) {
                            seen += "a";
                            return e.code == 1;
                          }),
                          on_kind<ErrorKind::rejected>([&](const Error&) { seen += "b"; }),
                          otherwise([&](const Error&) { seen += "c"; }));
  act(error_of(ErrorKind::rejected, 1));
  act(error_of(ErrorKind::rejected, 2));
  act(error_of(ErrorKind::cancelled));
  CHECK(seen == "aabc");
}

TEST_CASE("errors are routed by what lies at the root", "[errors]") {
  const auto route = routes(on_root<ErrorKind::not_permitted>([](const Error&) { return 1; }),
                            otherwise([](const Error&) { return 2; }));
  Error error = error_of(ErrorKind::rejected, 3);
  CHECK(route(error) == 2);
  error.causes.push_front({ErrorKind::not_permitted, 0, "disk.write"});
  error.causes.push_front({ErrorKind::rejected, 5, "stock.take"});
  CHECK(route(error) == 1);
}

TEST_CASE("a route can be computed when compiling: it allocates nothing", "[errors]") {
  constexpr auto route = routes(on_kind<ErrorKind::timed_out>([](const Error&) { return 1; }),
                                otherwise([](const Error&) { return 2; }));
  static_assert(sizeof route <= 8);
  CHECK(route(error_of(ErrorKind::timed_out)) == 1);
}

TEST_CASE("a command that may have started is repeated only when idempotent", "[errors]") {
  RetryPolicy policy;
  policy.attempts = 10;
  // Asked for by kind, and still not done.
  policy.kinds = KindSet{ErrorKind::rejected, ErrorKind::handler_died_after_start,
                         ErrorKind::timed_out, ErrorKind::handler_died_before_start};
  for (const auto kind :
       {ErrorKind::rejected, ErrorKind::handler_died_after_start, ErrorKind::timed_out}) {
    policy.idempotent = false;
    CHECK(run(policy, 10s, {error_of(kind)}, 1ms).attempts == 1);
    policy.idempotent = true;
    CHECK(run(policy, 10s, {error_of(kind)}, 1ms).attempts == 2);
  }
  policy.idempotent = false;
  CHECK(run(policy, 10s, {error_of(ErrorKind::handler_died_before_start)}, 1ms).attempts == 2);
  Error queued = error_of(ErrorKind::timed_out);
  queued.never_ran = true;
  CHECK(run(policy, 10s, {queued}, 1ms).attempts == 2);
  CHECK(run(policy, 10s, {error_of(ErrorKind::not_registered)}, 1ms).attempts ==
        1);  // not asked for
}

TEST_CASE("pauses double, keep to their longest, and are random in their upper half", "[errors]") {
  RetryPolicy policy;
  policy.attempts = 9;
  policy.backoff = 4ms;
  policy.backoff_max = 20ms;
  const std::vector<Error> errors(20, error_of(ErrorKind::overloaded));
  const auto trial = run(policy, 10s, errors, 1ms);
  CHECK(trial.attempts == 9);
  CHECK(trial.result.error().kind == ErrorKind::overloaded);
  const std::vector<Duration> most{4ms, 8ms, 16ms, 20ms, 20ms, 20ms, 20ms, 20ms};
  REQUIRE(trial.slept.size() == most.size());
  for (std::size_t i = 0; i < most.size(); ++i) {
    CHECK(trial.slept[i] >= most[i] / 2);
    CHECK(trial.slept[i] <= most[i]);
  }
  const auto pauses = [](std::uint64_t seed) {
    detail::Jitter jitter(seed);
    return std::vector<Duration>{jitter.pause(1s), jitter.pause(1s), jitter.pause(1s)};
  };
  CHECK(pauses(1) != pauses(2));
}

TEST_CASE("no pause and no attempt goes beyond the deadline", "[errors]") {
  RetryPolicy policy;
  policy.attempts = 1'000'000;
  policy.backoff = 10ms;
  policy.backoff_max = 10ms;
  const std::vector<Error> errors(10'000, error_of(ErrorKind::not_registered));
  const auto trial = run(policy, 100ms, errors, 3ms);
  CHECK(trial.attempts > 5);
  CHECK(trial.attempts < 15);
  Duration spent{};
  for (std::size_t i = 0; i < trial.slept.size(); ++i) {
    CHECK(trial.limits[i] <= 100ms - spent);
    spent += trial.slept[i] + 3ms;
  }
  CHECK(spent <= 100ms);

  policy.attempt_timeout = 5ms;
  CHECK(run(policy, 100ms, errors, 3ms).limits.front() == Duration(5ms));
  CHECK(run(policy, 1ms, errors, 3ms).attempts == 1);
  policy.attempts = 5;
  CHECK(run(policy, forever, errors, 3ms).attempts == 5);
  policy.attempts = 0;
  CHECK(run(policy, 1s, errors, 3ms).attempts == 1);
}

TEST_CASE("nobody comes back before a policy says so, and not all at once then", "[errors]") {
  RetryPolicy policy;
  policy.backoff = 4ms;
  Error held_back = error_of(ErrorKind::overloaded);
  held_back.retry_after_ns = 50'000'000;
  const auto trial = run(policy, 10s, {held_back}, 1ms);
  CHECK(trial.attempts == 2);
  REQUIRE(trial.slept.size() == 1);
  CHECK(trial.slept[0] >= 52ms);
  CHECK(trial.slept[0] <= 54ms);
  CHECK(run(policy, 40ms, {held_back}, 1ms).attempts == 1);  // it would be too late
}
