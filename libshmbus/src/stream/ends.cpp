#include "stream/ends.hpp"

#include <cstring>

#include "base/scheduled.hpp"
#include "os/spin.hpp"
#include "shmbus/typed_stream.hpp"

namespace shmbus::detail {

using stream::WindowReader;
using stream::WindowWriter;

namespace {

tl::unexpected<Error> spoiled() noexcept {
  return fail(ErrorKind::corrupted,
              "the other side of the stream wrote into its window what no correct process writes: "
              "end the stream");
}

tl::unexpected<Error> larger_than_window(std::size_t bytes, std::uint64_t max) noexcept {
  Error error{ErrorKind::too_large, 0, bytes, {}};
  error.message.append("a record of ")
      .append(bytes)
      .append(" bytes does not fit the window, which takes up to ")
      .append(max)
      .append(": open the stream with a larger StreamOptions::window");
  return tl::unexpected<Error>(error);
}

}  // namespace

tl::unexpected<Error> record_size_mismatch(std::size_t got, std::size_t want) noexcept {
  Error error{ErrorKind::type_mismatch, 0, 0, {}};
  error.message.append("the record has ")
      .append(got)
      .append(" bytes, its type ")
      .append(want)
      .append(": both sides must be built with the same Command");
  return tl::unexpected<Error>(error);
}

tl::unexpected<Error> record_value_invalid(std::string_view member) noexcept {
  Error error{ErrorKind::corrupted, 0, 0, {}};
  error.message.append("'").append(member).append("' of the record holds no value of its type");
  return tl::unexpected<Error>(error);
}

// --- writing -----------------------------------------------------------------------------------

Result<void> RecordWriter::make_room(std::size_t bytes, Duration timeout) noexcept {
  if (closed_) [[unlikely]]
    return fail(ErrorKind::invalid_argument, "this stream was closed: nothing can follow");
  const auto room = ring_.reserve(bytes);
  if (room != WindowWriter::Room::there) [[unlikely]]
    return wait_for_room(bytes, timeout, room);
  return {};
}

Result<void> RecordWriter::wait_for_room(std::size_t bytes, Duration timeout,
                                         WindowWriter::Room room) noexcept {
  Deadline deadline(end_->bus(), timeout == default_timeout ? end_->usual_timeout() : timeout);
  for (; room != WindowWriter::Room::there; room = ring_.reserve(bytes)) {
    if (room == WindowWriter::Room::too_large) {
      return larger_than_window(bytes, ring_.record_bytes_max());
    }
    if (room == WindowWriter::Room::spoiled) return spoiled();
    reader_.wake_if_asleep();  // it may have to pass a record that fills the ring up to its end
    if (auto waited = end_->wait(ring_.change(), deadline); !waited) return waited;
  }
  return {};
}

Result<void> RecordWriter::put(std::span<const std::byte> record, Duration timeout) noexcept {
  if (auto wanted = end_->check(); !wanted) [[unlikely]]
    return wanted;
  if (auto room = make_room(record.size(), timeout); !room) [[unlikely]]
    return room;
  std::byte* const to = ring_.data();
  if (!SHMBUS_MISTAKE("record.early")) std::memcpy(to, record.data(), record.size());
  has_loan_ = false;
  ring_.commit(record.size());
  if (!SHMBUS_MISTAKE("record.quiet")) reader_.wake_if_asleep();
  if (SHMBUS_MISTAKE("record.early")) std::memcpy(to, record.data(), record.size());
  return {};
}

Result<std::span<std::byte>> RecordWriter::loan(std::size_t bytes, Duration timeout) noexcept {
  if (auto wanted = end_->check(); !wanted) [[unlikely]]
    return tl::unexpected<Error>(wanted.error());
  if (auto room = make_room(bytes, timeout); !room) [[unlikely]]
    return tl::unexpected<Error>(room.error());
  loaned_ = bytes;
  has_loan_ = true;
  return std::span(ring_.data(), bytes);
}

Result<void> RecordWriter::commit(std::size_t bytes) noexcept {
  if (!has_loan_ || bytes > loaned_) [[unlikely]]
    return fail(ErrorKind::invalid_argument, "there is no loan of so many bytes to commit");
  if (answered_ != nullptr && *answered_) [[unlikely]]
    return end_->check();  // the memory is the caller's again
  has_loan_ = false;
  ring_.commit(bytes);
  reader_.wake_if_asleep();
  return {};
}

Result<void> RecordWriter::close(Duration timeout) noexcept {
  if (closed_) return {};
  if (auto room = make_room(0, timeout); !room) return room;
  closed_ = true;
  has_loan_ = false;
  ring_.commit(0, layout::RecordKind::end);
  reader_.wake_if_asleep();
  return {};
}

// --- reading -----------------------------------------------------------------------------------

Result<std::span<const std::byte>> RecordReader::next(Duration timeout) noexcept {
  release();
  std::span<const std::byte> record;
  auto came = ring_.next(record);
  if (came == WindowReader::Next::record) [[likely]]
    return record;
  // Each look takes the line from the writer: pauses between them let it get ahead.
  for (int i = 0; came == WindowReader::Next::none && i < stream_looks; ++i) {
    wait::cpu_relax();
    came = ring_.next(record);
    if (came == WindowReader::Next::record) return record;
  }
  return wait_for_next(timeout, came);
}

Result<std::span<const std::byte>> RecordReader::wait_for_next(Duration timeout,
                                                               WindowReader::Next came) noexcept {
  Deadline deadline(end_->bus(), timeout == default_timeout ? end_->usual_timeout() : timeout);
  std::span<const std::byte> record;
  for (;; came = ring_.next(record)) {
    switch (came) {
      case WindowReader::Next::record:
        return record;
      case WindowReader::Next::end:
        return fail(ErrorKind::stream_ended, "the stream has ended: there is no further record");
      case WindowReader::Next::spoiled:
        return spoiled();
      case WindowReader::Next::none:
        break;
    }
    if (!SHMBUS_MISTAKE("room.untold") && ring_.tell()) writer_.wake_if_asleep();
    if (auto waited = end_->wait(ring_.change(), deadline); !waited) {
      return tl::unexpected<Error>(waited.error());
    }
  }
}

bool RecordReader::ready() noexcept {
  release();
  if (ring_.change().there()) return true;
  if (ring_.tell()) writer_.wake_if_asleep();
  return false;
}

}  // namespace shmbus::detail
