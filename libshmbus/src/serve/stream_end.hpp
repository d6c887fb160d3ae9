// The handler's side of a stream: how it waits for its caller, and what ends it.
#pragma once

#include <atomic>
#include <cstdint>

#include "serve/cancellation.hpp"
#include "serve/deferred_reply.hpp"
#include "serve/server_core.hpp"
#include "shmbus/stream.hpp"
#include "stream/ends.hpp"

namespace shmbus::detail {

class HandlerEnd final : public StreamEnd {
 public:
  struct Command {
    serve::Started started;
    std::uint64_t deadline_ticks = 0;           ///< 0: none
    const DeferredReply* deferred = nullptr;    ///< null while the handler runs
    const std::atomic<bool>* ending = nullptr;  ///< see ServerCore::ending()
  };
  HandlerEnd(const Command& command, const stream::Window& window) noexcept;

  [[nodiscard]] Result<void> check() noexcept override;
  [[nodiscard]] Result<void> wait(stream::Change change, Deadline& deadline) noexcept override;
  [[nodiscard]] Duration usual_timeout() const noexcept override { return forever; }
  [[nodiscard]] const Attachment& bus() const noexcept override { return *command_.started.bus; }

  /// The caller, which sleeps at its lane.
  [[nodiscard]] Sleeper caller() const noexcept;

 private:
  [[nodiscard]] Result<void> enclosing_wanted() noexcept;
  void sleep(stream::Change change, std::uint64_t limit_ns) noexcept;

  Command command_;
  serve::CallerProbe probe_;
  layout::WindowHandler* handler_;
  layout::WindowEvents* events_;
};

class HandlerWriter {
 public:
  HandlerWriter(const HandlerEnd::Command& command, const stream::Window& window) noexcept
      : end_(command, window),
        records(window, end_.caller(), end_,
                command.deferred != nullptr ? &command.deferred->answered : nullptr) {}

 private:
  HandlerEnd end_;

 public:
  RecordWriter records;
};

class HandlerReader {
 public:
  HandlerReader(const HandlerEnd::Command& command, const stream::Window& window) noexcept
      : end_(command, window), records(window, end_.caller(), end_) {}

  Result<std::span<const std::byte>> next(Duration timeout) noexcept {
    if (auto wanted = end_.check(); !wanted) [[unlikely]]
      return tl::unexpected<Error>(wanted.error());
    return records.next(timeout);
  }

 private:
  HandlerEnd end_;

 public:
  RecordReader records;
};

}  // namespace shmbus::detail
