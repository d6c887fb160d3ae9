// How a handler of a Command is called. It takes, in this order, leaving out what it does not need:
//
//   const Request&     left out only when the request is Nothing
//   Reply&             filled in place: in the caller's own line or block, no copy
//     or Deferred<C>   answered later, from any thread of the process
//   Context&
//
// and returns void or Status; without Reply& and Deferred also a Reply or a Result<Reply>.
//
// It may be a lambda, a function, a function object, or a member function with its object. An
// exception that leaves it becomes a rejection with the code handler_threw.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "shmbus/command.hpp"
#include "shmbus/context.hpp"
#include "shmbus/error.hpp"
#include "shmbus/handler.hpp"
#include "shmbus/schema/check.hpp"
#include "shmbus/schema/growth.hpp"
#include "shmbus/schema/safe.hpp"
#include "shmbus/tsan.hpp"

namespace shmbus {

namespace detail {

/// The largest earlier version of Reply that the caller has room for; empty when there is none, and
/// the caller gets too_large.
template <class Reply, class Place>
std::span<std::byte> room_for_earlier(Place& place) noexcept {
  if constexpr (grows<Reply>) {
    constexpr auto sizes = sizes_before<Reply>(std::make_index_sequence<member_count<Reply>>());
    for (const std::size_t bytes : sizes) {
      if (const auto room = place(bytes); !room.empty()) return room;
    }
  }
  (void)place(sizeof(Reply));  // the size that the caller has to make room for
  return {};
}

}  // namespace detail

/// Answers a command of type C, once, from any thread of the process. Dropped without an answer,
/// its caller gets `abandoned`. Answers to a one-way command go nowhere.
template <class C>
class Deferred {
 public:
  using Reply = typename C::Reply;
  static_assert(!detail::has_tail<Reply>(), "a deferred reply has a fixed size: use Responder");

  Deferred(Responder responder, bool one_way) noexcept
      : responder_(std::move(responder)), one_way_(one_way) {}

  Result<void> reply(const Reply& reply = {}) noexcept {
    if (one_way_) return {};
    constexpr std::size_t bytes = detail::wire_bytes<Reply>;
    if constexpr (bytes != 0) {
      auto room = responder_.buffer(bytes);
      if (room.empty()) {
        const auto place = [this](std::size_t wanted) { return responder_.buffer(wanted); };
        room = detail::room_for_earlier<Reply>(place);
      }
      std::memcpy(room.data(), &reply, room.size());
    }
    detail::tsan_publish();
    return responder_.reply();
  }
  Result<void> reject(std::int32_t code, std::string_view message = {}) noexcept {
    if (one_way_) return {};
    return responder_.reject(code, message);
  }
  Result<void> reject(const Status& status) noexcept {
    if (one_way_) return {};
    return responder_.reject(status);
  }
  [[nodiscard]] bool cancelled() const noexcept { return !one_way_ && responder_.cancelled(); }

