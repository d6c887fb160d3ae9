// The caller's side: call a command by name, send one-way commands, loan memory in the segment.
//
// Threads   A caller, and every loan, pending reply and reply view made from it, belongs to the
//           thread that made it; other threads get wrong_thread. Make one in each thread: lanes and
//           payload memory are the thread's own, so threads never contend. When that thread has
//           ended, another may destroy them (one thread at a time), which gives all of it back.
// Lifetime  A caller keeps its bus open. A view stays valid until it is destroyed.
// Fork      A forked child gets `forked` from every operation.
// Errors    Values; nothing is thrown. After `overloaded` and `not_registered` nothing was sent.
//
// Timeouts are relative, counted from the moment of the call on the monotonic clock. One that was
// given explicitly also travels with the command: a handler drops it unstarted when it is over. The
// default timeout (default_timeout) is kept by the caller alone, so that a hot call reads no clock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/command.hpp"
#include "shmbus/error.hpp"
#include "shmbus/export.hpp"
#include "shmbus/loan.hpp"
#include "shmbus/options.hpp"
#include "shmbus/schema/check.hpp"
#include "shmbus/schema/growth.hpp"
#include "shmbus/stream.hpp"
#include "shmbus/tsan.hpp"
#include "shmbus/types/in_message.hpp"

namespace shmbus {

/// When one-way commands tell a sleeping handler about themselves.
enum class Notify : std::uint8_t {
  now,
  later,  ///< at the next flush(): many commands, one notification
};

/// Called on the caller's own thread, from send() or flush(), for a one-way command that was
/// started and whose handler died, or that was never run. Must not throw.
using OnLost = void (*)(void* user, std::uint64_t sequence, ErrorKind why);

/// Calls one command, dynamically typed.
class SHMBUS_API RawCaller {
 public:
  RawCaller() noexcept = default;

  /// Sends `request`, waits, copies the reply; returns its size. too_large: `needed` says how much.
  [[nodiscard]] Result<std::size_t> call(std::span<const std::byte> request,
                                         std::span<std::byte> reply,
                                         Duration timeout = default_timeout) noexcept;
  /// Sends without waiting. Up to cells_per_lane - 1 commands may be outstanding in a lane.
  [[nodiscard]] Result<Pending> start(std::span<const std::byte> request,
                                      std::size_t reply_capacity,
                                      Duration timeout = default_timeout,
                                      Notify notify = Notify::now) noexcept;
  /// One-way. Returns the sequence number that OnLost would name.
  [[nodiscard]] Result<std::uint64_t> send(std::span<const std::byte> request,
                                           Notify notify = Notify::now,
                                           Duration timeout = default_timeout) noexcept;
  /// Sends the commands that lie one behind the other in `requests`, `each` bytes long: one
  /// notification, and the cost of looking up and counting once. Returns how many were sent: fewer
  /// than there are when one of them could not be (no room before the timeout); an error when that
  /// is the first. A death of this process leaves a part from the beginning sent.
  [[nodiscard]] Result<std::size_t> send_many(std::span<const std::byte> requests, std::size_t each,
                                              Notify notify = Notify::now,
                                              Duration timeout = default_timeout) noexcept;
  /// Notifies for everything sent or started with Notify::later, and reports lost commands.
  Result<void> flush() noexcept;
  /// Memory for a request of `bytes`, and for a reply of up to `reply_capacity`.
  [[nodiscard]] Result<Loan> loan(std::size_t bytes, std::size_t reply_capacity = 0) noexcept;
  /// Calls a command whose records go `records`' way, through a window: see stream.hpp. `request`
  /// is empty when the caller sends records. `reply_capacity` is room for the reply to those.
  [[nodiscard]] Result<RawStream> open(std::span<const std::byte> request,
                                       const StreamOptions& options = {},
                                       Records records = Records::from_handler,
                                       std::size_t reply_capacity = 0) noexcept;
  void on_lost(OnLost callback, void* user) noexcept;
  /// One-way commands that were lost so far, in all callers of this lane.
  [[nodiscard]] std::uint64_t lost() const noexcept;
  /// Readable when a reply may have arrived for any Pending of this caller's lane. Coalesces;
  /// level-triggered until poll() is called. Starts one helper thread the first time. Where no
  /// shmbusd watches the bus, a dead handler makes nothing readable: call poll() on a timer too.
  [[nodiscard]] Result<int> fd() noexcept;
  /// Clears fd() and looks whether the handler still lives; then ask each Pending if it is ready().
  Result<void> poll() noexcept;

  [[nodiscard]] Duration usual_timeout() const noexcept;  ///< what default_timeout stands for
  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(core_); }
  explicit RawCaller(detail::CallerRef core) noexcept : core_(std::move(core)) {}

 private:
  detail::CallerRef core_;
};

