// What both sides of a stream share above the window itself: put a record or wait for room, take a
// record or wait for one, wake the other side when it sleeps. How to wait, and what ends a stream,
// is each side's own: StreamEnd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "attach/deadline.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "shmbus/error.hpp"
#include "stream/window.hpp"

namespace shmbus::detail {

// How often a side looks before it asks for the time, and for how long before it sleeps.
#if defined(SHMBUS_SCHEDULED)
inline constexpr int stream_looks = 1;  // each look is a step, and more of them try nothing else
inline constexpr std::uint64_t stream_spin_ns = 0;
#else
inline constexpr int stream_looks = 32;
inline constexpr std::uint64_t stream_spin_ns = 20'000;
#endif

class StreamEnd {
 public:
  StreamEnd() noexcept = default;
  StreamEnd(const StreamEnd&) = delete;
  StreamEnd& operator=(const StreamEnd&) = delete;
  virtual ~StreamEnd() = default;

  /// Why nothing more should be put, or ok.
  [[nodiscard]] virtual Result<void> check() noexcept = 0;
  /// Ok when `change` is there, or may be; else why there is no use in waiting on.
  [[nodiscard]] virtual Result<void> wait(stream::Change change, Deadline& deadline) noexcept = 0;
  /// For `default_timeout`.
  [[nodiscard]] virtual Duration usual_timeout() const noexcept = 0;
  [[nodiscard]] virtual const Attachment& bus() const noexcept = 0;
};

/// The words by which the other side of a window says that it sleeps, and is woken.
struct Sleeper {
  layout::Word32* park = nullptr;
  layout::Word32* parked_at = nullptr;
  layout::Word32* count = nullptr;

  /// After a store that it may wait for.
  void wake_if_asleep() const noexcept {
    wait::publisher_fence();  // SYNC window.park: the record, or the room, then "does it sleep?"
    if (park->load(std::memory_order_acquire) != 0) [[unlikely]]  // SYNC wait.parked
      wait::wake_sleeper(*count, *parked_at);
  }
  [[nodiscard]] bool asleep() const noexcept { return park->load(std::memory_order_relaxed) != 0; }
};

class RecordWriter {
 public:
  /// `answered`: of a command that may be answered while this lives, or null.
  RecordWriter(stream::Window window, Sleeper reader, StreamEnd& end,
               const bool* answered = nullptr) noexcept
      : ring_(window), reader_(reader), end_(&end), answered_(answered) {}

  Result<void> put(std::span<const std::byte> record, Duration timeout) noexcept;
  Result<std::span<std::byte>> loan(std::size_t bytes, Duration timeout) noexcept;
  /// The first `bytes` of what was loaned.
  Result<void> commit(std::size_t bytes) noexcept;
  /// No record will follow.
  Result<void> close(Duration timeout) noexcept;

 private:
  Result<void> make_room(std::size_t bytes, Duration timeout) noexcept;
  [[gnu::noinline]] Result<void> wait_for_room(std::size_t bytes, Duration timeout,
                                               stream::WindowWriter::Room room) noexcept;

  stream::WindowWriter ring_;
  Sleeper reader_;
  StreamEnd* end_;
  const bool* answered_;
  std::size_t loaned_ = 0;
  bool has_loan_ = false;
  bool closed_ = false;
};

class RecordReader {
 public:
  RecordReader(stream::Window window, Sleeper writer, StreamEnd& end) noexcept
      : ring_(window), writer_(writer), end_(&end) {}

  /// Gives back the record before. stream_ended: the writer has closed it.
  Result<std::span<const std::byte>> next(Duration timeout) noexcept;
  /// A record waits, or the writer has closed the stream.
  [[nodiscard]] bool ready() noexcept;
  void release() noexcept {
    if (ring_.release() || (writer_.asleep() && ring_.tell())) writer_.wake_if_asleep();
  }

 private:
  [[gnu::noinline]] Result<std::span<const std::byte>> wait_for_next(
      Duration timeout, stream::WindowReader::Next came) noexcept;

  stream::WindowReader ring_;
  Sleeper writer_;
  StreamEnd* end_;
};

}  // namespace shmbus::detail
