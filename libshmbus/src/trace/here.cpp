#include "trace/here.hpp"

#include <algorithm>

namespace shmbus {
namespace trace {
Here here(bool handler) noexcept {
  const auto* frame = detail::this_thread.trace;
  if (frame != nullptr && frame->running == detail::this_thread.running) {
    return {frame->context, frame->attempt, frame->decided};
  }
  const auto outer = detail::EnclosingCommand::of_this_thread();
  if (!outer || !handler) return {{}, 1, static_cast<bool>(outer)};
  // Its attempt is its own, not that of the calls it makes.
  return {outer.trace(), 1, true};
}

}  // namespace trace

TraceContext current_trace() noexcept { return trace::here().context; }

void detail::TraceFrame::enter(const TraceContext& where, std::uint32_t made,
                               bool is_decided) noexcept {
  context = where;
  decided = is_decided;
  attempt = static_cast<std::uint8_t>(std::min<std::uint32_t>(made, 255));
  running = this_thread.running;
  before = this_thread.trace;
  this_thread.trace = this;
  trace::Watchful::begin();
}

void detail::TraceFrame::leave() noexcept {
  trace::Watchful::end();
  this_thread.trace = before;
}

void AttemptScope::enter(std::uint32_t made) noexcept {
  const trace::Here here = trace::here();
  frame_.enter(here.context, made, here.decided);
}

}  // namespace shmbus
