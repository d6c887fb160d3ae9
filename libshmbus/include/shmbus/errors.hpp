// Routing errors: which function deals with which kind of error, or with which code of a handler.
//
//   const auto route = shmbus::routes(
//       shmbus::on_code<409>([](const shmbus::Error&) { return Next::use_the_old_one; }),
//       shmbus::on_kind<ErrorKind::timed_out, ErrorKind::overloaded>(later),
//       shmbus::otherwise([](const shmbus::Error& error) { return log(error), Next::give_up; }));
//   const auto reply = caller.call(request);
//   if (!reply) return route(reply.error());
//
// Routes are tried in order. A function may decline: it returns std::optional of the result (or
// bool, where the result is void), and what is empty (false) falls through to the next route that
// matches. `otherwise`, the last, takes what is left and gives the result its type.
//
// In a handler the result is a Status: of an error of a nested call, of a Result (answering()), or
// of an exception (catching(), a middleware).
//
// Values: no allocation, no virtual call, no exceptions or RTTI needed but for on_exception.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "shmbus/error.hpp"

namespace shmbus {

/// A route for these kinds.
template <class F, ErrorKind... Kinds>
struct KindRoute {
  F function;
  [[nodiscard]] static constexpr bool takes(const Error& error) noexcept {
    return KindSet{Kinds...}.has(error.kind);
  }
};
template <ErrorKind... Kinds, class F>
constexpr auto on_kind(F function) {
  static_assert(sizeof...(Kinds) > 0);
  return KindRoute<F, Kinds...>{std::move(function)};
}

/// A route for these codes of a handler that rejected.
template <class F, std::int32_t... Codes>
struct CodeRoute {
  F function;
  [[nodiscard]] static constexpr bool takes(const Error& error) noexcept {
    return error.kind == ErrorKind::rejected && ((error.code == Codes) || ...);
  }
};
template <std::int32_t... Codes, class F>
constexpr auto on_code(F function) {
  static_assert(sizeof...(Codes) > 0);
  return CodeRoute<F, Codes...>{std::move(function)};
}

/// A route for errors that one of these kinds lies behind: the root of their causes.
template <class F, ErrorKind... Kinds>
struct RootRoute {
  F function;
  [[nodiscard]] static constexpr bool takes(const Error& error) noexcept {
    return !error.causes.empty() && KindSet{Kinds...}.has(error.causes.root().kind);
  }
};
template <ErrorKind... Kinds, class F>
constexpr auto on_root(F function) {
  static_assert(sizeof...(Kinds) > 0);
  return RootRoute<F, Kinds...>{std::move(function)};
}

/// The default, and the last.
template <class F>
struct DefaultRoute {
  F function;
};
template <class F>
constexpr DefaultRoute<F> otherwise(F function) {
  return {std::move(function)};
}

namespace detail {
template <class T>
inline constexpr bool is_default_route = false;
template <class F>
inline constexpr bool is_default_route<DefaultRoute<F>> = true;
}  // namespace detail

/// What routes() makes. `Last` is the default, the others come before it.
template <class Last, class... Before>
class ErrorRouter {
  static_assert(detail::is_default_route<Last>, "the last route must be otherwise(function)");
  static_assert(!(detail::is_default_route<Before> || ...), "otherwise(function) comes last");

 public:
  using Outcome = std::invoke_result_t<const decltype(Last::function)&, const Error&>;

  constexpr explicit ErrorRouter(std::tuple<Before...> before, Last last)
      : before_(std::move(before)), last_(std::move(last)) {}

  constexpr Outcome operator()(const Error& error) const { return from<0>(error); }

