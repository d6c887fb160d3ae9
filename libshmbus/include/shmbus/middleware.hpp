// Middleware: what stands around a handler or around a call, composed by type when it is registered
// or made. Nothing is allocated for a call, nothing is virtual, and what is not used does not
// exist.
//
//   server.on<UserCreate>(with(allow(uid_is(1000)), timed(times), validated(check), handler));
//   auto create = with(retrying({.attempts = 3}), timed(times), *bus->caller<UserCreate>());
//   auto reply = create.call(request, 50ms);
//
// The first is the outermost. Each is a function object, called with where it stands (a Context
// around a handler, a CallInfo around a call: both have name()), and with `next`, which runs what
// is inside and returns its outcome: a Status around a handler, a Result around a call. One that
// must see the request takes it first. It may call next once, not at all, or again:
//
//   struct Twice {
//     template <class Next>
//     Status operator()(Context&, Next& next) { (void)next(); return next(); }
//   };
//
// Ready ones: guards.hpp (allow, rate_limited, validated, catching), observers.hpp (timed, logged),
// retrying() here.
//
// Threads   Those around a handler run on the thread that polls its Server, those around a call on
//           the caller's. State that two chains share is the user's to protect.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "shmbus/caller.hpp"
#include "shmbus/command.hpp"
#include "shmbus/error.hpp"
#include "shmbus/errors.hpp"
#include "shmbus/retry.hpp"
#include "shmbus/server.hpp"

namespace shmbus {

/// One call, as the middleware around it sees it.
class CallInfo {
 public:
  CallInfo(std::string_view name, Duration limit, bool is_idempotent, const RawCaller& raw) noexcept
      : timeout(limit), idempotent(is_idempotent), name_(name), raw_(&raw) {}

  Duration timeout;  ///< what next() calls with; a middleware may change it
  bool idempotent;

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  /// The timeout, with the bus's own in place of `default_timeout`.
  [[nodiscard]] Duration time_limit() const noexcept {
    return timeout == default_timeout ? raw_->usual_timeout() : timeout;
  }

 private:
  std::string_view name_;
  const RawCaller* raw_;
};

/// What a middleware returns that does not let a command through: a Status or a Result.
template <class Outcome>
Outcome refused(ErrorKind kind, std::string_view message, std::int32_t code = 0) noexcept {
  if constexpr (std::is_same_v<Outcome, Status>) {
    return Status::refuse(kind, message, code);
  } else {
    return fail(kind, message, code);
  }
}
inline bool succeeded(const Status& status) noexcept { return status.is_ok(); }
template <class T>
bool succeeded(const Result<T>& result) noexcept {
  return result.has_value();
}

namespace detail {

/// Runs the middlewares from the I-th on, and `last` inside of them.
template <std::size_t I, class Middlewares, class In, class Where, class Last>
auto through(Middlewares& middlewares, const In& in, Where& where, Last& last)
    -> std::invoke_result_t<Last&> {
  if constexpr (I == std::tuple_size_v<Middlewares>) {
    return last();
  } else {
    auto next = [&] { return through<I + 1>(middlewares, in, where, last); };
    auto& middleware = std::get<I>(middlewares);
    if constexpr (std::is_invocable_v<decltype(middleware), const In&, Where&, decltype(next)&>) {
      return middleware(in, where, next);
    } else {
      return middleware(where, next);
    }
  }
}

// --- handlers ------------------------------------------------------------------------------------

/// The shapes that an in-place handler may have, `Args` being its request or nothing.
template <class F, class Out, class... Args>
inline constexpr bool takes_in_place =
    std::is_invocable_v<F&, Args..., Out&, Context&> || std::is_invocable_v<F&, Args..., Out&> ||
    std::is_invocable_v<F&, Args..., Context&> || std::is_invocable_v<F&, Args...>;

template <class F, class Out, class... Args>
Status call_in_place(F& function, Out& out, Context& context, const Args&... args) {
  if constexpr (std::is_invocable_v<F&, const Args&..., Out&, Context&>) {
    return take_result(out, function, args..., out, context);
  } else if constexpr (std::is_invocable_v<F&, const Args&..., Out&>) {
    return take_result(out, function, args..., out);
  } else if constexpr (std::is_invocable_v<F&, const Args&..., Context&>) {
    return take_result(out, function, args..., context);
  } else {
    return take_result(out, function, args...);
  }
}

template <class F, class In, class Out>
inline constexpr bool fits_in_place = takes_in_place<F, Out, const In&> ||
                                      (std::is_empty_v<In> && takes_in_place<F, Out>);

template <class F, class In, class Later>
inline constexpr bool fits_later =
    !std::is_lvalue_reference_v<Later> && (std::is_invocable_v<F&, const In&, Later, Context&> ||
                                           std::is_invocable_v<F&, const In&, Later>);

}  // namespace detail

/// A handler with middlewares around it; with() makes it. It is registered as the handler would be.
template <class F, class... Middlewares>
class HandlerChain {
 public:
  HandlerChain(std::tuple<Middlewares...> middlewares, F handler)
      : middlewares_(std::move(middlewares)), handler_(std::move(handler)) {}

