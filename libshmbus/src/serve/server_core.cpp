#include "serve/server_core.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "payload/extents.hpp"
#include "stats/histogram.hpp"
#include "testpoint.hpp"
#include "wait/fence.hpp"
#include "wait/futex.hpp"

namespace shmbus::detail {

using layout::CellWord;
using layout::Phase;

namespace {

constexpr std::uint64_t sleep_slice_ns = 500'000'000;  // then sweep all lanes, in case
constexpr std::uint64_t inexact_slice_ns = 1'000'000;  // without membarrier
constexpr std::uint64_t century_ns = 100ULL * 365 * 24 * 3600 * 1'000'000'000;
constexpr std::uint64_t nameless_slice_ns =
    10'000'000;  // nothing registered: a stop is all to come
constexpr std::uint64_t sweep_interval_ns = 100'000'000;  // while busy
constexpr std::uint32_t polls_between_clocks = 64;        // of a busy server
constexpr std::uint32_t looks_between_clocks = 16;        // of an idle one
constexpr std::uint32_t sample_every = 32;                // commands, for the service histogram
constexpr std::size_t poll_budget = 256;

}  // namespace

ServerCore::ServerCore(std::shared_ptr<BusCore> bus, const ServeOptions& options)
    : bus_(std::move(bus)),
      options_(options),
      label_(options.label.empty() ? bus_->label() : std::string(options.label)),
      handlers_(bus_->view().capacities().names),
      spin_(options.wait, bus_->attachment().rate.from_ns(wait::spin_max_ns)) {
  options_.label = {};  // the caller's text need not outlive the call
}

ServerCore::~ServerCore() {
  if (fd_ >= 0) ::close(fd_);
  if (attachment().forked()) return;
  bridges_.clear();
  for (std::uint32_t record = 0; record < handlers_.size(); ++record) {
    if (handlers_.find(record) == nullptr) continue;
    unbind(record);
    handlers_.set(record, nullptr);
  }
  {
    const std::scoped_lock lock(gate_->mutex);
    gate_->open = false;
  }
  for (auto& endpoint : endpoints_) endpoint->vacate(*this);
  wait::bump_and_wake(bus_->view().bus_events().registrations);
}

// --- running one command ---------------------------------------------------------------------

void ServerCore::run(serve::OwnerLane& lane, const serve::Taken& taken) noexcept {
  SHMBUS_TESTPOINT("command.started");
  Invocation call(*this, lane, taken);
  const Handler* handler = handlers_.find(taken.word.code());
  const StatusCode why = why_not(lane, taken, handler, call);
  if (why != StatusCode::ok) [[unlikely]] {
    refuse(lane, taken, call, why);
    return;
  }
  auto& stats = bus_->view().name_stats(taken.word.code());
  const bool sampled = ++sample_clock_ % sample_every == 0;
  const std::uint64_t began = sampled ? wait::ticks() : 0;
  Context context(call);
  running_ = true;
  const Status status = (*handler)(context);
  running_ = false;
  SHMBUS_TESTPOINT("command.ran");
  answer(lane, taken, call, status);
  // After the answer: nobody waits for what follows.
  if (sampled) {
    stats::record(stats.service_ns, attachment().rate.to_ns(wait::ticks() - began));
    stats::add(stats.sampled, 1);
  }
  stats::add(stats.commands, 1);
  stats::add(stats.bytes_in, call.request.size());
  stats::add(stats.bytes_out, call.reply.size);
  if (!status.is_ok()) stats::add(stats.errors, 1);
}

void ServerCore::answer(serve::OwnerLane& lane, const serve::Taken& taken, Invocation& call,
                        const Status& status) noexcept {
  if (call.one_way) {
    lane.mark_done(taken.word.seq());
  } else if (!call.deferred) {
    call.reply.commit_status(status);
  }
}

/// Why a command is not run at all, or ok.
StatusCode ServerCore::why_not(serve::OwnerLane& lane, const serve::Taken& taken,
                               const Handler* handler, Invocation& call) noexcept {
  if (handler == nullptr) return StatusCode::not_registered;
  if (lane.cancel_asked(taken.cell)) return StatusCode::cancelled;
  if (taken.head.flags == 0 && taken.head.bytes <= layout::inline_request_bytes) [[likely]] {
    const auto* cell = reinterpret_cast<const std::byte*>(taken.words.data());
    call.request = {cell + lane::inline_offset, taken.head.bytes};
    return StatusCode::ok;
  }
  if (taken.head.has(layout::cell_flags::deadline)) {
    if (wait::ticks() >= taken.words[2]) return StatusCode::expired;
    call.deadline_ticks = taken.words[2];
  }
  return locate_memory(lane, taken, call) ? StatusCode::ok : StatusCode::malformed;
}

void ServerCore::refuse(serve::OwnerLane& lane, const serve::Taken& taken, Invocation& call,
                        StatusCode why) noexcept {
  const std::uint32_t record = taken.word.code();
  if (record < handlers_.size()) stats::add(bus_->view().name_stats(record).expired, 1);
  call.reply.commit_code(why);
  if (call.one_way) lane.mark_done(taken.word.seq());
}

/// Turns what the cell claims about memory into spans, or refuses.
bool ServerCore::locate_memory(serve::OwnerLane& lane, const serve::Taken& taken,
                               Invocation& call) noexcept {
  const auto* cell = reinterpret_cast<const std::byte*>(taken.words.data());
  lane::BlockNames names;
  std::size_t at = lane::inline_offset;
  std::size_t room = layout::inline_request_bytes;
  if (taken.head.names_block()) {
    std::memcpy(&names, cell + lane::inline_offset, sizeof names);
    at = lane::inline_beside_block_offset;
    room = layout::inline_request_beside_block_bytes;
  }
  const auto& view = bus_->view();
  if (taken.head.has(layout::cell_flags::reply_block)) {
    call.reply.block =
        payload::resolve(view, {names.reply_offset64, names.reply_capacity}, lane.party());
    call.reply.capacity = names.reply_capacity;
    if (call.reply.block == nullptr) return false;
  }
  if (taken.head.has(layout::cell_flags::request_block)) {
    const auto* data =
        payload::resolve(view, {names.request_offset64, taken.head.bytes}, lane.party());
    call.request = {data, taken.head.bytes};
    return data != nullptr;
  }
  if (taken.head.bytes > room) return false;
  call.request = {cell + at, taken.head.bytes};
  if (taken.head.names_block()) {
    std::memcpy(call.aligned.data(), cell + at, taken.head.bytes);
    call.request = {call.aligned.data(), taken.head.bytes};
  }
  return true;
}

// --- polling, spinning, sleeping -------------------------------------------------------------

std::size_t ServerCore::poll_all(std::size_t budget) noexcept {
  std::size_t ran = 0;
  // By index: a handler may register a name, which can add an endpoint.
  for (std::size_t turns = endpoints_.size(); turns > 0 && ran < budget; --turns) {
    if (next_endpoint_ >= endpoints_.size()) next_endpoint_ = 0;
    ran += endpoints_[next_endpoint_++]->poll(*this, budget - ran);
  }
  return ran;
}

std::size_t ServerCore::sweep_if_due(std::uint64_t now) noexcept {
  if (now < next_sweep_) return 0;
  next_sweep_ = now + attachment().rate.from_ns(sweep_interval_ns);
  handlers_.drop_removed();
  std::size_t ran = 0;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) ran += endpoints_[i]->sweep(*this);
  return ran;
}

