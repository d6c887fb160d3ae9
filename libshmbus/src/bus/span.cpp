// Span: a piece of a thread's work that the programmer names.
#include "os/clock.hpp"
#include "session/core.hpp"
#include "shmbus/bus.hpp"
#include "shmbus/trace.hpp"
#include "trace/record.hpp"

namespace shmbus {
namespace {

bool root_is_sampled(Sample sample, const detail::BusCore& bus) noexcept {
  if (sample == Sample::by_ratio) return trace::drawn(bus.trace_ratio());
  return sample == Sample::always;
}

}  // namespace

Span::Span(const Bus& bus, std::string_view name, const SpanOptions& options) noexcept
    : bus_(bus.core_), name_(name) {
  const trace::Here here = trace::here();
  TraceContext at = options.parent.valid() ? options.parent : here.context;
  if (at.valid()) {
    parent_ = at.span_id;
  } else {
    at.trace_id = trace::new_trace_id();
    at.span_id = trace::new_span_id();
    at.flags = bus_ && root_is_sampled(options.sample, *bus_) ? 1 : 0;
  }
  if (at.sampled() && bus_) {
    at.span_id = trace::new_span_id();
    began_ = wait::ticks();
  }
  frame_.enter(at, here.attempt);
}

Span::~Span() {
  frame_.leave();
  if (began_ == 0 || !bus_->attachment().intact()) return;
  trace::SpanRecord record;
  record.context = frame_.context;
  record.parent = parent_;
  record.began = began_;
  record.name = name_.view();
  record.error = error_;
  trace::write(bus_->attachment(), record);
}

}  // namespace shmbus
