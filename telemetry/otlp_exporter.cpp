#include "telemetry/otlp_exporter.hpp"

#include <algorithm>
#include <iterator>

#include "telemetry/otlp_json.hpp"

namespace shmbus::telemetry {
namespace {

constexpr std::uint64_t first_pause_ns = 500'000'000;
constexpr std::uint64_t longest_pause_ns = 10'000'000'000;

}  // namespace

void OtlpExporter::add(std::vector<inspect::SpanInfo> spans) {
  std::move(spans.begin(), spans.end(), std::back_inserter(queue_));
  while (queue_.size() > queue_max) {
    queue_.pop_front();
    ++counts_.lost;
  }
}

std::string OtlpExporter::flush(std::uint64_t now_ns, std::chrono::milliseconds limit) {
  if (now_ns < next_try_ns_) return {};
  std::string error = flush_at_once(limit);
  pause_ns_ = error.empty() ? 0 : std::clamp(pause_ns_ * 2, first_pause_ns, longest_pause_ns);
  next_try_ns_ = now_ns + pause_ns_;
  return error;
}

std::string OtlpExporter::flush_at_once(std::chrono::milliseconds limit) {
  while (!queue_.empty()) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), batch_max));
    const std::vector<inspect::SpanInfo> batch(queue_.begin(), queue_.begin() + count);
    const auto outcome = http_.post(otlp_text(batch, bus_), limit);
    if (!outcome.taken() && outcome.worth_another_try()) return outcome.error;
    queue_.erase(queue_.begin(), queue_.begin() + count);
    (outcome.taken() ? counts_.sent : counts_.lost) += batch.size();
    if (!outcome.taken()) return outcome.error;
  }
  return {};
}

}  // namespace shmbus::telemetry
