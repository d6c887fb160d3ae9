// Spans on their way to a collector: a bounded queue, posted in batches, tried again while the
// collector is away. What does not fit the queue any more, or is refused, is lost and counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "inspect/spans.hpp"
#include "telemetry/http_post.hpp"

namespace shmbus::telemetry {

class OtlpExporter {
 public:
  static constexpr std::size_t queue_max = 8192;
  static constexpr std::size_t batch_max = 512;

  struct Counts {
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;
  };

  OtlpExporter(HttpPost http, std::string bus) : http_(std::move(http)), bus_(std::move(bus)) {}

  void add(std::vector<inspect::SpanInfo> spans);
  /// Posts what is queued, unless the collector failed a moment ago. Blocks for `limit` at most for
  /// each batch, and ends with the first that fails. Empty, or why it failed.
  std::string flush(std::uint64_t now_ns, std::chrono::milliseconds limit);
  /// The same now, whatever was before.
  std::string flush_at_once(std::chrono::milliseconds limit);

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
  [[nodiscard]] std::size_t queued() const noexcept { return queue_.size(); }
  [[nodiscard]] const std::string& url() const noexcept { return http_.url(); }

 private:
  HttpPost http_;
  std::string bus_;
  std::deque<inspect::SpanInfo> queue_;
  Counts counts_;
  std::uint64_t next_try_ns_ = 0;
  std::uint64_t pause_ns_ = 0;
};

}  // namespace shmbus::telemetry