 private:
  template <std::size_t I>
  constexpr Outcome from(const Error& error) const {
    if constexpr (I == sizeof...(Before)) {
      return last_.function(error);
    } else {
      const auto& route = std::get<I>(before_);
      if (!route.takes(error)) return from<I + 1>(error);
      using Answer = std::invoke_result_t<decltype((route.function)), const Error&>;
      if constexpr (std::is_same_v<Answer, Outcome>) {
        return route.function(error);
      } else if constexpr (std::is_void_v<Outcome>) {
        static_assert(std::is_same_v<Answer, bool>, "returns void, or bool: false declines");
        if (!route.function(error)) from<I + 1>(error);
      } else if constexpr (std::is_same_v<Answer, std::optional<Outcome>>) {
        auto answer = route.function(error);
        return answer ? *std::move(answer) : from<I + 1>(error);
      } else {
        static_assert(std::is_convertible_v<Answer, Outcome>,
                      "a route returns what otherwise() returns, or a std::optional of it");
        return route.function(error);
      }
    }
  }

  std::tuple<Before...> before_;
  Last last_;
};

namespace detail {
template <class Routes, std::size_t... I>
constexpr auto make_router(Routes routes, std::index_sequence<I...> /*but the last*/) {
  using Last = std::tuple_element_t<sizeof...(I), Routes>;
  using Router = ErrorRouter<Last, std::tuple_element_t<I, Routes>...>;
  return Router(std::tuple<std::tuple_element_t<I, Routes>...>(std::get<I>(std::move(routes))...),
                std::get<sizeof...(I)>(std::move(routes)));
}
}  // namespace detail

template <class... Routes>
constexpr auto routes(Routes... all) {
  static_assert(sizeof...(Routes) > 0, "at least otherwise(function)");
  return detail::make_router(std::tuple<Routes...>(std::move(all)...),
                             std::make_index_sequence<sizeof...(Routes) - 1>());
}

/// What a handler answers that passes an error on: a rejection with the code of the handler that
/// the error came from, else with the number of its kind.
inline Status rejected_as(const Error& error) noexcept {
  const bool of_handler = error.kind == ErrorKind::rejected;
  return Status::reject(of_handler ? error.code : static_cast<std::int32_t>(error.kind),
                        of_handler ? error.message.view() : to_string(error.kind));
}

/// The same, with the error of `command`, which the handler called, as the cause.
inline Status rejected_by(const Error& error, std::string_view command) noexcept {
  return rejected_as(error).because(error, command);
}

/// Turns a function that returns Result<Reply> into a handler; what it fails with goes through
/// `route`, which returns a Status. F takes (const Request&) or (const Request&, Context&).
template <class F, class Route>
class Answering {
 public:
  Answering(F function, Route route) : function_(std::move(function)), route_(std::move(route)) {}

  template <class Request, class Reply, class Context>
  Status operator()(const Request& request, Reply& reply, Context& context) {
    if constexpr (std::is_invocable_v<F&, const Request&, Context&>) {
      return settle(function_(request, context), reply);
    } else {
      return settle(function_(request), reply);
    }
  }

 private:
  template <class Outcome, class Reply>
  Status settle(Outcome outcome, Reply& reply) {
    if (!outcome) return route_(outcome.error());
    reply = *std::move(outcome);
    return Status::ok();
  }
  F function_;
  Route route_;
};
template <class F, class Route>
Answering<F, Route> answering(F function, Route route) {
  return {std::move(function), std::move(route)};
}

/// One line: "stock.take handler_died_after_start, audit.log rejected (7)"; nothing without causes.
inline FixedText<160> to_text(const Causes& causes) noexcept {
  FixedText<160> text;
  for (const Cause cause : causes) {
    if (!text.empty()) text.append(cause.after_gap ? ", ..., " : ", ");
    text.append(cause.command).append(" ").append(to_string(cause.kind));
    if (cause.kind != ErrorKind::rejected) continue;
    text.append(cause.code < 0 ? " (-" : " (");
    const auto code = static_cast<long long>(cause.code);
    text.append(static_cast<unsigned long long>(code < 0 ? -code : code)).append(")");
  }
  return text;
}

}  // namespace shmbus
