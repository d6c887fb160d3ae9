// The handler's side: register names, run their handlers.
//
// Threads   One thread at a time may use a Server. Handlers run on the thread that polls. A
//           Responder may be answered from any thread of the process.
// Lifetime  A Server keeps its bus open. Destroying it unregisters its names; commands that it had
//           not started are told not_registered.
// Memory    A small request is handed over as a private copy. A large one lies in the segment,
//           where a faulty caller can still write while the handler reads: treat it as volatile,
//           copy what you validate.
// Fork      A forked child gets `forked` from every operation.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/command.hpp"
#include "shmbus/error.hpp"
#include "shmbus/export.hpp"
#include "shmbus/options.hpp"

namespace shmbus {

namespace detail {
struct DeferredReply;
class ServerCore;

/// Where a handler's reply goes: a small one into memory at hand, a large one into the caller's.
struct SHMBUS_API ReplyRoom {
  static constexpr std::size_t small_bytes = 48;

  std::byte* block = nullptr;  ///< the caller's memory, checked; null when it gave none
  std::uint32_t capacity = 0;  ///< of the block
  std::uint32_t size = 0;
  std::uint32_t needed = 0;  ///< set when the caller made too little room
  /// Left uninitialised: only the `size` bytes that a handler asked for are ever sent.
  alignas(8) std::byte small[small_bytes];  // NOLINT

  /// Empty when `bytes` do not fit what the caller made room for.
  std::span<std::byte> buffer(std::size_t bytes) noexcept {
    if (bytes > small_bytes) return large_buffer(bytes);
    size = static_cast<std::uint32_t>(bytes);
    return {small, bytes};
  }

 private:
  std::span<std::byte> large_buffer(std::size_t bytes) noexcept;
};

/// One command while its handler runs, as far as Context looks inside without a call.
struct Frame {
  std::span<const std::byte> request;
  ReplyRoom* reply = nullptr;
  bool one_way = false;
};
}  // namespace detail

struct CallerInfo {
  std::uint32_t pid = 0;  ///< as the caller sees itself, in its own pid namespace
  std::uint32_t uid = 0;
  FixedText<64> label;
};

/// Answers a deferred command, once, from any thread of the process.
class SHMBUS_API Responder {
 public:
  Responder() noexcept = default;
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();  ///< unanswered: the caller is told `abandoned`

  /// Memory for the reply, in place; empty when the caller made room for less.
  [[nodiscard]] std::span<std::byte> buffer(std::size_t bytes) noexcept;
  Result<void> reply() noexcept;  ///< what was written into buffer()
  Result<void> reply(std::span<const std::byte> bytes) noexcept;
  Result<void> reject(std::int32_t code, std::string_view message = {}) noexcept;
  [[nodiscard]] bool cancelled() const noexcept;
  [[nodiscard]] bool valid() const noexcept { return state_ != nullptr; }

  explicit Responder(std::unique_ptr<detail::DeferredReply> state) noexcept;

 private:
  struct SHMBUS_API Delete {
    void operator()(detail::DeferredReply* state) const noexcept;
  };
  std::unique_ptr<detail::DeferredReply, Delete> state_;
};

/// What a running handler may ask and do beyond its request and reply.
class SHMBUS_API Context {
 public:
  explicit Context(detail::Frame& frame) noexcept : frame_(&frame) {}

  [[nodiscard]] std::string_view name() const noexcept;
  [[nodiscard]] bool one_way() const noexcept { return frame_->one_way; }
  /// Time left before the caller's explicit deadline; `forever` when it named none.
  [[nodiscard]] Duration remaining() const noexcept;
  /// The caller has gone or no longer wants the answer.
  [[nodiscard]] bool cancelled() const noexcept;
  [[nodiscard]] CallerInfo caller() const noexcept;

  [[nodiscard]] std::span<const std::byte> request() const noexcept { return frame_->request; }
  /// Memory for a reply of `bytes`, in the caller's own line or block. Empty when the caller made
  /// room for less: the caller is then told too_large with the size needed.
  [[nodiscard]] std::span<std::byte> reply_buffer(std::size_t bytes) noexcept {
    return frame_->reply->buffer(bytes);
  }
  /// Answer later. The request memory stays valid only while the handler runs.
  [[nodiscard]] Responder defer() noexcept;

 private:
  detail::Frame* frame_;
};

namespace detail {

/// A handler without its type: no RTTI, no exceptions needed on either side.
class Handler {
 public:
  using Run = Status (*)(void* object, Context& context);

