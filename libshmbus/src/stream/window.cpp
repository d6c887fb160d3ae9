#include "stream/window.hpp"

#include "base/testpoint.hpp"

namespace shmbus::stream {

using layout::RecordKind;
using layout::RecordWord;

std::optional<Window> Window::in(std::byte* block, std::uint64_t bytes) noexcept {
  constexpr std::uint64_t head = layout::window_head_bytes;
  if (block == nullptr || bytes < head + layout::window_ring_bytes_min) return std::nullopt;
  return Window{reinterpret_cast<layout::WindowHead*>(block), block + head,
                (bytes - head) / layout::line_bytes * layout::line_bytes};
}

void Window::clear() const noexcept {
  // SYNC lane.publish, which follows.
  head->reader.consumed.store(0, std::memory_order_relaxed);
  head->handler.park.store(0, std::memory_order_relaxed);
  head->handler.parked_at.store(0, std::memory_order_relaxed);
  head->events.count.store(0, std::memory_order_relaxed);
  word_at(0).store(0, std::memory_order_relaxed);
}

// --- the writer --------------------------------------------------------------------------------

/// What the reader has released since. False: that cannot be.
bool WindowWriter::look() noexcept {
  // SYNC window.consumed: the reader has read those bytes before it stored this.
  const std::uint64_t consumed = window_.head->reader.consumed.load(std::memory_order_acquire);
  if (consumed - consumed_ > written_ - consumed_) return false;
  consumed_ = consumed;
  return true;
}

void WindowWriter::skip_to_front() noexcept {
  const std::uint64_t rest = window_.size - at_;
  window_.word_at(0).store(0, std::memory_order_relaxed);  // SYNC window.record, which follows
  const auto word = RecordWord::make(RecordKind::skip, rest - layout::record_word_bytes);
  window_.word_at(at_).store(word.bits, std::memory_order_release);  // SYNC window.record
  SHMBUS_TESTPOINT("window.skipped");
  written_ += rest;
  at_ = 0;
}

WindowWriter::Room WindowWriter::reserve_slowly(std::uint64_t bytes,
                                                std::uint64_t needed) noexcept {
  if (bytes > record_bytes_max()) return Room::too_large;
  if (!look()) return Room::spoiled;
  const auto free = [this] { return window_.size - (written_ - consumed_); };
  if (window_.size - at_ < needed) {
    // The word at the front becomes the next one, so it has to be free too.
    if (free() < window_.size - at_ + layout::record_word_bytes) return Room::none;
    skip_to_front();
  }
  return free() >= needed ? Room::there : Room::none;
}

void WindowWriter::commit(std::uint64_t bytes, RecordKind kind) noexcept {
  const std::uint64_t taken = layout::record_bytes(bytes);
  window_.word_at(at_ + taken).store(0, std::memory_order_relaxed);  // SYNC window.record
  SHMBUS_TESTPOINT("window.filled");
  // SYNC window.record: its bytes, and "none" behind it.
  window_.word_at(at_).store(RecordWord::make(kind, bytes).bits, std::memory_order_release);
  SHMBUS_TESTPOINT("window.committed");
  at_ += taken;
  written_ += taken;
}

// --- the reader --------------------------------------------------------------------------------

WindowReader::Next WindowReader::next(std::span<const std::byte>& out) noexcept {
  for (;;) {
    // SYNC window.record
    const RecordWord word{window_.word_at(at_).load(std::memory_order_acquire)};
    if (!word.written()) return Next::none;
    if (word.bytes() > window_.size) return Next::spoiled;
    const std::uint64_t taken = layout::record_bytes(word.bytes());
    if (taken > window_.size - at_) return Next::spoiled;
    switch (word.kind()) {
      case RecordKind::data:
        out = {window_.ring + at_ + layout::record_word_bytes, word.bytes()};
        held_ = taken;
        // The word behind it is read next.
        return taken < window_.size - at_ ? Next::record : Next::spoiled;
      case RecordKind::end:
        return Next::end;
      case RecordKind::skip:
        if (taken != window_.size - at_ || at_ == 0) return Next::spoiled;
        pass(taken);
        at_ = 0;
        break;
      default:
        return Next::spoiled;
    }
  }
}

void WindowReader::pass(std::uint64_t bytes) noexcept {
  consumed_ += bytes;
  at_ += bytes;
}

bool WindowReader::release() noexcept {
  if (held_ == 0) return false;
  pass(held_);
  held_ = 0;
  // The writer reads this line only when it seems to have no room: not every record is worth it.
  return consumed_ - told_ >= window_.size / 4 && tell();
}

bool WindowReader::tell() noexcept {
  if (told_ == consumed_) return false;
  told_ = consumed_;
  // SYNC window.consumed: the bytes were read.
  window_.head->reader.consumed.store(consumed_, std::memory_order_release);
  SHMBUS_TESTPOINT("window.released");
  return true;
}

}  // namespace shmbus::stream
