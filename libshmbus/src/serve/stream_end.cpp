#include "serve/stream_end.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "base/scheduled.hpp"
#include "os/spin.hpp"
#include "session/empty_handle.hpp"

namespace shmbus {

namespace detail {

namespace {

constexpr std::uint64_t stream_slice_ns = 10'000'000;  // nobody may say that the caller has died
constexpr std::uint64_t inexact_stream_slice_ns = 1'000'000;  // without membarrier

Invocation& invocation(Frame* frame) noexcept { return *static_cast<Invocation*>(frame); }

}  // namespace

HandlerEnd::HandlerEnd(const Command& command, const stream::Window& window) noexcept
    : command_(command), handler_(&window.head->handler), events_(&window.head->events) {}

Sleeper HandlerEnd::caller() const noexcept {
  auto& head = command_.started.head();
  return {&head.caller.park, &head.caller.parked_at, &head.events.count};
}

Result<void> HandlerEnd::check() noexcept {
  if (!bus().guard->was_intact()) [[unlikely]]
    return fail(ErrorKind::bus_unusable, "the bus was cut short or closed: end the stream");
  if (command_.deferred != nullptr) {
    if (command_.deferred->answered) {
      return fail(ErrorKind::invalid_argument, "this stream was answered: nothing can follow");
    }
    if (!command_.deferred->gate->open.load(std::memory_order_relaxed)) {
      return fail(ErrorKind::abandoned, "the server has left: its caller got an error");
    }
  }
  if (command_.started.withdrawn()) [[unlikely]]
    return fail(ErrorKind::cancelled, "the caller wants no more of this stream: end it");
  if (command_.ending != nullptr && command_.ending->load(std::memory_order_relaxed)) [[unlikely]]
    return fail(ErrorKind::cancelled, "the server of this stream is being destroyed: end it");
  return {};
}

Result<void> HandlerEnd::enclosing_wanted() noexcept {
  if (auto wanted = check(); !wanted) return wanted;
  if (probe_.gone(command_.started)) {
    return fail(ErrorKind::cancelled, "the caller of this stream has gone: end it");
  }
  if (command_.deadline_ticks != 0 && wait::ticks() >= command_.deadline_ticks) {
    return fail(ErrorKind::timed_out, "the deadline of this stream is over: end it");
  }
  return {};
}

Result<void> HandlerEnd::wait(stream::Change change, Deadline& deadline) noexcept {
  const std::uint64_t began = wait::ticks();
  const std::uint64_t spin_until =
      wait::usable_cpus() == 1 ? began : began + bus().rate.from_ns(stream_spin_ns);
  for (std::uint64_t now = began; !change.there(); now = wait::ticks()) {
    if (now < spin_until) {
      for (int i = 0; i < stream_looks && !change.there(); ++i) wait::cpu_relax();
      continue;
    }
    if (auto wanted = enclosing_wanted(); !wanted) {
      // What was put before the caller died, or before the deadline, comes first: look again.
      if (change.there() && !SHMBUS_MISTAKE("end.early")) return {};
      return wanted;
    }
    if (deadline.over(now)) {
      return fail(ErrorKind::timed_out, "the caller made no room, or sent no record, in time");
    }
    std::uint64_t limit = std::min(deadline.left_ns(now), stream_slice_ns);
    if (command_.deadline_ticks > now)
      limit = std::min(limit, bus().rate.to_ns(command_.deadline_ticks - now));
    sleep(change, limit);
  }
  return {};
}

void HandlerEnd::sleep(stream::Change change, std::uint64_t limit_ns) noexcept {
  auto& cancelled = command_.started.head().events.count;
  const std::uint32_t cancel_seen = cancelled.load(std::memory_order_acquire);  // SYNC wait.event
  const std::uint32_t seen = events_->count.load(std::memory_order_acquire);    // SYNC wait.event
  handler_->parked_at.store(seen, std::memory_order_release);                   // SYNC wait.parked
  handler_->park.store(1, std::memory_order_release);
  // SYNC window.park: "I sleep", then look; the caller stores, then looks whether somebody sleeps.
  const bool exact = wait::sleeper_fence();
  const bool wanted = !command_.started.withdrawn() || SHMBUS_MISTAKE("cancel.unseen");
  if ((!change.there() || SHMBUS_MISTAKE("window.blind")) && wanted) {
    const std::array<wait::FutexWaiter, 2> words{
        {{&events_->count, seen}, {&cancelled, cancel_seen}}};
    wait::futex_wait_any(words, exact ? limit_ns : std::min(limit_ns, inexact_stream_slice_ns));
  }
  handler_->park.store(0, std::memory_order_relaxed);
}

void CloseStream::operator()(HandlerReader* reader) const noexcept { delete reader; }
void CloseStream::operator()(HandlerWriter* writer) const noexcept { delete writer; }

namespace {

/// Takes the window, so that it has one writer, or reader. Null: there is none, or no memory.
template <class End>
std::unique_ptr<End, CloseStream> open_end(std::span<std::byte>& block,
                                           const HandlerEnd::Command& command) noexcept {
  const auto window = stream::Window::in(block.data(), block.size());
  if (!window) return nullptr;
  std::unique_ptr<End, CloseStream> end(new (std::nothrow) End(command, *window));
  if (end) block = {};
  return end;
}

template <class End>
std::unique_ptr<End, CloseStream> open_end(Invocation& call, std::span<std::byte>& block) noexcept {
  if (call.deferred) return nullptr;
  return open_end<End>(block,
                       {call.started(), call.deadline_ticks, nullptr, call.server->ending()});
}

template <class End>
std::unique_ptr<End, CloseStream> open_end(DeferredReply* state,
                                           std::span<std::byte> DeferredReply::*block) noexcept {
  if (state == nullptr || state->answered) return nullptr;
  return open_end<End>(state->*block, {state->command, state->deadline_ticks, state, nullptr});
}

}  // namespace
}  // namespace detail

// --- the handles -------------------------------------------------------------------------------

RawWriter::RawWriter(Context& context) noexcept {
  auto& call = detail::invocation(context.frame_);
  writer_ = detail::open_end<detail::HandlerWriter>(call, call.reply_window);
}
RawWriter::RawWriter(Responder& responder) noexcept
    : writer_(detail::open_end<detail::HandlerWriter>(responder.state_.get(),
                                                      &detail::DeferredReply::reply_window)) {}

Result<void> RawWriter::put(std::span<const std::byte> record, Duration timeout) noexcept {
  return writer_ ? writer_->records.put(record, timeout) : detail::empty_handle<void>();
}
Result<std::span<std::byte>> RawWriter::loan(std::size_t bytes, Duration timeout) noexcept {
  return writer_ ? writer_->records.loan(bytes, timeout)
                 : detail::empty_handle<std::span<std::byte>>();
}
Result<void> RawWriter::commit(std::size_t bytes) noexcept {
  return writer_ ? writer_->records.commit(bytes) : detail::empty_handle<void>();
}

RawReader::RawReader(Context& context) noexcept {
  auto& call = detail::invocation(context.frame_);
  reader_ = detail::open_end<detail::HandlerReader>(call, call.request_window);
}
RawReader::RawReader(Responder& responder) noexcept
    : reader_(detail::open_end<detail::HandlerReader>(responder.state_.get(),
                                                      &detail::DeferredReply::request_window)) {}

Result<std::span<const std::byte>> RawReader::next(Duration timeout) noexcept {
  return reader_ ? reader_->next(timeout) : detail::empty_handle<std::span<const std::byte>>();
}
bool RawReader::ready() noexcept { return !reader_ || reader_->records.ready(); }

}  // namespace shmbus