/// A reply of a known type. Points into the segment when the type is large.
template <class T>
class TypedReply {
 public:
  explicit TypedReply(ReplyView view) noexcept : view_(std::move(view)) {
    detail::tsan_observe();
    if constexpr (detail::grows<T>) {
      if (view_.bytes().size() < sizeof(T)) {
        std::memcpy(static_cast<void*>(&earlier_), view_.bytes().data(), view_.bytes().size());
      }
    }
  }
  [[nodiscard]] const T& operator*() const noexcept {
    if constexpr (detail::wire_bytes<T> == 0) {
      return earlier_;
    } else if constexpr (detail::grows<T>) {
      // What a handler that was built before T grew does not know of is absent.
      if (view_.bytes().size() < sizeof(T)) return earlier_;
    }
    return *static_cast<const T*>(static_cast<const void*>(view_.bytes().data()));
  }
  [[nodiscard]] const T* operator->() const noexcept { return &**this; }
  /// All of it: what Text and Array<T> are read with.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return view_.bytes(); }

 private:
  static constexpr bool may_be_earlier = detail::grows<T> || detail::wire_bytes<T> == 0;
  ReplyView view_;
  [[no_unique_address]] std::conditional_t<may_be_earlier, T, detail::Unused> earlier_{};
};

namespace detail {
SHMBUS_API tl::unexpected<Error> reply_size_mismatch(std::size_t got, std::size_t want) noexcept;
SHMBUS_API tl::unexpected<Error> reply_value_invalid(std::string_view member) noexcept;

/// Is this a T, or what an earlier or later version of it is?
template <class T>
Result<void> check_reply_size(std::size_t bytes) noexcept {
  bool fits = bytes == wire_bytes<T>;
  if constexpr (wire_bytes<T> != 0) fits = fits || fits_message<T>(bytes);
  if (!fits) return reply_size_mismatch(bytes, wire_bytes<T>);
  return {};
}
template <class T>
Result<void> check_reply_value([[maybe_unused]] const T& value) noexcept {
  if constexpr (is_checkable<T>()) {
    if (const auto bad = first_bad(value); !bad.empty()) return reply_value_invalid(bad);
  }
  return {};
}

template <class T>
Result<TypedReply<T>> typed(Result<ReplyView> view) noexcept {
  if (!view) return tl::unexpected<Error>(view.error());
  if (const auto fits = check_reply_size<T>(view->bytes().size()); !fits) [[unlikely]] {
    return tl::unexpected<Error>(fits.error());
  }
  TypedReply<T> reply(std::move(*view));
  if (const auto good = check_reply_value<T>(*reply); !good) [[unlikely]] {
    return tl::unexpected<Error>(good.error());
  }
  return reply;
}

/// Room for a T and, if it can grow, for what a later version may send in the same cells.
template <class T>
struct ReplySlot {
  static constexpr std::size_t one_cell = 48;
  static constexpr std::size_t two_cells = 104;
  static constexpr std::size_t cells = sizeof(T) <= one_cell ? one_cell : two_cells;
  static constexpr std::size_t spare = described<T> && sizeof(T) < cells ? cells - sizeof(T) : 0;
  union {
    T value;
    std::byte bytes[sizeof(T) + spare];  // NOLINT: an array is what is wanted
  };
  ReplySlot() noexcept : value{} {}
  [[nodiscard]] std::span<std::byte> memory() noexcept {
    return {bytes, wire_bytes<T> == 0 ? 0 : sizeof bytes};
  }
};
}  // namespace detail

template <class T>
class TypedPending {
 public:
  TypedPending() noexcept = default;
  explicit TypedPending(Pending pending) noexcept : pending_(std::move(pending)) {}
  [[nodiscard]] bool ready() const noexcept { return pending_.ready(); }
  [[nodiscard]] Result<TypedReply<T>> wait() noexcept { return detail::typed<T>(pending_.wait()); }
  void cancel() noexcept { pending_.cancel(); }
  void start_clock() noexcept { pending_.start_clock(); }

 private:
  Pending pending_;
};

/// A loaned request of a known type.
template <class C>
class TypedLoan {
 public:
  using Request = typename C::Request;
  using Reply = typename C::Reply;

  explicit TypedLoan(Loan loan) noexcept : loan_(std::move(loan)) {}
  [[nodiscard]] Request& operator*() noexcept {
    return *static_cast<Request*>(static_cast<void*>(loan_.bytes().data()));
  }
  [[nodiscard]] Request* operator->() noexcept { return &**this; }
  /// Places what Text and Array<T> of the request name; what is not used is not sent.
  [[nodiscard]] Tail& tail() noexcept {
    if (tail_.used() == 0) tail_ = Tail(loan_.bytes(), detail::wire_bytes<Request>);
    return tail_;
  }

