// What a caller holds: memory that it borrowed (Loan), a call under way (Pending), a reply
// (ReplyView). Each belongs to the thread of the caller that it came from, and keeps the bus open.
// They are moved, not copied, and what was moved from is empty.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

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
SHMBUS_API void give_back(CallerCore& core, Block& block) noexcept;

/// Assignment by what the constructors say.
template <class T>
void replace(T& held, T& by) noexcept {
  if (&held == &by) return;
  std::destroy_at(&held);
  std::construct_at(&held, std::move(by));
}
}  // namespace detail

/// The bytes of a reply. Small replies live in the view, large ones in the segment.
class SHMBUS_API ReplyView {
 public:
  ReplyView() noexcept = default;
  ReplyView(ReplyView&& other) noexcept
      : core_(std::move(other.core_)),
        block_(std::exchange(other.block_, {})),
        size_(std::exchange(other.size_, 0)) {
    if (block_.data == nullptr)
      std::copy_n(other.inline_, std::min<std::size_t>(size_, sizeof inline_), inline_);
  }
  ReplyView& operator=(ReplyView&& other) noexcept {
    detail::replace(*this, other);
    return *this;
  }
  ReplyView(const ReplyView&) = delete;
  ReplyView& operator=(const ReplyView&) = delete;
  ~ReplyView() {
    if (block_.data != nullptr) detail::give_back(*core_.get(), block_);
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {block_.data != nullptr ? block_.data : inline_, size_};
  }

 private:
  friend class detail::CallerCore;
  detail::CallerRef core_;
  detail::Block block_;
  std::uint32_t size_ = 0;
  alignas(8) std::byte inline_[104];  // NOLINT: an array is what is wanted; `size_` of it are set
};

/// A call under way. Destroying it gives the reply up; the command still runs.
class SHMBUS_API Pending {
 public:
  Pending() noexcept = default;
  Pending(Pending&& other) noexcept
      : core_(std::move(other.core_)),
        lane_(std::exchange(other.lane_, nullptr)),
        seq_(other.seq_),
        deadline_ticks_(other.deadline_ticks_),
        made_for_(other.made_for_),
        cell_(other.cell_),
        bytes_(other.bytes_),
        era_(other.era_),
        first_seq_(other.first_seq_),
        traced_(other.traced_),
        with_context_(other.with_context_),
        cancel_asked_(other.cancel_asked_),
        has_place_(other.has_place_),
        windows_(other.windows_),
        reply_(std::exchange(other.reply_, {})) {}
  Pending& operator=(Pending&& other) noexcept {
    detail::replace(*this, other);
    return *this;
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() {
    if (lane_ != nullptr) give_up();
  }

  /// True once wait() would return at once: answered, past its explicit deadline, or nobody is left
  /// to answer it. Never blocks, makes no system call.
  [[nodiscard]] bool ready() const noexcept;
  /// ready(), after waiting for it for up to `limit` and no longer than wait() would. For programs
  /// that check for other things meanwhile.
  [[nodiscard]] bool wait_ready(Duration limit) noexcept;
  /// The reply, or what became of the call. The time limit is the one the call was made with.
  [[nodiscard]] Result<ReplyView> wait() noexcept;
  /// Do not start it, or stop (Context::cancelled). wait() tells which: `cancelled`, or the answer.
  void cancel() noexcept;
  void start_clock() noexcept;  ///< the default timeout begins now, so that ready() knows of it
  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(core_); }

 private:
  friend class detail::CallerCore;
  void give_up() noexcept;

  detail::CallerRef core_;
  // Where the call lies. Mutable: ready() sends it again when its name has moved to another
  // handler.
  mutable void* lane_ = nullptr;  // none: waited for already
  mutable std::uint64_t seq_ = 0;
  std::uint64_t deadline_ticks_ = 0;  // 0: the default, counted from the first wait
  std::uint64_t made_for_ = 0;        // the command in whose handler it was made
  mutable std::uint32_t cell_ = 0;
  std::uint32_t bytes_ = 0;              // of the request
  std::uint32_t era_ = 0;                // of its caller, when it was published
  mutable std::uint64_t first_seq_ = 0;  // before it was sent again; 0: it was not
  mutable bool traced_ = false;
  bool with_context_ = false;  // it carries a trace context
  bool cancel_asked_ = false;  // by cancel()
  bool has_place_ = false;     // in the order of all commands, as its caller may rely on by now
  std::uint32_t windows_ = 0;  // flags of its blocks that are windows of a stream
  detail::Block reply_;
};

/// Memory in the segment, to be filled in place and published without a copy.
class SHMBUS_API Loan {
 public:
  Loan() noexcept = default;
  Loan(Loan&& other) noexcept
      : core_(std::move(other.core_)),
        request_(std::exchange(other.request_, {})),
        reply_(std::exchange(other.reply_, {})),
        size_(std::exchange(other.size_, 0)) {}
  Loan& operator=(Loan&& other) noexcept {
    detail::replace(*this, other);
    return *this;
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  ~Loan() {
    if (request_.data != nullptr) detail::give_back(*core_.get(), request_);
    if (reply_.data != nullptr) detail::give_back(*core_.get(), reply_);
  }

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

}  // namespace shmbus
