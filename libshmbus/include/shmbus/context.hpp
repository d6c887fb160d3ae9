// What a running handler may ask and do beyond its request and reply, and how it answers later.
//
// Threads   A Context belongs to the thread that runs the handler, and ends with it. A Responder
// may
//           be answered from any thread of the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string_view>

#include "shmbus/error.hpp"
#include "shmbus/export.hpp"
#include "shmbus/options.hpp"
#include "shmbus/trace.hpp"
#include "shmbus/types/in_message.hpp"

namespace shmbus {

class RawReader;
class RawWriter;

namespace detail {
struct DeferredReply;
struct Invocation;

/// Where a handler's reply goes: a small one into memory at hand, a large one into the caller's.
struct SHMBUS_API ReplyRoom {
  static constexpr std::size_t small_bytes = 104;  ///< what two cells have room for
  static constexpr std::size_t one_cell = 48;

  std::byte* block = nullptr;  ///< the caller's memory, checked; null when it gave none
  std::uint32_t capacity = 0;  ///< of the block
  std::uint32_t size = 0;
  std::uint32_t needed = 0;              ///< set when the caller made too little room
  std::uint32_t small_limit = one_cell;  ///< of `small`, as the command has one cell or two
  /// Left uninitialised: only the `size` bytes that a handler asked for are ever sent.
  alignas(8) std::byte small[small_bytes];  // NOLINT

  /// Empty when `bytes` do not fit what the caller made room for.
  std::span<std::byte> buffer(std::size_t bytes) noexcept {
    if (bytes > small_limit) return large_buffer(bytes);
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
  ~Responder();  ///< unanswered: the caller gets `abandoned`

  /// Memory for the reply, in place; empty when the caller made room for less.
  [[nodiscard]] std::span<std::byte> buffer(std::size_t bytes) noexcept;
  Result<void> reply() noexcept;  ///< what was written into buffer()
  Result<void> reply(std::span<const std::byte> bytes) noexcept;
  Result<void> reject(std::int32_t code, std::string_view message = {}) noexcept;
  Result<void> reject(const Status& status) noexcept;  ///< also with causes
  /// As Context::cancelled(), until it is answered.
  [[nodiscard]] bool cancelled() const noexcept;
  /// As Context::stop_token(), until it is answered.
  [[nodiscard]] std::stop_token stop_token() noexcept;
  /// As Context::trace(), until it is answered: for a TraceScope in the thread that goes on.
  [[nodiscard]] TraceContext trace() const noexcept;
  [[nodiscard]] bool valid() const noexcept { return state_ != nullptr; }

  explicit Responder(std::unique_ptr<detail::DeferredReply> state) noexcept;

 private:
  friend class RawReader;
  friend class RawWriter;
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
  /// Nobody wants the answer any more: the caller cancelled the call or gave it up at its deadline,
  /// or the call was made for another that was cancelled, or the caller has gone and had asked for
  /// this (OnCallerExit::cancel). One load, or a few; ask as often as you like.
  [[nodiscard]] bool cancelled() const noexcept;
  /// The same as a token, for what takes one. It is stopped by a thread of the server's own, which
  /// starts when the first token is asked for; stop callbacks run there. Nobody stops it once the
  /// handler has returned. Each token costs allocations and a system call. Without memory or thread
  /// for it, one that cannot be stopped (stop_possible()).
  [[nodiscard]] std::stop_token stop_token() noexcept;
  /// The caller was killed, has closed its bus, or its thread has ended: nobody will read the
  /// answer. Said as soon as somebody has noticed.
  [[nodiscard]] bool caller_gone() const noexcept;
  [[nodiscard]] CallerInfo caller() const noexcept;
  /// Where this handler's work stands: its trace, and the span that what it calls belongs to. Not
  /// valid() when the command belongs to no trace. Calls made in the handler go on in it by
  /// themselves; this is for what leaves the bus, such as an HTTP header or a log.
  [[nodiscard]] TraceContext trace() const noexcept;
  /// 1, or which attempt of a call that is made again after an error (retry.hpp); 255 and up: 255.
  [[nodiscard]] std::uint32_t attempt() const noexcept;

  [[nodiscard]] std::span<const std::byte> request() const noexcept { return frame_->request; }
  /// How many commands of this caller wait behind this one, as the caller says. A hint.
  [[nodiscard]] std::uint32_t queued() const noexcept;
  /// No other command of this caller waits at the moment: now is the time to write out what a
  /// handler gathers over several commands. One load.
  [[nodiscard]] bool end_of_batch() const noexcept;
  /// Starts the next one-way command too, if it is one of the same name and size, waits already and
  /// fits one cell: copies its request into `into`. From then on it is started: if this process
  /// dies, it is lost with the others. What Server::on_batch() is made of.
  bool take_next(std::span<std::byte> into) noexcept;

  /// Memory for a reply of `bytes`, in the caller's own line or block. Empty when the caller made
  /// room for less: the caller is then told too_large with the size needed.
  [[nodiscard]] std::span<std::byte> reply_buffer(std::size_t bytes) noexcept {
    return frame_->reply->buffer(bytes);
  }
  /// The same after a larger one was refused, which is then forgotten.
  [[nodiscard]] std::span<std::byte> smaller_reply_buffer(std::size_t bytes) noexcept {
    frame_->reply->needed = 0;
    return reply_buffer(bytes);
  }
  /// Bytes that the caller made room for.
  [[nodiscard]] std::size_t reply_capacity() const noexcept {
    const auto& room = *frame_->reply;
    return room.block != nullptr ? room.capacity : room.small_limit;
  }
  /// Behind a typed reply that has Text or Array<T>: where those are put. Without room otherwise.
  [[nodiscard]] Tail& tail() noexcept { return tail_ != nullptr ? *tail_ : no_tail(); }
  /// Set by the code that knows the type of the reply.
  void set_tail(Tail* tail) noexcept { tail_ = tail; }
  /// Answer later. The request memory stays valid only while the handler runs.
  [[nodiscard]] Responder defer() noexcept;

 private:
  friend class RawReader;
  friend class RawWriter;
  static Tail& no_tail() noexcept;
  detail::Frame* frame_;
  Tail* tail_ = nullptr;
};

/// While one lives, calls that this thread makes inside a handler stand on their own: they take
/// over neither deadline nor cancellation of the command that runs, only its trace. For what must
/// be done in any case, such as undoing half of a piece of work. Belongs to the thread that made
/// it; ends in the handler where it began. Outside of handlers it does nothing.
class SHMBUS_API Shield {
 public:
  Shield() noexcept;
  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;
  ~Shield();

 private:
  detail::TraceFrame trace_;
  const detail::Invocation* hidden_;
};

}  // namespace shmbus
