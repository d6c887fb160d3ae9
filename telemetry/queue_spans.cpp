#include "telemetry/queue_spans.hpp"

#include <algorithm>
#include <utility>

namespace shmbus::telemetry {
namespace {

constexpr std::size_t calls_max = 8192;
constexpr std::size_t held_max = 8192;

/// Another id, the same each time.
trace::SpanId derived(trace::SpanId id) noexcept {
  for (auto& byte : id) byte ^= 0x71U;
  return id == trace::SpanId{} ? trace::SpanId{1} : id;
}

SpanInfo queue_span(const SpanInfo& handler, std::uint64_t published,
                    std::uint64_t published_unix_ns) {
  SpanInfo span = handler;
  span.name = "queue " + handler.name;
  auto& record = span.record;
  record.kind = trace::SpanKind::internal;
  record.context.span_id = derived(record.context.span_id);
  record.error = ErrorKind::none;
  record.code = 0;
  // Two processors may read the clock in another order than they met.
  record.began = std::min(published, handler.record.began);
  span.began_unix_ns = std::min(published_unix_ns, handler.began_unix_ns);
  span.ended_unix_ns = handler.began_unix_ns;
  record.duration_ns = span.ended_unix_ns - span.began_unix_ns;
  return span;
}

}  // namespace

QueueSpans::Key QueueSpans::key(const trace::TraceId& trace, const trace::SpanId& span) noexcept {
  Key out{};
  std::copy(trace.begin(), trace.end(), out.begin());
  std::copy(span.begin(), span.end(), out.begin() + trace.size());
  return out;
}

void QueueSpans::remember(const SpanInfo& call) {
  const Key id = key(call.record.context.trace_id, call.record.context.span_id);
  if (!calls_.emplace(id, Call{call.record.published, call.published_unix_ns}).second) return;
  order_.push_back(id);
  if (order_.size() <= calls_max) return;
  calls_.erase(order_.front());
  order_.pop_front();
}

const QueueSpans::Call* QueueSpans::call_of(const SpanInfo& handler) const {
  const auto found = calls_.find(key(handler.record.context.trace_id, handler.record.parent));
  return found == calls_.end() ? nullptr : &found->second;
}

void QueueSpans::put(std::vector<SpanInfo>& out, SpanInfo handler, const Call* call) {
  if (call != nullptr) {
    out.push_back(queue_span(handler, call->published, call->published_unix_ns));
  }
  out.push_back(std::move(handler));
}

std::vector<SpanInfo> QueueSpans::pass(std::vector<SpanInfo> spans, std::uint64_t now_ns) {
  std::vector<SpanInfo> out;
  for (const auto& span : spans) {
    if (span.record.of_call()) remember(span);
  }
  for (auto& span : spans) {
    if (span.record.of_handler()) {
      held_.push_back({std::move(span), now_ns});
    } else {
      out.push_back(std::move(span));
    }
  }
  const std::size_t too_many = held_.size() > held_max ? held_.size() - held_max : 0;
  std::vector<Held> still;
  for (std::size_t i = 0; i < held_.size(); ++i) {
    const Call* call = call_of(held_[i].span);
    if (call == nullptr && i >= too_many && now_ns - held_[i].since_ns < patience_ns) {
      still.push_back(std::move(held_[i]));
    } else {
      put(out, std::move(held_[i].span), call);
    }
  }
  held_ = std::move(still);
  return out;
}

std::vector<SpanInfo> QueueSpans::rest() {
  std::vector<SpanInfo> out;
  for (auto& held : held_) put(out, std::move(held.span), call_of(held.span));
  held_.clear();
  return out;
}

}  // namespace shmbus::telemetry