  /// A handler of bytes.
  Status operator()(Context& context) requires std::is_invocable_r_v<Status, F&, Context&> {
    auto last = [&]() -> Status { return handler_(context); };
    return detail::through<0>(middlewares_, context.request(), context, last);
  }
  template <class In, class Out>
  requires detail::fits_in_place<F, In, Out> Status operator()(const In& in, Out& out,
                                                               Context& context) {
    auto last = [&]() -> Status {
      if constexpr (detail::takes_in_place<F, Out, const In&>) {
        return detail::call_in_place(handler_, out, context, in);
      } else {
        return detail::call_in_place(handler_, out, context);
      }
    };
    return detail::through<0>(middlewares_, in, context, last);
  }
  /// A handler that answers later: when it is not reached, the refusal is its answer.
  template <class In, class Later>
  requires detail::fits_later<F, In, Later> Status operator()(const In& in, Later&& later,
                                                              Context& context) {
    bool reached = false;
    auto last = [&]() -> Status {
      reached = true;
      if constexpr (std::is_invocable_v<F&, const In&, Later, Context&>) {
        return detail::take_result(later, handler_, in, std::move(later), context);
      } else {
        return detail::take_result(later, handler_, in, std::move(later));
      }
    };
    const Status status = detail::through<0>(middlewares_, in, context, last);
    if (!reached && !status.is_ok()) {
      if constexpr (requires { later.reject(status); }) {
        (void)later.reject(status);
      } else {
        (void)later.reject(status.code(), status.message());
      }
    }
    return status;
  }

 private:
  std::tuple<Middlewares...> middlewares_;
  F handler_;
};

/// A caller with middlewares around each of its calls; with() makes it.
template <class C, class... Middlewares>
class CallChain {
 public:
  using Request = typename C::Request;
  using Reply = typename C::Reply;

  CallChain(std::tuple<Middlewares...> middlewares, Caller<C> caller)
      : middlewares_(std::move(middlewares)), caller_(std::move(caller)) {}

  [[nodiscard]] Result<Reply> call(const Request& request, Duration timeout = default_timeout) {
    CallInfo info(C::name.text, timeout, C::idempotent, caller_.raw());
    auto last = [&]() -> Result<Reply> { return caller_.call(request, info.timeout); };
    return detail::through<0>(middlewares_, request, info, last);
  }
  /// Past the middlewares: for start(), send() and loan().
  [[nodiscard]] Caller<C>& caller() noexcept { return caller_; }

 private:
  std::tuple<Middlewares...> middlewares_;
  Caller<C> caller_;
};

namespace detail {
template <class C, class... M>
CallChain<C, M...> chain(Caller<C> caller, std::tuple<M...> middlewares) {
  return {std::move(middlewares), std::move(caller)};
}
template <class F, class... M>
HandlerChain<F, M...> chain(F handler, std::tuple<M...> middlewares) {
  return {std::move(middlewares), std::move(handler)};
}
template <class All, std::size_t... I>
auto compose(All all, std::index_sequence<I...> /*but the last*/) {
  return chain(std::get<sizeof...(I)>(std::move(all)),
               std::tuple<std::tuple_element_t<I, All>...>(std::get<I>(std::move(all))...));
}
}  // namespace detail

/// with(middleware..., handler), with(middleware..., Caller<C>).
template <class... All>
auto with(All... all) {
  static_assert(sizeof...(All) > 1, "with(middleware..., handler or caller)");
  return detail::compose(std::tuple<All...>(std::move(all)...),
                         std::make_index_sequence<sizeof...(All) - 1>());
}

/// Around a call: RetryPolicy as a middleware. Those inside of it see each attempt.
class Retrying {
 public:
  explicit Retrying(const RetryPolicy& policy) noexcept : policy_(policy) {}

  template <class Next>
  auto operator()(CallInfo& call, Next& next) const -> std::invoke_result_t<Next&> {
    RetryPolicy policy = policy_;
    policy.idempotent = policy.idempotent || call.idempotent;
    return retry(policy, call.time_limit(), [&](Duration left) {
      call.timeout = left;
      return next();
    });
  }

 private:
  RetryPolicy policy_;
};
inline Retrying retrying(const RetryPolicy& policy = {}) noexcept { return Retrying(policy); }

}  // namespace shmbus

#include "shmbus/guards.hpp"
#include "shmbus/observers.hpp"