  Handler() noexcept = default;
  template <class F>
  static Handler make(F function, Run run) noexcept {
    Handler handler;
    handler.object_ = new (std::nothrow) F(std::move(function));
    handler.run_ = run;
    handler.destroy_ = [](void* object) { delete static_cast<F*>(object); };
    return handler;
  }
  Handler(Handler&& other) noexcept { swap(other); }
  Handler& operator=(Handler&& other) noexcept {
    swap(other);
    return *this;
  }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  ~Handler() {
    if (object_ != nullptr) destroy_(object_);
  }
  Status operator()(Context& context) const { return run_(object_, context); }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  void swap(Handler& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(run_, other.run_);
    std::swap(destroy_, other.destroy_);
  }
  void* object_ = nullptr;
  Run run_ = nullptr;
  void (*destroy_)(void*) = nullptr;
};

/// The code a caller sees when a handler threw.
inline constexpr std::int32_t handler_threw = -1;

template <class F>
Status guarded(F&& body) noexcept {
#if defined(__cpp_exceptions)
  try {
    return std::forward<F>(body)();
  } catch (...) {
    return Status::reject(handler_threw, "the handler threw an exception");
  }
#else
  return std::forward<F>(body)();
#endif
}

template <class R>
Status as_status(R&& result) noexcept {
  if constexpr (std::is_same_v<std::remove_cvref_t<R>, Status>) {
    return std::forward<R>(result);
  } else {
    static_assert(std::is_same_v<std::remove_cvref_t<R>, Status>,
                  "a handler that takes a reply reference returns Status or void");
  }
}

template <class T>
inline constexpr bool never = false;

/// Calls `function` in whichever of the accepted shapes it has.
template <class C, class F>
Status invoke_typed(F& function, const typename C::Request& in, typename C::Reply& out,
                    Context& context) {
  using In = const typename C::Request&;
  using Out = typename C::Reply&;
  if constexpr (std::is_invocable_v<F&, In, Out, Context&>) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, In, Out, Context&>>) {
      function(in, out, context);
      return Status::ok();
    } else {
      return as_status(function(in, out, context));
    }
  } else if constexpr (std::is_invocable_v<F&, In, Out>) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, In, Out>>) {
      function(in, out);
      return Status::ok();
    } else {
      return as_status(function(in, out));
    }
  } else if constexpr (std::is_invocable_r_v<typename C::Reply, F&, In>) {
    out = function(in);
    return Status::ok();
  } else if constexpr (std::is_invocable_v<F&, In>) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, In>>) {
      function(in);
      return Status::ok();
    } else {
      return as_status(function(in));
    }
  } else {
    static_assert(never<F>,
                  "this handler does not fit its Command: it takes (const Request&, Reply&, "
                  "Context&), (const Request&, Reply&) or (const Request&) and returns Status, "
                  "void, or a Reply");
    return Status::ok();
  }
}

/// The code a caller sees when its request has another size than the handler's type.
inline constexpr std::int32_t request_size_differs = -2;

template <class C, class F>
Status run_typed(void* object, Context& context) {
  using Request = typename C::Request;
  using Reply = typename C::Reply;
  return guarded([&]() -> Status {
    const auto in = context.request();
    if (in.size() != wire_bytes<Request>) {
      return Status::reject(request_size_differs, "request size differs from the type");
    }
    Reply empty{};
    Reply* out = &empty;
    if constexpr (wire_bytes<Reply> != 0) {
      if (!context.one_way()) {
        const auto memory = context.reply_buffer(sizeof(Reply));
        if (memory.empty()) return Status::ok();  // the caller is told too_large
        out = ::new (static_cast<void*>(memory.data())) Reply{};
      }
    }
    static const Request nothing{};
    const Request* request = &nothing;
    if constexpr (wire_bytes<Request> != 0) request = reinterpret_cast<const Request*>(in.data());
    return invoke_typed<C>(*static_cast<F*>(object), *request, *out, context);
  });
}

template <class F>
Status run_raw(void* object, Context& context) {
  return guarded([&]() -> Status { return (*static_cast<F*>(object))(context); });
}

}  // namespace detail

class SHMBUS_API Server {
 public:
  Server() noexcept = default;
  explicit Server(std::shared_ptr<detail::ServerCore> core) noexcept : core_(std::move(core)) {}
  Server(Server&& other) noexcept = default;
  Server& operator=(Server&& other) noexcept;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Registers C's name. already_registered names the live owner.
  template <class C, class F>
  Result<void> on(F handler) noexcept {
    return add(C::name, detail::Handler::make(std::move(handler), &detail::run_typed<C, F>),
               static_cast<std::uint32_t>(detail::wire_bytes<typename C::Request>),
               static_cast<std::uint32_t>(detail::wire_bytes<typename C::Reply>));
  }
  /// Registers a handler of bytes: `Status handler(shmbus::Context&)`.
  template <class F>
  requires std::is_invocable_r_v<Status, F&, Context&> Result<void> on(std::string_view name,
                                                                       F handler)
  noexcept {
    return add(name, detail::Handler::make(std::move(handler), &detail::run_raw<F>), 0, 0);
  }
  Result<void> off(std::string_view name) noexcept;

  /// Runs what is ready, at most `budget` commands; returns how many. Never blocks.
  Result<std::size_t> poll(std::size_t budget = 256) noexcept;
  /// Runs commands until a stop is requested, sleeping when there is nothing to do. What was
  /// committed before the stop is run before it returns.
  Result<void> run(const std::stop_token& stop) noexcept;
  /// Runs what is ready or arrives before `timeout`; returns how many commands ran.
  Result<std::size_t> run_for(Duration timeout) noexcept;
  /// Readable when poll() has something to do. Coalesces; call poll() until it returns 0.
  /// Starts one helper thread the first time.
  Result<int> fd() noexcept;

  [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }

 private:
  Result<void> add(CommandName name, detail::Handler handler, std::uint32_t request_bytes,
                   std::uint32_t reply_bytes) noexcept;
  std::shared_ptr<detail::ServerCore> core_;
};

}  // namespace shmbus
