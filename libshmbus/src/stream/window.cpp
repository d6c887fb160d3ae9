#include "stream/window.hpp"

#include <cstring>

#include "base/line.hpp"
#include "base/scheduled.hpp"
#include "base/testpoint.hpp"

namespace shmbus::stream {

namespace {
constexpr std::uint64_t drawn_bytes_max = 4 * layout::line_bytes;
}  // namespace

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
  head->writer.written.store(0, std::memory_order_relaxed);
  head->reader.consumed.store(0, std::memory_order_relaxed);
  head->handler.park.store(0, std::memory_order_relaxed);
  head->handler.parked_at.store(0, std::memory_order_relaxed);
  head->events.count.store(0, std::memory_order_relaxed);
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

void WindowWriter::put_word(RecordKind kind, std::uint64_t bytes) noexcept {
  const RecordWord word = RecordWord::make(kind, bytes);
  std::memcpy(window_.ring + at_, &word, sizeof word);
  const std::uint64_t taken = layout::record_bytes(bytes);
  at_ = taken == window_.size - at_ ? 0 : at_ + taken;
  written_ += taken;
  SHMBUS_TESTPOINT("window.filled");
  // SYNC window.record: the record's word and bytes.
  window_.head->writer.written.store(written_, std::memory_order_release);
}

WindowWriter::Room WindowWriter::reserve_slowly(std::uint64_t bytes,
                                                std::uint64_t needed) noexcept {
  if (bytes > record_bytes_max()) return Room::too_large;
  if (!look()) return Room::spoiled;
  const auto free = [this] { return window_.size - (written_ - consumed_); };
  if (const std::uint64_t rest = window_.size - at_; rest < needed) {
    if (free() < rest) return Room::none;
    put_word(RecordKind::skip, rest - layout::record_word_bytes);
    SHMBUS_TESTPOINT("window.skipped");
  }
  return free() >= needed ? Room::there : Room::none;
}

/// Asks for the lines of a small record that comes later.
void WindowWriter::draw_lines(std::uint64_t bytes) const noexcept {
  constexpr std::uint64_t ahead = 8 * layout::line_bytes;
  if (window_.size - (written_ - consumed_) < ahead + bytes) return;
  for (std::uint64_t at = at_ + ahead; at < at_ + ahead + bytes; at += layout::line_bytes) {
    lane::fetch_to_write(window_.ring + window_.wrapped(at));
  }
}

void WindowWriter::commit(std::uint64_t bytes, RecordKind kind) noexcept {
  put_word(kind, bytes);
  if (bytes < drawn_bytes_max) draw_lines(bytes + layout::line_bytes);
  SHMBUS_TESTPOINT("window.committed");
}

// --- the reader --------------------------------------------------------------------------------

/// REQUIRES: something was written that was not consumed.
WindowReader::Next WindowReader::take(std::span<const std::byte>& out) noexcept {
  for (;;) {
    RecordWord word;
    std::memcpy(&word, window_.ring + at_, sizeof word);
    const std::uint64_t taken = layout::record_bytes(word.bytes());
    if (taken > written_ - consumed_ || taken > window_.size - at_) return Next::spoiled;
    switch (word.kind()) {
      case RecordKind::data:
        out = {window_.ring + at_ + layout::record_word_bytes, word.bytes()};
        held_ = taken;
        if (SHMBUS_MISTAKE("record.given_up")) {
          window_.head->reader.consumed.store(consumed_ + taken, std::memory_order_release);
        }
        return Next::record;
      case RecordKind::end:
        return Next::end;
      case RecordKind::skip:
        if (taken != window_.size - at_ || at_ == 0) return Next::spoiled;
        pass(taken);
        if (consumed_ == written_) return next(out);  // what follows is at the front: no skip
        break;
      default:
        return Next::spoiled;
    }
  }
}

void WindowReader::pass(std::uint64_t bytes) noexcept {
  consumed_ += bytes;
  at_ = bytes == window_.size - at_ ? 0 : at_ + bytes;
}

/// A small record that was read is written, so that its lines leave the writer's cache, which can
/// then ask for several at once: see base/line.hpp.
void WindowReader::draw_lines() noexcept {
  constexpr std::uint64_t zero = 0;
  for (std::uint64_t at = at_; at < at_ + held_; at += layout::line_bytes) {
    std::memcpy(window_.ring + at, &zero, sizeof zero);
  }
  constexpr std::uint64_t ahead = 2 * layout::line_bytes;
  if (written_ - consumed_ > held_ + ahead) {
    lane::fetch_to_write(window_.ring + window_.wrapped(at_ + ahead));
  }
}

bool WindowReader::release() noexcept {
  if (held_ == 0) return false;
  if (held_ <= drawn_bytes_max) draw_lines();
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