 private:
  Responder responder_;
  bool one_way_;
};

namespace detail {

/// The code a caller sees when its request has a size that the handler's type cannot have.
inline constexpr std::int32_t request_size_differs = -2;
/// The code a caller sees when a bool or an enum of its request holds none of its values.
inline constexpr std::int32_t request_value_invalid = -3;

template <class M, class Object>
struct BoundMember {
  M member;
  Object* object;
  template <class... Args>
  auto operator()(Args&&... args) const
      -> decltype(std::invoke(this->member, *this->object, std::forward<Args>(args)...)) {
    return std::invoke(member, *object, std::forward<Args>(args)...);
  }
};

// --- does it fit -------------------------------------------------------------------------------

template <class R>
inline constexpr bool is_plain_result = std::is_void_v<R> || std::is_same_v<R, Status>;

template <class R, class Reply>
constexpr bool is_value_result() noexcept {
  if constexpr (std::is_empty_v<Reply> || std::is_void_v<R>) {
    return false;
  } else {
    return std::is_convertible_v<R, Reply> || std::is_convertible_v<R, Result<Reply>>;
  }
}

/// F can be called with Args and returns nothing but void or Status.
template <class F, class... Args>
constexpr bool plain_shape() noexcept {
  if constexpr (std::is_invocable_v<F&, Args...>) {
    return is_plain_result<std::remove_cvref_t<std::invoke_result_t<F&, Args...>>>;
  } else {
    return false;
  }
}

template <class F, class Reply, class... Args>
constexpr bool value_shape() noexcept {
  if constexpr (std::is_invocable_v<F&, Args...>) {
    using R = std::remove_cvref_t<std::invoke_result_t<F&, Args...>>;
    return is_plain_result<R> || is_value_result<R, Reply>();
  } else {
    return false;
  }
}

enum class Shape : std::uint8_t { none, in_place, later, by_value };

template <class C, class F, class... In>
constexpr Shape shape_after() noexcept {
  using Reply = typename C::Reply;
  if constexpr (plain_shape<F, In..., Reply&, Context&>() || plain_shape<F, In..., Reply&>()) {
    return Shape::in_place;
  } else if constexpr (value_shape<F, Reply, In..., Context&>() || value_shape<F, Reply, In...>()) {
    return Shape::by_value;
  } else if constexpr (!has_tail<Reply>()) {
    constexpr bool later =
        plain_shape<F, In..., Deferred<C>, Context&>() || plain_shape<F, In..., Deferred<C>>();
    return later ? Shape::later : Shape::none;
  } else {
    return Shape::none;
  }
}

/// Stops the compiler with the command, its types and the handler in the name of this template.
template <class CommandName, class Request, class Reply, class Handler, bool Fits>
struct HandlerFitsCommand {
  static_assert(Fits,
                "this handler does not fit its Command. It takes (const Request&, Reply&, "
                "Context&), (const Request&, Reply&), (const Request&, Context&), (const "
                "Request&), or Deferred<Command> in the place of Reply&, and returns void or "
                "Status, or without Reply& and Deferred also Reply or Result<Reply>; a Request "
                "that is Nothing may be left out");
  static constexpr bool value = Fits;
};

template <class C, class F>
struct HandlerFits {
  using Request = typename C::Request;
  static constexpr Shape with_request = shape_after<C, F, const Request&>();
  static constexpr Shape without =
      std::is_empty_v<Request> && with_request == Shape::none ? shape_after<C, F>() : Shape::none;
  static constexpr Shape shape = with_request != Shape::none ? with_request : without;
  static constexpr bool value = HandlerFitsCommand<typename C::Label, Request, typename C::Reply, F,
                                                   shape != Shape::none>::value;
};

// --- calling it --------------------------------------------------------------------------------

/// A handler's own failure: its code and words, or the number of its kind.
inline Status status_of(const Error& error) noexcept {
  return Status::reject(error.code != 0 ? error.code : static_cast<std::int32_t>(error.kind),
                        error.message.view());
}

/// Calls `function` and makes a Status of whatever it returns; a Reply goes to `out`.
template <class Reply, class F, class... Args>
Status take_result([[maybe_unused]] Reply& out, F& function, Args&&... args) {
  using R = std::remove_cvref_t<std::invoke_result_t<F&, Args...>>;
  if constexpr (std::is_void_v<R>) {
    function(std::forward<Args>(args)...);
    return Status::ok();
  } else if constexpr (std::is_same_v<R, Status>) {
    return function(std::forward<Args>(args)...);
  } else if constexpr (std::is_convertible_v<R, Reply>) {
    out = function(std::forward<Args>(args)...);
    return Status::ok();
  } else {
    static_assert(std::is_convertible_v<R, Result<Reply>>,
                  "a handler returns void, Status, its Reply or a Result of its Reply");
    Result<Reply> result = function(std::forward<Args>(args)...);
    if (!result) return status_of(result.error());
    out = *std::move(result);
    return Status::ok();
  }
}

/// With the context if it takes one.
template <class Reply, class F, class... Args>
Status call_with(Reply& out, F& function, Context& context, Args&&... args) {
  if constexpr (std::is_invocable_v<F&, Args..., Context&>) {
    return take_result(out, function, std::forward<Args>(args)..., context);
  } else {
    return take_result(out, function, std::forward<Args>(args)...);
  }
}

template <class C, Shape How, class F, class... In>
Status call_shape(F& function, Context& context, typename C::Reply& out, const In&... in) {
  if constexpr (How == Shape::in_place) {
    return call_with(out, function, context, in..., out);
  } else if constexpr (How == Shape::later) {
    const bool one_way = context.one_way();
    return call_with(out, function, context, in..., Deferred<C>(context.defer(), one_way));
  } else {
    return call_with(out, function, context, in...);
  }
}

template <class C, class F>
Status call_typed(F& function, Context& context, const typename C::Request& in,
                  typename C::Reply& out) {
  using Fit = HandlerFits<C, F>;
  if constexpr (is_checkable<typename C::Request>()) {
    if (const auto bad = first_bad(in); !bad.empty()) {
      FixedText<40> message("no valid value: ");
      return Status::reject(request_value_invalid, message.append(bad).view());
    }
  }
  if constexpr (Fit::with_request != Shape::none) {
    return call_shape<C, Fit::shape>(function, context, out, in);
  } else {
    return call_shape<C, Fit::shape>(function, context, out);
  }
}

/// The reply lies in the caller's own memory while the handler fills it.
template <class C, class F>
Status reply_in_place(F& function, Context& context, const typename C::Request& in) {
  using Reply = typename C::Reply;
  const auto memory = context.reply_buffer(sizeof(Reply));
  if (!memory.empty()) [[likely]] {
    return call_typed<C>(function, context, in, *::new (memory.data()) Reply{});
  }
  // A caller that was built before Reply grew gets the part that it knows.
  const auto place = [&context](std::size_t bytes) { return context.smaller_reply_buffer(bytes); };
  const auto room = room_for_earlier<Reply>(place);
  if (room.empty()) return Status::ok();  // the caller gets too_large
  Reply out{};
  const Status status = call_typed<C>(function, context, in, out);
  std::memcpy(room.data(), &out, room.size());
  return status;
}

/// The reply has parts behind it: all the room that there is, cut to what was used.
template <class C, class F>
Status reply_with_tail(F& function, Context& context, const typename C::Request& in) {
  using Reply = typename C::Reply;
  const auto memory =
      context.reply_buffer(std::max<std::size_t>(context.reply_capacity(), sizeof(Reply)));
  if (memory.empty()) return Status::ok();
  Tail tail(memory, sizeof(Reply));
  context.set_tail(&tail);
  const Status status = call_typed<C>(function, context, in, *::new (memory.data()) Reply{});
  context.set_tail(nullptr);
  const auto used = context.reply_buffer(tail.used());  // may be elsewhere when it is small
  if (used.data() != memory.data()) std::memmove(used.data(), memory.data(), used.size());
  return status;
}

template <class C, class F>
Status run_request(F& function, Context& context, const typename C::Request& in) {
  using Reply = typename C::Reply;
  constexpr bool later = HandlerFits<C, F>::shape == Shape::later;
  if (wire_bytes<Reply> == 0 || later || context.one_way()) {
    Reply nobody_reads{};
    return call_typed<C>(function, context, in, nobody_reads);
  }
  if constexpr (wire_bytes<Reply> == 0 || later) {
    return Status::ok();
  } else if constexpr (has_tail<Reply>()) {
    return reply_with_tail<C>(function, context, in);
  } else {
    return reply_in_place<C>(function, context, in);
  }
}

template <class C, class F>
Status run_stream(F& function, Context& context);  // stream_handler.hpp

template <class C, class F>
Status run_message(F& function, Context& context) {
  using Request = typename C::Request;
  const auto in = context.request();
  if constexpr (wire_bytes<Request> == 0) {
    if (!in.empty()) return Status::reject(request_size_differs, "the request has no data");
    const Request nothing{};
    return run_request<C>(function, context, nothing);
  } else {
    if (in.size() == sizeof(Request) ||
        (in.size() > sizeof(Request) && fits_message<Request>(in.size()))) [[likely]] {
      return run_request<C>(function, context,
                            *static_cast<const Request*>(static_cast<const void*>(in.data())));
    }
    if constexpr (grows<Request>) {
      if (is_earlier_size<Request>(in.size())) {
        Request known{};  // what the caller does not know of is absent
        std::memcpy(static_cast<void*>(&known), in.data(), in.size());
        return run_request<C>(function, context, known);
      }
    }
    return Status::reject(request_size_differs, "request size differs from the type");
  }
}

template <class C, class F>
Status run_typed(void* object, Context& context) {
  return guarded([&]() -> Status {
    auto& function = *static_cast<F*>(object);
    if constexpr (Streaming<C>) {
      return run_stream<C>(function, context);
    } else {
      return run_message<C>(function, context);
    }
  });
}

// --- several at a time -------------------------------------------------------------------------

inline constexpr std::size_t batch_max = 64;

template <class C, class F>
class BatchHandler {
 public:
  using Request = typename C::Request;
  using Requests = std::span<const Request>;
  static_assert(wire_bytes<typename C::Reply> == 0, "a batch has no replies: use Nothing");
  static_assert(wire_bytes<Request> == sizeof(Request) && sizeof(Request) <= 40 &&
                    !has_tail<Request>(),
                "requests of a batch have a fixed size of 1 to 40 bytes");
  static_assert(plain_shape<F, Requests>() || plain_shape<F, Requests, Context&>(),
                "a batch handler takes std::span<const Request>, perhaps Context&, and returns "
                "void or Status");