std::size_t ServerCore::sleep(std::uint64_t limit_ns, const std::stop_token* stop) noexcept {
  if (endpoints_.empty()) {  // no name yet: nothing can ring
    wait::pause_for(std::min(limit_ns, nameless_slice_ns));
    return 0;
  }
  std::array<wait::FutexWaiter, wait::futex_waiters_max> waiters{};
  std::size_t count = 0;
  for (auto& endpoint : endpoints_) {
    const std::uint32_t seen = endpoint->announce_sleep();
    if (count < waiters.size()) waiters[count++] = {&endpoint->shared().events.count, seen};
  }
  // SYNC lane.notice: "I sleep", then look once more; callers publish, then look whether we do.
  const bool exact = wait::sleeper_fence();
  const std::size_t ran = poll_all(poll_budget);
  // A stop that was asked for before we said that we sleep has rung too early.
  if (ran == 0 && (stop == nullptr || !stop->stop_requested())) {
    const bool all_watched = count == endpoints_.size();
    wait::futex_wait_any({waiters.data(), count},
                         exact && all_watched ? limit_ns : std::min(limit_ns, inexact_slice_ns));
  }
  for (auto& endpoint : endpoints_) {
    endpoint->announce_awake();
    if (ran == 0) stats::add(endpoint->shared().owner.parks, 1);
  }
  return ran;
}

std::size_t ServerCore::look_several_times() noexcept {
  for (std::uint32_t look = 0; look < looks_between_clocks; ++look) {
    if (const std::size_t ran = poll_all(poll_budget); ran != 0) return ran;
  }
  return 0;
}

