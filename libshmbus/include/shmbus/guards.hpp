// Middlewares that decide whether a command is let through. See middleware.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "shmbus/error.hpp"
#include "shmbus/middleware.hpp"
#include "shmbus/retry.hpp"
#include "shmbus/server.hpp"

namespace shmbus {

/// Around a handler: lets through whom `rule(const CallerInfo&)` accepts; others get
/// not_permitted. The identity is what the caller's process wrote when it joined: it keeps
/// colleagues apart, not attackers, who are kept off by the permissions of the bus's file.
template <class Rule>
class Allow {
 public:
  explicit Allow(Rule rule) : rule_(std::move(rule)) {}

  template <class Next>
  Status operator()(Context& context, Next& next) {
    if (rule_(context.caller())) return next();
    return Status::refuse(ErrorKind::not_permitted, "this caller may not call it");
  }

 private:
  Rule rule_;
};
template <class Rule>
requires std::is_invocable_r_v<bool, Rule&, const CallerInfo&> Allow<Rule> allow(Rule rule) {
  return Allow<Rule>(std::move(rule));
}
/// A rule for allow(): processes of these users.
template <class... Uid>
auto uid_is(Uid... uids) noexcept {
  return [all = std::array<std::uint32_t, sizeof...(Uid)>{static_cast<std::uint32_t>(uids)...}](
             const CallerInfo& caller) {
    return std::find(all.begin(), all.end(), caller.uid) != all.end();
  };
}

/// Around a handler or a call: `check(const Request&)` returns bool or Status; what it does not
/// accept gets invalid_argument with the words and the code of that Status.
template <class Check>
class Validated {
 public:
  explicit Validated(Check check) : check_(std::move(check)) {}

  template <class In, class Where, class Next>
  auto operator()(const In& in, Where& /*where*/, Next& next) -> std::invoke_result_t<Next&> {
    using Outcome = std::invoke_result_t<Next&>;
    static_assert(std::is_invocable_v<Check&, const In&>, "the check takes the command's request");
    if constexpr (std::is_convertible_v<std::invoke_result_t<Check&, const In&>, bool>) {
      if (check_(in)) return next();
      return refused<Outcome>(ErrorKind::invalid_argument, "the request is not valid");
    } else {
      const Status status = check_(in);
      if (status.is_ok()) return next();
      return refused<Outcome>(ErrorKind::invalid_argument, status.message(), status.code());
    }
  }

 private:
  Check check_;
};
template <class Check>
Validated<Check> validated(Check check) {
  return Validated<Check>(std::move(check));
}

/// Around a handler or a call: `per_second` on average, `burst` at once; the rest gets
/// overloaded, which a RetryPolicy repeats. The limit belongs to the chain: all callers of a
/// handler together, or the calls of one caller.
template <class Time = detail::MonotonicTime>
class RateLimited {
 public:
  RateLimited(double per_second, std::uint32_t burst, Time time = {}) noexcept
      : interval_(interval_of(per_second)),
        ahead_(static_cast<std::int64_t>(
            std::min(static_cast<double>(interval_.count()) * (std::max(burst, 1U) - 1.0), far))),
        time_(time) {}

  template <class Where, class Next>
  auto operator()(Where& /*where*/, Next& next) -> std::invoke_result_t<Next&> {
    // When commands that keep to the rate would be due; a burst may run ahead of that.
    const Duration now = time_.now();
    const Duration due = std::max(now, due_);
    if (due - now > ahead_) {
      return refused<std::invoke_result_t<Next&>>(ErrorKind::overloaded, "beyond the rate limit");
    }
    due_ = due + interval_;
    return next();
  }

 private:
  static constexpr double far = 4e18;  // ns, 126 years: still no overflow when it is added to now
  /// No rate, as 0, -1 and NaN are none: one command in 31 years.
  static Duration interval_of(double per_second) noexcept {
    const double interval = per_second > 0 ? 1e9 / per_second : 1e18;
    return Duration(static_cast<std::int64_t>(std::min(interval, 1e18)));
  }

  Duration interval_;
  Duration ahead_;
  Time time_;
  Duration due_ = Duration::min();
};
inline RateLimited<> rate_limited(double per_second, std::uint32_t burst = 1) noexcept {
  return {per_second, burst};
}

#if defined(__cpp_exceptions)
/// For catching(): `function(const E&)` makes a Status of an exception of type E.
template <class E, class F>
struct OnException {
  using Exception = E;
  F function;
};
template <class E, class F>
OnException<E, F> on_exception(F function) {
  return {std::move(function)};
}

/// Around a handler: exceptions of these types become answers, the first that matches decides; of
/// others the caller gets the error that the handler threw.
template <class... Routes>
class Catching {
 public:
  explicit Catching(Routes... routes) : routes_(std::move(routes)...) {}

  template <class Next>
  Status operator()(Context& /*context*/, Next& next) {
    return from<0>(next);
  }

 private:
  /// An inner try block is asked before an outer one, so the first route stands innermost.
  template <std::size_t I, class Next>
  Status from(Next& next) {
    if constexpr (I == sizeof...(Routes)) {
      return next();
    } else {
      constexpr std::size_t mine = sizeof...(Routes) - 1 - I;
      using Route = std::tuple_element_t<mine, std::tuple<Routes...>>;
      try {
        return from<I + 1>(next);
      } catch (const typename Route::Exception& exception) {
        return std::get<mine>(routes_).function(exception);
      }
    }
  }
  std::tuple<Routes...> routes_;
};
template <class... Routes>
Catching<Routes...> catching(Routes... routes) {
  return Catching<Routes...>(std::move(routes)...);
}
#endif

}  // namespace shmbus
