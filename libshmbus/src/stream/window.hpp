// Both ends of a window (layout/window.hpp): what a writer and a reader do with its words, without
// any waiting. Each end keeps its position in memory of its own; what the other end wrote is copied
// once and checked against it, and a value that makes no sense ends the stream for this end.
//
// Threads   Each end belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "layout/window.hpp"

namespace shmbus::stream {

/// Where a window lies, as one process sees it.
struct Window {
  layout::WindowHead* head = nullptr;
  std::byte* ring = nullptr;
  std::uint64_t size = 0;  ///< of the ring, a multiple of 64

  /// Nothing when the block is too small for one.
  static std::optional<Window> in(std::byte* block, std::uint64_t bytes) noexcept;
  /// REQUIRES: less than twice the ring.
  [[nodiscard]] std::uint64_t wrapped(std::uint64_t at) const noexcept {
    return at < size ? at : at - size;
  }
  /// By the caller, before anybody else knows of it.
  void clear() const noexcept;
};

/// What an end waits for: that a word of the other end changes.
struct Change {
  const layout::Word64* word = nullptr;
  std::uint64_t seen = 0;

  [[nodiscard]] bool there() const noexcept {
    // SYNC window.record, SYNC window.consumed
    return word != nullptr && word->load(std::memory_order_acquire) != seen;
  }
};

class WindowWriter {
 public:
  enum class Room : std::uint8_t {
    there,
    none,       ///< until change()
    too_large,  ///< for this window
    spoiled,    ///< the reader's word makes no sense
  };

  explicit WindowWriter(Window window) noexcept : window_(window) {}

  /// Makes room for a record of `bytes`, which commit() may make shorter.
  [[nodiscard]] Room reserve(std::uint64_t bytes) noexcept {
    const std::uint64_t needed = layout::record_bytes(bytes);
    if (window_.size - at_ >= needed && window_.size - (written_ - consumed_) >= needed) [[likely]]
      return Room::there;
    return reserve_slowly(bytes, needed);
  }
  /// REQUIRES: reserve() said `there`.
  [[nodiscard]] std::byte* data() const noexcept {
    return window_.ring + at_ + layout::record_word_bytes;
  }
  /// REQUIRES: room for `bytes`.
  void commit(std::uint64_t bytes, layout::RecordKind kind = layout::RecordKind::data) noexcept;
  /// What there has to be before reserve() can say something else.
  [[nodiscard]] Change change() const noexcept {
    return {&window_.head->reader.consumed, consumed_};
  }
  [[nodiscard]] std::uint64_t record_bytes_max() const noexcept {
    return window_.size - layout::record_word_bytes;
  }

 private:
  [[gnu::noinline]] Room reserve_slowly(std::uint64_t bytes, std::uint64_t needed) noexcept;
  [[nodiscard]] bool look() noexcept;
  void draw_lines(std::uint64_t bytes) const noexcept;
  void put_word(layout::RecordKind kind, std::uint64_t bytes) noexcept;

  Window window_;
  std::uint64_t at_ = 0;        ///< of the next record
  std::uint64_t written_ = 0;   ///< bytes, counted from 0
  std::uint64_t consumed_ = 0;  ///< of these, as last seen
};

class WindowReader {
 public:
  enum class Next : std::uint8_t {
    record,
    none,     ///< until change()
    end,      ///< the writer has said that this was all
    spoiled,  ///< the writer's word makes no sense
  };

  explicit WindowReader(Window window) noexcept : window_(window) {}

  /// The next record, in place; it stays until release().
  [[nodiscard]] Next next(std::span<const std::byte>& out) noexcept {
    if (consumed_ == written_) {
      // SYNC window.record
      const std::uint64_t written = window_.head->writer.written.load(std::memory_order_acquire);
      if (written == written_) return Next::none;
      if (!believable(written)) [[unlikely]]
        return Next::spoiled;
      written_ = written;
    }
    return take(out);
  }
  /// The last record's memory may be written again. True when the writer has been told, which may
  /// wait while it has room: then wake it if it sleeps.
  [[nodiscard]] bool release() noexcept;
  /// Tells the writer of everything that was released. False when it knew.
  [[nodiscard]] bool tell() noexcept;
  /// What there has to be before next() can say something else than `none`.
  [[nodiscard]] Change change() const noexcept { return {&window_.head->writer.written, written_}; }

 private:
  [[nodiscard]] Next take(std::span<const std::byte>& out) noexcept;
  [[nodiscard]] bool believable(std::uint64_t written) const noexcept {
    return written - consumed_ <= window_.size && written % layout::record_word_bytes == 0;
  }
  void pass(std::uint64_t bytes) noexcept;
  void draw_lines() noexcept;

  Window window_;
  std::uint64_t at_ = 0;        ///< of the record that is next, or held
  std::uint64_t held_ = 0;      ///< bytes of the record that was handed out; 0: none
  std::uint64_t consumed_ = 0;  ///< bytes, counted from 0
  std::uint64_t written_ = 0;   ///< as last seen
  std::uint64_t told_ = 0;      ///< of what was consumed
};

}  // namespace shmbus::stream
