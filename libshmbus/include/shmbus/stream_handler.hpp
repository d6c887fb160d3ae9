// How a handler takes the streams of its command: which functions fit, and how one is called.
// Included by typed_stream.hpp.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "shmbus/typed_handler.hpp"
#include "shmbus/typed_stream.hpp"

namespace shmbus {

namespace detail {

template <class R, class Reply>
constexpr bool is_stream_result() noexcept {
  if constexpr (std::is_void_v<R> || std::is_same_v<R, Status> || std::is_same_v<R, Result<void>>) {
    return true;
  } else {
    return !is_stream<Reply> && is_value_result<R, Reply>();
  }
}

template <class F, class Reply, class... Args>
constexpr bool stream_shape() noexcept {
  if constexpr (std::is_invocable_v<F&, Args..., Context&>) {
    return is_stream_result<std::remove_cvref_t<std::invoke_result_t<F&, Args..., Context&>>,
                            Reply>();
  } else if constexpr (std::is_invocable_v<F&, Args...>) {
    return is_stream_result<std::remove_cvref_t<std::invoke_result_t<F&, Args...>>, Reply>();
  } else {
    return false;
  }
}

/// How the handler `F` takes a stream of `C`.
enum class StreamShape : std::uint8_t { none, here, deferred };

template <class C, class F>
constexpr StreamShape stream_shape_of() noexcept {
  using Request = typename C::Request;
  using Reply = typename C::Reply;
  using In = Reader<ItemOf<Request>>;
  using Out = Writer<ItemOf<Reply>>;
  if constexpr (is_stream<Request>) {
    if (stream_shape<F, Nothing, DeferredStream<C>>()) return StreamShape::deferred;
    if constexpr (is_stream<Reply>) {
      return stream_shape<F, Reply, In&, Out&>() ? StreamShape::here : StreamShape::none;
    } else {
      return stream_shape<F, Reply, In&>() ? StreamShape::here : StreamShape::none;
    }
  } else {
    if (stream_shape<F, Nothing, const Request&, DeferredStream<C>>()) {
      return StreamShape::deferred;
    }
    return stream_shape<F, Reply, const Request&, Out&>() ? StreamShape::here : StreamShape::none;
  }
}

template <class C, class F>
requires Streaming<C>
struct HandlerFits<C, F> {
  static constexpr StreamShape shape = stream_shape_of<C, F>();
  static_assert(shape != StreamShape::none,
                "this handler does not fit its Command. It takes (const Request&, Writer<Item>&), "
                "(Reader<Item>&) or (Reader<Item>&, Writer<Item>&), or DeferredStream<Command> in "
                "the place of Reader and Writer, and perhaps Context& behind them; it returns "
                "void, Status or Result<void>, or, where only the request is a stream, also Reply "
                "or Result<Reply>");
  static constexpr bool value = shape != StreamShape::none;
};

/// Calls `function` with the context if it takes one; a Reply goes to `out`.
template <class Reply, class F, class... Args>
Status call_streaming(Reply& out, F& function, Context& context, Args&&... args) {
  const auto call = [&]() -> decltype(auto) {
    if constexpr (std::is_invocable_v<F&, Args..., Context&>) {
      return function(std::forward<Args>(args)..., context);
    } else {
      return function(std::forward<Args>(args)...);
    }
  };
  using R = std::remove_cvref_t<decltype(call())>;
  if constexpr (std::is_same_v<R, Result<void>>) {
    const R result = call();
    return result ? Status::ok() : status_of(result.error());
  } else {
    const auto same = [&call]() -> R { return call(); };
    return take_result(out, same);
  }
}

/// A request of one message beside a stream of replies, or nothing when it does not fit its type.
template <class Request>
const Request* request_in(std::span<const std::byte> bytes, Request& room) noexcept {
  if constexpr (wire_bytes<Request> == 0) {
    return bytes.empty() ? &room : nullptr;
  } else {
    if (bytes.size() == sizeof(Request) ||
        (bytes.size() > sizeof(Request) && fits_message<Request>(bytes.size()))) {
      return static_cast<const Request*>(static_cast<const void*>(bytes.data()));
    }
    if constexpr (grows<Request>) {
      if (is_earlier_size<Request>(bytes.size())) {
        std::memcpy(static_cast<void*>(&room), bytes.data(), bytes.size());
        return &room;
      }
    }
    return nullptr;
  }
}

inline Status no_stream() noexcept {
  return Status::reject(request_size_differs, "the call is no stream");
}

/// `request...`: the request, if that is one message.
template <class C, class F, class... In>
Status run_replies(F& function, Context& context, const In&... request) {
  using Reply = typename C::Reply;
  Nothing none;
  if constexpr (HandlerFits<C, F>::shape == StreamShape::deferred) {
    Responder responder = context.defer();
    if (!responder.valid()) return no_stream();
    return call_streaming(none, function, context, request...,
                          DeferredStream<C>(std::move(responder)));
  } else if constexpr (!is_stream<typename C::Request>) {
    Writer<ItemOf<Reply>> out{RawWriter(context)};
    if (!out.raw().valid()) return no_stream();
    return call_streaming(none, function, context, request..., out);
  } else if constexpr (is_stream<Reply>) {
    Reader<ItemOf<typename C::Request>> in{RawReader(context)};
    Writer<ItemOf<Reply>> out{RawWriter(context)};
    if (!in.raw().valid() || !out.raw().valid()) return no_stream();
    return call_streaming(none, function, context, in, out);
  } else {
    Reader<ItemOf<typename C::Request>> in{RawReader(context)};
    if (!in.raw().valid()) return no_stream();
    Reply reply{};
    const Status status = call_streaming(reply, function, context, in);
    const auto memory = context.reply_buffer(wire_bytes<Reply>);
    if (!memory.empty()) std::memcpy(memory.data(), &reply, memory.size());
    return status;
  }
}

template <class C, class F>
Status run_stream(F& function, Context& context) {
  using Request = typename C::Request;
  if (context.one_way()) return no_stream();
  if constexpr (is_stream<Request>) {
    return run_replies<C>(function, context);
  } else {
    Request room{};
    const Request* request = request_in(context.request(), room);
    if (request == nullptr) {
      return Status::reject(request_size_differs, "request size differs from the type");
    }
    if constexpr (is_checkable<Request>()) {
      if (const auto bad = first_bad(*request); !bad.empty()) {
        FixedText<40> message("no valid value: ");
        return Status::reject(request_value_invalid, message.append(bad).view());
      }
    }
    return run_replies<C>(function, context, *request);
  }
}

}  // namespace detail
}  // namespace shmbus