  BatchHandler(F function, std::size_t max) noexcept
      : function_(std::move(function)), max_(std::clamp<std::size_t>(max, 1, batch_max)) {}

  static Status run(void* object, Context& context) {
    return guarded([&]() -> Status { return static_cast<BatchHandler*>(object)->take(context); });
  }

 private:
  Status take(Context& context) {
    const auto first = context.request();
    if (first.size() != sizeof(Request)) {
      return Status::reject(request_size_differs, "request size differs from the type");
    }
    alignas(Request) std::byte batch[batch_max * sizeof(Request)];  // NOLINT: filled as needed
    std::memcpy(batch, first.data(), sizeof(Request));
    std::size_t count = 1;
    while (count < max_ && context.take_next({batch + count * sizeof(Request), sizeof(Request)})) {
      ++count;
    }
    const Requests requests(reinterpret_cast<const Request*>(batch), count);
    if constexpr (is_checkable<Request>()) {
      for (const Request& one : requests) {
        if (const auto bad = first_bad(one); !bad.empty()) {
          FixedText<40> message("no valid value: ");
          return Status::reject(request_value_invalid, message.append(bad).view());
        }
      }
    }
    Nothing nobody_reads;
    return call_with(nobody_reads, function_, context, requests);
  }

  F function_;
  std::size_t max_;
};

}  // namespace detail
}  // namespace shmbus
