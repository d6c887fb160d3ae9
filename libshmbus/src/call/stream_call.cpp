#include "call/stream_call.hpp"

#include <cstring>
#include <new>
#include <utility>

#include "base/scheduled.hpp"
#include "layout/limits.hpp"
#include "session/core.hpp"
#include "session/empty_handle.hpp"
#include "stats/histogram.hpp"

namespace shmbus {

namespace detail {

namespace {

constexpr std::size_t window_max = std::size_t{1} << 31U;

Sleeper handler_of(const stream::Window& window) noexcept {
  auto& head = *window.head;
  return {&head.handler.park, &head.handler.parked_at, &head.events.count};
}

/// Memory for a StreamCall, taken before its command is sent: afterwards nothing may fail.
struct FreeRoom {
  void operator()(void* room) const noexcept { ::operator delete(room); }
};
static_assert(alignof(StreamCall) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

tl::unexpected<Error> has_ended() noexcept {
  return fail(ErrorKind::stream_ended, "the stream has ended: end() says how");
}

tl::unexpected<Error> no_records_this_way() noexcept {
  return fail(ErrorKind::invalid_argument,
              "no records go this way: see the command's types, or `Records` of open()");
}

}  // namespace

// --- opening -----------------------------------------------------------------------------------

/// Memory for the windows and for a request that is too long for the cell.
Result<void> CallerCore::fill_stream(lane::Outgoing& out, std::span<const std::byte> request,
                                     std::size_t reply_capacity, const StreamOptions& options,
                                     Records records, Deadline& deadline) noexcept {
  constexpr std::size_t unit = layout::line_bytes;
  const std::size_t window = layout::window_head_bytes + (options.window + unit - 1) / unit * unit;
  const bool in = records != Records::to_handler;
  const bool from_here = records != Records::from_handler;
  const std::size_t reply = in ? window : reply_capacity;
  if (in || reply > layout::inline_reply_bytes) {
    auto block = allocate(reply, deadline);
    if (!block) return tl::unexpected<Error>(block.error());
    out.reply = *block;
    out.reply_capacity = static_cast<std::uint32_t>(reply);
    if (in) out.windows |= layout::cell_flags::reply_window;
  }
  const std::size_t room = out.reply.data != nullptr ? layout::inline_request_beside_block_bytes
                                                     : layout::inline_request_bytes;
  if (!from_here && request.size() <= room && out.context == nullptr) {
    out.inline_bytes = request;
    return {};
  }
  const std::size_t bytes = from_here ? window : request.size();
  if (bytes == 0) return {};
  auto block = allocate_second(bytes, out.reply, reply, deadline);
  if (!block) return tl::unexpected<Error>(block.error());
  out.request = *block;
  out.request_bytes = static_cast<std::uint32_t>(bytes);
  if (from_here) {
    out.windows |= layout::cell_flags::request_window;
  } else {
    std::memcpy(block->data, request.data(), request.size());
  }
  return {};
}

Result<std::unique_ptr<StreamCall, CloseStream>> CallerCore::open_stream(
    std::span<const std::byte> request, std::size_t reply_capacity, const StreamOptions& options,
    Records records) noexcept {
  if (!usable()) [[unlikely]]
    return unusable();
  if (options.window < layout::window_ring_bytes_min || options.window > window_max) {
    return fail(ErrorKind::invalid_argument, "StreamOptions::window is 256 bytes to 2 GiB");
  }
  if (!enclosing_wanted()) return cancelled_error();
  std::unique_ptr<void, FreeRoom> room(::operator new(sizeof(StreamCall), std::nothrow));
  if (!room) return fail(ErrorKind::overloaded, "out of memory");
  const Duration timeout = options.timeout == default_timeout ? forever : options.timeout;
  trace::CallSpan span = begin_span();
  Deadline deadline = deadline_for(timeout);
  const auto lane = lane_for(deadline, timeout, policy::Kind::call);
  if (!lane) return tl::unexpected<Error>(lane.error());
  lane::Outgoing out;
  if (span.travels) out.context = &span.cell;
  if (auto filled = fill_stream(out, request, reply_capacity, options, records, deadline);
      !filled) {
    return tl::unexpected<Error>(filled.error());
  }
  StreamCall::Windows windows;
  if ((out.windows & layout::cell_flags::reply_window) != 0) {
    windows.in = stream::Window::in(out.reply.data, out.reply_capacity);
    if (!SHMBUS_MISTAKE("window.stale")) windows.in->clear();
  }
  if ((out.windows & layout::cell_flags::request_window) != 0) {
    windows.out = stream::Window::in(out.request.data, out.request_bytes);
    windows.out->clear();
  }
  out.command = *record_;
  out.deadline_ticks = deadline.travelling();
  out.with_caller = true;  // nobody else can read what its handler puts
  if (span.sampled()) span.published = wait::ticks();
  const auto ticket = commit(**lane, out, deadline);
  if (!ticket) return tl::unexpected<Error>(ticket.error());
  (*lane)->lane.notify();
  stats::add((*lane)->lane.head().counters.calls, 1);
  stats::add((*lane)->lane.head().counters.bytes_out, request.size());
  Pending pending = make_pending(**lane, *ticket, out, deadline, span);
  pending.windows_ = out.windows;
  return std::unique_ptr<StreamCall, CloseStream>(new (room.release()) StreamCall(
      self(), std::move(pending), windows, out.deadline_ticks, options.gap));
}

Result<ReplyView> CallerCore::wait_for_change(Pending& pending, StreamWait& stream) noexcept {
  if (!usable()) [[unlikely]]
    return unusable();
  if (this_thread.running != nullptr &&
      pending.made_for_ != EnclosingCommand::of_this_thread().id()) [[unlikely]] {
    const ScopedCurrentCommand none(nullptr);
    return wait_for(pending, &stream);
  }
  return wait_for(pending, &stream);
}

bool CallerCore::answered(const Pending& pending) const noexcept {
  const auto& lane = *static_cast<const LeasedLane*>(pending.lane_);
  return lane.lane.replied({pending.cell_, pending.seq_});
}

// --- one stream --------------------------------------------------------------------------------

StreamCall::StreamCall(CallerRef caller, Pending pending, const Windows& windows,
                       std::uint64_t deadline, Duration gap) noexcept
    : caller_(std::move(caller)), pending_(std::move(pending)), deadline_(deadline), gap_(gap) {
  if (gap_ == default_timeout) gap_ = forever;
  if (windows.in) in_.emplace(*windows.in, handler_of(*windows.in), *this);
  if (windows.out) out_.emplace(*windows.out, handler_of(*windows.out), *this);
}

StreamCall::~StreamCall() {
  if (!ended_) pending_.cancel();  // and gives it up, as it goes
}

void StreamCall::keep(Result<ReplyView> ended) noexcept {
  // A handler that had to stop mostly answers with the error by which it learned that.
  if (!ended && ended.error().kind == ErrorKind::rejected) {
    if (cancelled_) {
      ended.error().kind = ErrorKind::cancelled;
    } else if (deadline_ != 0 && wait::ticks() >= deadline_) {
      ended.error().kind = ErrorKind::timed_out;
    }
  }
  ended_.emplace(std::move(ended));
}

Result<void> StreamCall::check() noexcept {
  if (ended_) return has_ended();
  if (!caller_->usable()) return caller_->unusable_error();
  if (caller_->answered(pending_)) return has_ended();
  return {};
}

Result<void> StreamCall::wait(stream::Change change, Deadline& deadline) noexcept {
  if (ended_) return has_ended();
  (void)deadline.over(wait::ticks());  // from here on it counts
  CallerCore::StreamWait wait{change, &deadline};
  auto ended = caller_->wait_for_change(pending_, wait);
  if (wait.ended) {
    // A wrong thread learns that, and the stream goes on.
    if (!ended && !caller_->usable()) return tl::unexpected<Error>(ended.error());
    keep(std::move(ended));
    return has_ended();
  }
  if (!change.there() && deadline.over(wait::ticks())) {
    return fail(ErrorKind::timed_out,
                "nothing came, or there was no room, in time: the stream "
                "goes on");
  }
  return {};
}

Result<std::span<const std::byte>> StreamCall::next(Duration timeout) noexcept {
  if (!in_) return no_records_this_way();
  if (ended_) return has_ended();
  if (!caller_->usable()) [[unlikely]]
    return tl::unexpected<Error>(caller_->unusable_error());
  return in_->next(timeout);
}

bool StreamCall::ready() noexcept {
  if (ended_ || !caller_->usable()) return true;
  return (in_ && in_->ready()) || pending_.ready();
}

Result<void> StreamCall::close() noexcept {
  if (!out_ || ended_) return {};
  if (!caller_->usable()) return caller_->unusable_error();
  return out_->close(default_timeout);
}

void StreamCall::cancel() noexcept {
  if (ended_ || !caller_->usable()) return;
  cancelled_ = true;
  pending_.cancel();
}

Result<void> StreamCall::wait_for_end() noexcept {
  if (auto closed = close(); !closed && !ended_ && closed.error().kind != ErrorKind::stream_ended) {
    return closed;
  }
  while (in_ && !ended_) {
    const auto record = next(forever);
    if (!record && !ended_) return tl::unexpected<Error>(record.error());
  }
  if (!ended_) {
    if (!caller_->usable()) return caller_->unusable_error();
    keep(pending_.wait());
  }
  return {};
}

Result<ReplyView> StreamCall::finish() noexcept {
  if (auto over = wait_for_end(); !over) return tl::unexpected<Error>(over.error());
  if (!*ended_) return tl::unexpected<Error>(ended_->error());
  ReplyView reply(std::move(**ended_));
  return reply;
}

Result<void> StreamCall::end() noexcept {
  if (auto over = wait_for_end(); !over) return over;
  if (!*ended_) return tl::unexpected<Error>(ended_->error());
  return {};
}

void CloseStream::operator()(StreamCall* stream) const noexcept { delete stream; }

}  // namespace detail

// --- the handle --------------------------------------------------------------------------------

Result<std::span<const std::byte>> RawStream::next(Duration timeout) noexcept {
  if (!call_) return detail::empty_handle<std::span<const std::byte>>();
  return call_->next(timeout);
}
bool RawStream::ready() noexcept { return !call_ || call_->ready(); }

Result<void> RawStream::put(std::span<const std::byte> record, Duration timeout) noexcept {
  if (!call_) return detail::empty_handle<void>();
  auto* out = call_->out();
  return out != nullptr ? out->put(record, timeout) : detail::no_records_this_way();
}
Result<std::span<std::byte>> RawStream::loan(std::size_t bytes, Duration timeout) noexcept {
  if (!call_) return detail::empty_handle<std::span<std::byte>>();
  auto* out = call_->out();
  if (out == nullptr) return detail::no_records_this_way();
  return out->loan(bytes, timeout);
}
Result<void> RawStream::commit(std::size_t bytes) noexcept {
  if (!call_) return detail::empty_handle<void>();
  auto* out = call_->out();
  return out != nullptr ? out->commit(bytes) : detail::no_records_this_way();
}
Result<void> RawStream::close() noexcept {
  return call_ ? call_->close() : detail::empty_handle<void>();
}
Result<ReplyView> RawStream::finish() noexcept {
  return call_ ? call_->finish() : detail::empty_handle<ReplyView>();
}
Result<void> RawStream::end() noexcept {
  return call_ ? call_->end() : detail::empty_handle<void>();
}
void RawStream::cancel() noexcept {
  if (call_) call_->cancel();
}

}  // namespace shmbus
