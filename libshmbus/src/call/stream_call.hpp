// The caller's side of a stream: a pending call whose blocks are windows.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "call/caller_core.hpp"
#include "shmbus/stream.hpp"
#include "stream/ends.hpp"

namespace shmbus::detail {

class StreamCall final : public StreamEnd {
 public:
  struct Windows {
    std::optional<stream::Window> in;   ///< records of the handler
    std::optional<stream::Window> out;  ///< records to it
  };
  /// `deadline`: as it travels with the command, in ticks; 0: none.
  StreamCall(CallerRef caller, Pending pending, const Windows& windows, std::uint64_t deadline,
             Duration gap) noexcept;
  ~StreamCall() override;

  Result<std::span<const std::byte>> next(Duration timeout) noexcept;
  [[nodiscard]] bool ready() noexcept;
  [[nodiscard]] RecordWriter* out() noexcept { return out_ ? &*out_ : nullptr; }
  Result<void> close() noexcept;
  Result<ReplyView> finish() noexcept;
  Result<void> end() noexcept;
  void cancel() noexcept;

  [[nodiscard]] Result<void> check() noexcept override;
  [[nodiscard]] Result<void> wait(stream::Change change, Deadline& deadline) noexcept override;
  [[nodiscard]] Duration usual_timeout() const noexcept override { return gap_; }
  [[nodiscard]] const Attachment& bus() const noexcept override { return caller_->attachment(); }

 private:
  void keep(Result<ReplyView> ended) noexcept;
  Result<void> wait_for_end() noexcept;

  CallerRef caller_;
  Pending pending_;
  std::optional<RecordReader> in_;
  std::optional<RecordWriter> out_;
  std::uint64_t deadline_;
  Duration gap_;
  bool cancelled_ = false;
  std::optional<Result<ReplyView>> ended_;
};

}  // namespace shmbus::detail