  [[nodiscard]] Result<TypedPending<Reply>> start(Duration timeout = default_timeout) noexcept {
    cut();
    auto pending = loan_.start(timeout);
    if (!pending) return tl::unexpected<Error>(pending.error());
    return TypedPending<Reply>(std::move(*pending));
  }
  [[nodiscard]] Result<TypedReply<Reply>> call(Duration timeout = default_timeout) noexcept {
    cut();
    return detail::typed<Reply>(loan_.call(timeout));
  }
  [[nodiscard]] Result<void> send(Duration timeout = default_timeout) noexcept {
    cut();
    return loan_.send(timeout);
  }

 private:
  void cut() noexcept {
    if constexpr (detail::has_tail<Request>()) loan_.shrink(tail().used());
    detail::tsan_publish();
  }
  Loan loan_;
  Tail tail_;
};

/// Calls one command whose types are known. A thin layer on RawCaller.
template <class C>
class Caller {
 public:
  using Request = typename C::Request;
  using Reply = typename C::Reply;

  Caller() noexcept = default;
  explicit Caller(RawCaller raw) noexcept : raw_(std::move(raw)) {}

  [[nodiscard]] Result<Reply> call(const Request& request,
                                   Duration timeout = default_timeout) noexcept {
    require_fixed_size();
    detail::ReplySlot<Reply> room;
    detail::tsan_publish();
    const auto size = raw_.call(detail::bytes_of(request), room.memory(), timeout);
    detail::tsan_observe();
    if (!size) return tl::unexpected<Error>(size.error());
    if (*size != detail::wire_bytes<Reply>) [[unlikely]] {
      if (const auto fits = detail::check_reply_size<Reply>(*size); !fits) {
        return tl::unexpected<Error>(fits.error());
      }
    }
    if (const auto good = detail::check_reply_value<Reply>(room.value); !good) [[unlikely]] {
      return tl::unexpected<Error>(good.error());
    }
    return room.value;
  }
  [[nodiscard]] Result<TypedPending<Reply>> start(const Request& request,
                                                  Duration timeout = default_timeout,
                                                  Notify notify = Notify::now) noexcept {
    require_fixed_size();
    detail::tsan_publish();
    auto pending =
        raw_.start(detail::bytes_of(request), detail::wire_bytes<Reply>, timeout, notify);
    if (!pending) return tl::unexpected<Error>(pending.error());
    return TypedPending<Reply>(std::move(*pending));
  }
  /// Starts a call for each request, with one notification, and puts what is pending into
  /// `pending`, which is to be as long. Returns how many were started, as RawCaller::send_many().
  [[nodiscard]] Result<std::size_t> start_many(std::span<const Request> requests,
                                               std::span<TypedPending<Reply>> pending,
                                               Duration timeout = default_timeout) noexcept {
    const std::size_t count = std::min(requests.size(), pending.size());
    std::size_t started = 0;
    for (; started < count; ++started) {
      auto one = start(requests[started], timeout, Notify::later);
      if (!one && started == 0) return tl::unexpected<Error>(one.error());
      if (!one) break;
      pending[started] = std::move(*one);
    }
    (void)raw_.flush();
    return started;
  }
  /// See RawCaller::send_many().
  [[nodiscard]] Result<std::size_t> send_many(std::span<const Request> requests,
                                              Notify notify = Notify::now,
                                              Duration timeout = default_timeout) noexcept {
    static_assert(detail::wire_bytes<Request> == sizeof(Request) && !detail::has_tail<Request>(),
                  "send_many() takes requests of a fixed size that is not 0");
    detail::tsan_publish();
    return raw_.send_many(std::as_bytes(requests), sizeof(Request), notify, timeout);
  }
  [[nodiscard]] Result<std::uint64_t> send(const Request& request, Notify notify = Notify::now,
                                           Duration timeout = default_timeout) noexcept {
    detail::tsan_publish();
    return raw_.send(detail::bytes_of(request), notify, timeout);
  }
  /// Zero copy: the request is default-constructed in the segment. `tail_bytes` more lie behind it,
  /// for its Text and Array<T>; `reply_tail_bytes` are room for those of the reply.
  [[nodiscard]] Result<TypedLoan<C>> loan(std::size_t tail_bytes = 0,
                                          std::size_t reply_tail_bytes = 0) noexcept {
    auto loan = raw_.loan(detail::wire_bytes<Request> + tail_bytes,
                          detail::wire_bytes<Reply> + reply_tail_bytes);
    if (!loan) return tl::unexpected<Error>(loan.error());
    detail::tsan_observe();
    ::new (static_cast<void*>(loan->bytes().data())) Request;
    return TypedLoan<C>(std::move(*loan));
  }
  Result<void> flush() noexcept { return raw_.flush(); }
  [[nodiscard]] RawCaller& raw() noexcept { return raw_; }

 private:
  static constexpr void require_fixed_size() noexcept {
    static_assert(!detail::has_tail<Request>() && !detail::has_tail<Reply>(),
                  "Text and Array<T> lie behind their struct: make such calls with loan()");
  }
  RawCaller raw_;
};

}  // namespace shmbus
