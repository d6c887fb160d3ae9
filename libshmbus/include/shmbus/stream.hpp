// Streams: many records for one call, from the handler to the caller, the other way, or both ways.
// Dynamic, by bytes; types: typed_stream.hpp.
//
//   auto users = caller->open(filter);                                    // the caller
//   while (auto user = users->next()) use(*user);
//   auto how = users->end();                                              // ok, or what went wrong
//
//   shmbus::RawWriter out(context);                                       // the handler
//   if (auto put = out.put(record); !put) return shmbus::rejected_as(put.error());
//
// A stream is one call. Its records go through a window, a ring in the caller's memory: written
// there once and read in place, of any size up to the window's. A writer waits while the window is
// full, so a slow reader holds up its own stream alone. Records are in order, and each comes once.
// Whatever ends the stream (the handler's answer or refusal, its death, the caller's deadline),
// every record that was put before is read first.
//
// Threads   A RawStream belongs to the thread of its caller. A RawWriter and a RawReader are used
//           by one thread at a time: those of a Context by the thread that runs the handler, those
//           of a Responder by any.
// Lifetime  A record stays valid until the next operation on its reader. Writers and readers of a
//           Context end with the handler, those of a Responder with its answer.
// Fork      A forked child gets `forked` from every operation.
// Errors    Values; nothing is thrown. stream_ended is what follows the last record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "shmbus/error.hpp"
#include "shmbus/export.hpp"
#include "shmbus/loan.hpp"
#include "shmbus/options.hpp"

namespace shmbus {

class Context;
class Responder;

/// Which way records go.
enum class Records : std::uint8_t {
  from_handler,
  to_handler,
  both,
};

struct StreamOptions {
  /// Bytes of records, with 8 of each record's own, that may be under way in one direction; rounded
  /// up to 64. The largest record takes 8 bytes less. By default a block of 64 KiB with its head.
  std::size_t window = std::size_t{64} * 1024 - 256;
  /// Of the whole stream, from open() to its end. It travels with the command, unless it is
  /// `forever`.
  Duration timeout = forever;
  /// How long next() waits for a record, and put() for room, when they are given no time.
  Duration gap = forever;
};

namespace detail {
class CallerCore;
class HandlerReader;
class HandlerWriter;
class StreamCall;
struct CloseStream {
  SHMBUS_API void operator()(StreamCall* stream) const noexcept;
  SHMBUS_API void operator()(HandlerReader* reader) const noexcept;
  SHMBUS_API void operator()(HandlerWriter* writer) const noexcept;
};
}  // namespace detail

/// The caller's side. Destroying it cancels the call, if that has not ended.
class SHMBUS_API RawStream {
 public:
  RawStream() noexcept = default;
  explicit RawStream(std::unique_ptr<detail::StreamCall, detail::CloseStream> call) noexcept
      : call_(std::move(call)) {}

  /// The next record of the handler. stream_ended: there is none any more, and end() says why;
  /// timed_out: none came in time, and the stream goes on.
  [[nodiscard]] Result<std::span<const std::byte>> next(
      Duration timeout = default_timeout) noexcept;
  /// Whether next() would return at once. Makes no system call.
  [[nodiscard]] bool ready() noexcept;

  /// Sends a record to the handler. stream_ended: it takes none any more, and end() says why;
  /// timed_out: there was no room in time, and the record was not sent.
  Result<void> put(std::span<const std::byte> record, Duration timeout = default_timeout) noexcept;
  /// Memory for a record to the handler, to be written in place. One at a time: another loan, and
  /// put(), give it up.
  [[nodiscard]] Result<std::span<std::byte>> loan(std::size_t bytes,
                                                  Duration timeout = default_timeout) noexcept;
  /// Sends the first `bytes` of it.
  Result<void> commit(std::size_t bytes) noexcept;
  /// Tells the handler that no record will follow.
  Result<void> close() noexcept;

  /// Closes the stream, waits until the handler has answered, passing over records that were not
  /// read, and returns the reply; or the error that ended it. Once: then the reply is gone.
  [[nodiscard]] Result<ReplyView> finish() noexcept;
  /// The same for a stream without a reply; as often as you like.
  Result<void> end() noexcept;
  /// Asks the handler to stop: its next put() or next() fails with `cancelled`. What it has put
  /// before can still be read, and end() says what became of the call.
  void cancel() noexcept;

  [[nodiscard]] bool valid() const noexcept { return call_ != nullptr; }

 private:
  std::unique_ptr<detail::StreamCall, detail::CloseStream> call_;
};

/// The handler's side: records to the caller.
class SHMBUS_API RawWriter {
 public:
  RawWriter() noexcept = default;
  /// Not valid() when the command is no stream, or has a writer already.
  explicit RawWriter(Context& context) noexcept;
  explicit RawWriter(Responder& responder) noexcept;

  /// cancelled: the caller wants no more, or has gone. timed_out: there was no room in time.
  Result<void> put(std::span<const std::byte> record, Duration timeout = default_timeout) noexcept;
  [[nodiscard]] Result<std::span<std::byte>> loan(std::size_t bytes,
                                                  Duration timeout = default_timeout) noexcept;
  Result<void> commit(std::size_t bytes) noexcept;

  [[nodiscard]] bool valid() const noexcept { return writer_ != nullptr; }

 private:
  std::unique_ptr<detail::HandlerWriter, detail::CloseStream> writer_;
};

/// The handler's side: records of the caller.
class SHMBUS_API RawReader {
 public:
  RawReader() noexcept = default;
  /// Not valid() when the command has no records, or has a reader already.
  explicit RawReader(Context& context) noexcept;
  explicit RawReader(Responder& responder) noexcept;

  /// stream_ended: the caller has closed the stream after its last record. cancelled: the caller
  /// has given the call up, or has gone. timed_out: no record came in time.
  [[nodiscard]] Result<std::span<const std::byte>> next(
      Duration timeout = default_timeout) noexcept;
  [[nodiscard]] bool ready() noexcept;

  [[nodiscard]] bool valid() const noexcept { return reader_ != nullptr; }

 private:
  std::unique_ptr<detail::HandlerReader, detail::CloseStream> reader_;
};

}  // namespace shmbus