/// The loop behind run() and run_for(): spin while it pays, then sleep.
std::size_t ServerCore::serve_until(std::uint64_t until, const std::stop_token* stop) noexcept {
  const auto& rate = attachment().rate;
  std::size_t total = 0;
  std::uint64_t idle_since = wait::ticks();
  std::uint64_t spin_for = spin_.begin();
  while (stop == nullptr || !stop->stop_requested()) {
    if (const std::size_t ran = look_several_times(); ran != 0) {
      if (idle_since != 0) spin_.spun_well();
      total += ran;
      idle_since = 0;
      if (++polls_ % polls_between_clocks == 0) total += sweep_if_due(wait::ticks());
      continue;
    }
    wait::cpu_relax();
    const std::uint64_t now = wait::ticks();
    if (now >= until) break;
    if (idle_since == 0) {
      idle_since = now;
      spin_for = spin_.begin();
    }
    if (now - idle_since < spin_for) {
      total += sweep_if_due(now);  // a server that never sleeps looks for lost hints too
      continue;
    }
    spin_.had_to_sleep();
    const std::uint64_t left_ns = until == ~0ULL ? sleep_slice_ns : rate.to_ns(until - now);
    total += sleep(std::min(left_ns, sleep_slice_ns), stop);
    total += sweep_if_due(wait::ticks());
    idle_since = 0;  // what woke us is no merit of spinning
  }
  return total;
}

/// Ok when this thread may poll now; also the moment to let go of handlers that were removed.
Result<void> ServerCore::begin_polling() noexcept {
  if (attachment().forked()) return BusCore::forked_error();
  if (running_) {
    return fail(ErrorKind::invalid_argument, "a handler must not poll the server that runs it");
  }
  handlers_.drop_removed();
  return {};
}

Result<std::size_t> ServerCore::poll(std::size_t budget) noexcept {
  if (auto ready = begin_polling(); !ready) return tl::unexpected<Error>(ready.error());
  for (auto& endpoint : endpoints_) {
    if (!endpoint->still_owned()) {
      return fail(ErrorKind::corrupted,
                  "somebody took this endpoint without asking: open the bus again");
    }
  }
  std::size_t ran = poll_all(budget);
  if (++polls_ % polls_between_clocks == 0) ran += sweep_if_due(wait::ticks());
  if (ran != 0 || bridges_.empty()) return ran;
  // Nothing left: arm fd(). Whatever arrives from here on makes it readable.
  for (auto& bridge : bridges_) bridge->clear();
  for (auto& endpoint : endpoints_) (void)endpoint->announce_sleep();
  (void)wait::sleeper_fence();  // SYNC lane.notice
  return poll_all(budget);
}

/// A stop takes effect after what was committed before it; bounded, since callers go on sending.
void ServerCore::finish_committed() noexcept {
  for (auto& endpoint : endpoints_) (void)endpoint->sweep(*this);
  std::size_t left = std::size_t{bus_->view().capacities().cells_per_lane} * 4;
  while (left-- > 0 && poll_all(poll_budget) != 0) {
  }
}

Result<void> ServerCore::run(const std::stop_token& stop) noexcept {
  if (auto ready = begin_polling(); !ready) return ready;
  const std::stop_callback wake(stop, [this] {
    for (auto& endpoint : endpoints_) wait::bump_and_wake(endpoint->shared().events.count);
  });
  (void)serve_until(~0ULL, &stop);
  finish_committed();
  return {};
}

Result<std::size_t> ServerCore::run_for(Duration timeout) noexcept {
  if (auto ready = begin_polling(); !ready) return tl::unexpected<Error>(ready.error());
  if (timeout == forever) return serve_until(~0ULL, nullptr);
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(timeout.count(), 0));
  return serve_until(wait::ticks() + attachment().rate.from_ns(std::min(ns, century_ns)), nullptr);
}

Result<int> ServerCore::fd() {
  if (attachment().forked()) return BusCore::forked_error();
  if (fd_ < 0) fd_ = ::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd_ < 0) return fail(ErrorKind::overloaded, "cannot make an eventfd", errno);
  while (bridges_.size() < endpoints_.size()) {
    auto& word = endpoints_[bridges_.size()]->shared().events.count;
    auto bridge = wait::FdBridge::watch(word, *attachment().fork_guard, ::dup(fd_));
    if (!bridge) return tl::unexpected<Error>(bridge.error());
    bridges_.push_back(std::move(*bridge));
  }
  return fd_;
}

}  // namespace shmbus::detail
