// The caller's side: call a command by name, send one-way commands, loan memory in the segment.
//
// Threads   A caller, and every loan, pending reply and reply view made from it, belongs to the
//           thread that made it; other threads get wrong_thread. Make one in each thread: lanes and
//           payload memory are the thread's own, so threads never contend.
// Lifetime  A caller keeps its bus open. A view stays valid until it is destroyed.
// Fork      A forked child gets `forked` from every operation.
// Errors    Values; nothing is thrown. After `overloaded` and `not_registered` nothing was sent.
//
// Timeouts are relative, counted from the moment of the call on the monotonic clock. One that was
// given explicitly also travels with the command: a handler drops it unstarted when it is over. The
// default timeout (default_timeout) is kept by the caller alone, so that a hot call reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "shmbus/command.hpp"
#include "shmbus/error.hpp"
#include "shmbus/export.hpp"
#include "shmbus/options.hpp"

namespace shmbus {

namespace detail {
class CallerCore;
SHMBUS_API void destroy(CallerCore* core) noexcept;

/// Counts the handles of one caller. Plain, not atomic: they all belong to one thread.
class CallerRef {
 public:
  struct Count {
    std::uint32_t references = 0;
  };

  CallerRef() noexcept = default;
  CallerRef(CallerCore* core, Count* count) noexcept : core_(core), count_(count) {
    ++count_->references;
  }
  CallerRef(const CallerRef& other) noexcept : core_(other.core_), count_(other.count_) {
    if (core_ != nullptr) ++count_->references;
  }
  CallerRef(CallerRef&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)), count_(other.count_) {}
  CallerRef& operator=(CallerRef other) noexcept {
    std::swap(core_, other.core_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~CallerRef() {
    if (core_ != nullptr && --count_->references == 0) destroy(core_);
  }
  [[nodiscard]] CallerCore* operator->() const noexcept { return core_; }
  [[nodiscard]] CallerCore* get() const noexcept { return core_; }
  explicit operator bool() const noexcept { return core_ != nullptr; }

 private:
  CallerCore* core_ = nullptr;
  Count* count_ = nullptr;
};

struct Block {
  std::byte* data = nullptr;
  std::uint32_t capacity = 0;
  std::uint32_t offset64 = 0;
};
}  // namespace detail

/// The bytes of a reply. Small replies live in the view, large ones in the segment.
class SHMBUS_API ReplyView {
 public:
  ReplyView() noexcept = default;
  ReplyView(ReplyView&& other) noexcept;
  ReplyView& operator=(ReplyView&& other) noexcept;
  ReplyView(const ReplyView&) = delete;
  ReplyView& operator=(const ReplyView&) = delete;
  ~ReplyView();

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {block_.data != nullptr ? block_.data : inline_, size_};
  }

 private:
  friend class detail::CallerCore;
  detail::CallerRef core_;
  detail::Block block_;
  std::uint32_t size_ = 0;
  alignas(8) std::byte inline_[48]{};  // NOLINT
};

/// A call under way. Destroying it gives the reply up; the command still runs.
class SHMBUS_API Pending {
 public:
  Pending() noexcept = default;
  Pending(Pending&& other) noexcept;
  Pending& operator=(Pending&& other) noexcept;
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending();

  /// True once wait() would return at once: answered, past its explicit deadline, or nobody is left
  /// to answer it. Never blocks, makes no system call.
  [[nodiscard]] bool ready() const noexcept;
  /// The reply, or what became of the call. The time limit is the one the call was made with.
  [[nodiscard]] Result<ReplyView> wait() noexcept;
  /// Ask that the command is not started any more; wait() then tells which it was.
  void cancel() noexcept;
  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(core_); }

 private:
  friend class detail::CallerCore;
  detail::CallerRef core_;
  void* lane_ = nullptr;
  std::uint64_t seq_ = 0;
  std::uint64_t deadline_ticks_ = 0;  // 0: the default, counted from the first wait
  std::uint32_t cell_ = 0;
  detail::Block reply_;
};

/// Memory in the segment, to be filled in place and published without a copy.
class SHMBUS_API Loan {
 public:
  Loan() noexcept = default;
  Loan(Loan&& other) noexcept;
  Loan& operator=(Loan&& other) noexcept;
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  ~Loan();

  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {request_.data, size_}; }
  /// Publish fewer bytes than were loaned. Growing is not possible.
  void shrink(std::size_t bytes) noexcept {
    if (bytes < size_) size_ = static_cast<std::uint32_t>(bytes);
  }
  /// Each of these publishes the loan and leaves it empty; on an error it keeps its memory.
  [[nodiscard]] Result<Pending> start(Duration timeout = default_timeout) noexcept;
  [[nodiscard]] Result<ReplyView> call(Duration timeout = default_timeout) noexcept;
  [[nodiscard]] Result<void> send(Duration timeout = default_timeout) noexcept;

 private:
  friend class detail::CallerCore;
  detail::CallerRef core_;
  detail::Block request_;
  detail::Block reply_;
  std::uint32_t size_ = 0;
};

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
                                      Duration timeout = default_timeout) noexcept;
  /// One-way. Returns the sequence number that OnLost would name.
  [[nodiscard]] Result<std::uint64_t> send(std::span<const std::byte> request,
                                           Notify notify = Notify::now,
                                           Duration timeout = default_timeout) noexcept;
  /// Notifies for everything sent with Notify::later, and reports lost commands.
  Result<void> flush() noexcept;
  /// Memory for a request of `bytes`, and for a reply of up to `reply_capacity`.
  [[nodiscard]] Result<Loan> loan(std::size_t bytes, std::size_t reply_capacity = 0) noexcept;

  void on_lost(OnLost callback, void* user) noexcept;
  /// One-way commands that were lost so far, in all callers of this lane.
  [[nodiscard]] std::uint64_t lost() const noexcept;

  /// Readable when a reply may have arrived for any Pending of this caller's lane. Coalesces;
  /// level-triggered until poll() is called. Starts one helper thread the first time. Where no
  /// shmbusd watches the bus, a dead handler makes nothing readable: call poll() on a timer too.
  [[nodiscard]] Result<int> fd() noexcept;
  /// Clears the readiness of fd() and looks whether the handler still lives; afterwards ask each
  /// Pending whether it is ready().
  Result<void> poll() noexcept;

  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(core_); }

  explicit RawCaller(detail::CallerRef core) noexcept : core_(std::move(core)) {}

 private:
  detail::CallerRef core_;
};

/// A reply of a known type. Points into the segment when the type is large.
template <class T>
class TypedReply {
 public:
  explicit TypedReply(ReplyView view) noexcept : view_(std::move(view)) {}
  [[nodiscard]] const T& operator*() const noexcept {
    return *reinterpret_cast<const T*>(view_.bytes().data());
  }
  [[nodiscard]] const T* operator->() const noexcept { return &**this; }

 private:
  ReplyView view_;
};

namespace detail {
SHMBUS_API tl::unexpected<Error> reply_size_mismatch(std::size_t got, std::size_t want) noexcept;

template <class T>
Result<TypedReply<T>> typed(Result<ReplyView> view) noexcept {
  if (!view) return tl::unexpected<Error>(view.error());
  if (view->bytes().size() != wire_bytes<T>) {
    return reply_size_mismatch(view->bytes().size(), wire_bytes<T>);
  }
  return TypedReply<T>(std::move(*view));
}
}  // namespace detail

template <class T>
class TypedPending {
 public:
  explicit TypedPending(Pending pending) noexcept : pending_(std::move(pending)) {}
  [[nodiscard]] bool ready() const noexcept { return pending_.ready(); }
  [[nodiscard]] Result<TypedReply<T>> wait() noexcept { return detail::typed<T>(pending_.wait()); }
  void cancel() noexcept { pending_.cancel(); }

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
    return *reinterpret_cast<Request*>(loan_.bytes().data());
  }
  [[nodiscard]] Request* operator->() noexcept { return &**this; }

  [[nodiscard]] Result<TypedPending<Reply>> start(Duration timeout = default_timeout) noexcept {
    auto pending = loan_.start(timeout);
    if (!pending) return tl::unexpected<Error>(pending.error());
    return TypedPending<Reply>(std::move(*pending));
  }
  [[nodiscard]] Result<TypedReply<Reply>> call(Duration timeout = default_timeout) noexcept {
    return detail::typed<Reply>(loan_.call(timeout));
  }
  [[nodiscard]] Result<void> send(Duration timeout = default_timeout) noexcept {
    return loan_.send(timeout);
  }

 private:
  Loan loan_;
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
    Reply reply{};
    const auto size =
        raw_.call(detail::bytes_of(request), detail::writable_bytes_of(reply), timeout);
    if (!size) return tl::unexpected<Error>(size.error());
    if (*size != detail::wire_bytes<Reply>) {
      return detail::reply_size_mismatch(*size, detail::wire_bytes<Reply>);
    }
    return reply;
  }
  [[nodiscard]] Result<TypedPending<Reply>> start(const Request& request,
                                                  Duration timeout = default_timeout) noexcept {
    auto pending = raw_.start(detail::bytes_of(request), detail::wire_bytes<Reply>, timeout);
    if (!pending) return tl::unexpected<Error>(pending.error());
    return TypedPending<Reply>(std::move(*pending));
  }
  [[nodiscard]] Result<std::uint64_t> send(const Request& request, Notify notify = Notify::now,
                                           Duration timeout = default_timeout) noexcept {
    return raw_.send(detail::bytes_of(request), notify, timeout);
  }
  /// Zero copy: the request is default-constructed in the segment.
  [[nodiscard]] Result<TypedLoan<C>> loan() noexcept {
    auto loan = raw_.loan(detail::wire_bytes<Request>, detail::wire_bytes<Reply>);
    if (!loan) return tl::unexpected<Error>(loan.error());
    ::new (static_cast<void*>(loan->bytes().data())) Request;
    return TypedLoan<C>(std::move(*loan));
  }
  Result<void> flush() noexcept { return raw_.flush(); }
  [[nodiscard]] RawCaller& raw() noexcept { return raw_; }

 private:
  RawCaller raw_;
};

}  // namespace shmbus
