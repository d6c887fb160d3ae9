#include "serve/server_core.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "os/descriptor.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "serve/hand_over.hpp"
#include "serve/workers.hpp"
#include "stats/histogram.hpp"
#include "words/extents.hpp"

namespace shmbus::detail {

using layout::CellWord;
using layout::Phase;

namespace {

constexpr std::uint64_t sleep_slice_ns = 500'000'000;        // then sweep all lanes, in case
constexpr std::uint64_t inexact_owner_slice_ns = 1'000'000;  // without membarrier
constexpr std::uint64_t century_ns = 100ULL * 365 * 24 * 3600 * 1'000'000'000;
constexpr std::uint64_t nameless_slice_ns =
    10'000'000;  // nothing registered: a stop is all to come
constexpr std::uint64_t sweep_interval_ns = 100'000'000;  // while busy
constexpr std::uint32_t polls_between_clocks = 64;        // of a busy server
constexpr std::uint32_t looks_between_clocks = 16;        // of an idle one
constexpr std::size_t poll_budget = 256;
constexpr std::uint32_t hot_turns_between_polls = 8;

}  // namespace

ServerCore::ServerCore(std::shared_ptr<BusCore> bus, const ServeOptions& options)
    : bus_(std::move(bus)),
      options_(options),
      label_(options.label.empty() ? bus_->label() : std::string(options.label)),
      handlers_(bus_->view().capacities().names),
      spin_(options.wait, bus_->attachment().rate.from_ns(wait::spin_max_ns)),
      first_look_(bus_->attachment().rate),
      guard_(bus_->attachment().guard),
      standing_by_(options.stand_by) {
  options_.label = {};                                // the caller's text need not outlive the call
  if (options_.workers != 0) options_.hot_lanes = 0;  // lanes that wait for room are not polled
}

ServerCore::~ServerCore() {
  listed_.leave();
  if (fd_ >= 0) ::close(fd_);
  if (attachment().forked()) {
    // Its threads are not here, and its locks may be held by them for ever: nothing of it is
    // touched.
    (void)workers_.release();
    return;
  }
  mailbox_.close();
  end_workers();
  if (attachment().intact())
    (void)check_handovers();  // one who waits for an endpoint gets it as it is
  bridges_.clear();
  for (std::uint32_t record = 0; record < handlers_.size(); ++record) {
    if (handlers_.find(record) == nullptr) continue;
    if (!hand_to_members(record)) unbind(record);
    handlers_.clear(record);
  }
  {
    const std::scoped_lock lock(gate_->mutex);
    gate_->open = false;
  }
  if (gate_->stop_watcher) gate_->stop_watcher->shut_down();
  abort_drain(attachment(), *gate_);
  // What waits at an endpoint that others take over is theirs to run; elsewhere it fails.
  while (!shared_endpoints_.empty()) {
    const auto held = shared_endpoints_.back();
    release_endpoint(held.endpoint, !names::takes_elsewhere(bus_->view(), held.record));
  }
  for (auto& endpoint : endpoints_) endpoint->vacate(*this);
  add_counts();
  wait::bump_and_wake(bus_->view().bus_events().registrations);
}

std::unique_ptr<serve::StopWatch> watch_for_stop(ReplyGate& gate,
                                                 const serve::Started& command) noexcept try {
  const std::scoped_lock lock(gate.mutex);
  if (!gate.open) return nullptr;
  if (!gate.stop_watcher) {
    gate.stop_watcher = std::make_shared<serve::StopWatcher>(*command.bus->guard);
  }
  return gate.stop_watcher->watch(command);
} catch (...) {
  return nullptr;
}

// --- polling, spinning, sleeping -------------------------------------------------------------

std::size_t ServerCore::poll_all(std::size_t budget) {
  std::size_t ran = 0;
  // By index: a handler may register a name, which can add an endpoint.
  for (std::size_t turns = endpoints_.size(); turns > 0 && ran < budget; --turns) {
    if (next_endpoint_ >= endpoints_.size()) next_endpoint_ = 0;
    ran += endpoints_[next_endpoint_++]->poll(*runner_, budget - ran);
  }
  return ran;
}

std::size_t ServerCore::sweep_if_due(std::uint64_t now) {
  if (membership_changed()) maintain_groups(now);
  if (now < next_sweep_) return 0;
  next_sweep_ = now + attachment().rate.from_ns(sweep_interval_ns);
  if (!check_handovers()) {
    end_loop();  // to go on would be to serve beside somebody else
    return 0;
  }
  maintain_groups(now);
  handlers_.drop_removed();
  show_workers();
  std::size_t ran = 0;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) ran += endpoints_[i]->sweep(*runner_);
  return ran;
}

std::size_t ServerCore::sleep(std::uint64_t limit_ns, const std::stop_token* stop) {
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
  const std::size_t ran = SHMBUS_MISTAKE("bell.blind") ? 0 : poll_all(poll_budget);
  // A stop or mail that came before we said that we sleep has rung too early. SYNC serve.mail
  const bool news = loop_flags_.load(std::memory_order_acquire) != 0;
  if (ran == 0 && !news && (stop == nullptr || !stop->stop_requested())) {
    const bool all_watched = count == endpoints_.size();
    const std::uint64_t slice_ns =
        exact && all_watched ? limit_ns : std::min(limit_ns, inexact_owner_slice_ns);
    probes::park(probes::Sleeper::handler, endpoints_.front()->index(), slice_ns);
    wait::futex_wait_any({waiters.data(), count}, slice_ns);
    probes::unpark(probes::Sleeper::handler, endpoints_.front()->index(), 0);
  }
  for (auto& endpoint : endpoints_) {
    endpoint->announce_awake();
    if (ran == 0) stats::add(endpoint->shared().owner.parks, 1);
  }
  sampler_.next_is_due();  // what comes rarely is always recorded
  call_.observed.after_sleep = true;
  look_for_taps(wait::ticks());
  return ran;
}

/// One endpoint, one of its hot lanes: what a server that is kept busy does most.
std::size_t ServerCore::serve_hot(serve::OwnedEndpoint& endpoint, serve::OwnerLane& lane) {
  const std::size_t ran = run_queued(lane, serve::lane_batch);
  endpoint.note_turn(lane, ran);
  return ran;
}

std::size_t ServerCore::look_several_times() {
  // Now and then in full: what is cold, orphaned or long idle is due too.
  const bool alone = endpoints_.size() == 1 && ++hot_turns_ % hot_turns_between_polls != 0;
  serve::OwnerLane* const resting = std::exchange(just_answered_, nullptr);
  for (std::uint32_t look = 0; look < looks_between_clocks; ++look) {
    for (auto& endpoint : endpoints_) {
      auto* lane = endpoint->waiting_hot_lane(look == 0 ? resting : nullptr);
      if (lane != nullptr && lane == resting && look == 1) first_look_.found_at_once();
      if (lane != nullptr && alone) return serve_hot(*endpoint, *lane);
      if (lane != nullptr || endpoint->others_waiting()) return poll_all(poll_budget);
    }
    if (resting != nullptr) {
      if (look == 0) first_look_.look_away();
      if (look == 1) first_look_.on_miss();
    }
  }
  return poll_all(poll_budget);  // it keeps the books of idle lanes
}

/// The loop behind run() and run_for(): spin while it pays, then sleep.
std::size_t ServerCore::serve_until(std::uint64_t until, const std::stop_token* stop) {
  const auto& rate = attachment().rate;
  std::size_t total = 0;
  std::uint64_t idle_since = wait::ticks();
  std::uint64_t spin_for = spin_.begin();
  while ((stop == nullptr || !stop->stop_requested()) && attachment().intact()) {
    if (loop_flags_.load(std::memory_order_relaxed) != 0 && !attend()) [[unlikely]]
      break;
    if (const std::size_t ran = look_several_times(); ran != 0) {
      if (idle_since != 0) spin_.spun_well();
      total += ran;
      idle_since = 0;
      if (++polls_ % polls_between_clocks == 0) total += sweep_if_due(wait::ticks());
      continue;
    }
    wait::cpu_relax();
    const std::uint64_t now = wait::ticks();
    look_for_taps(now);
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
Result<void> ServerCore::begin_polling() {
  if (!attachment().intact()) return bus_->not_intact();
  if (running_) {
    return fail(ErrorKind::invalid_argument, "a handler must not poll the server that runs it");
  }
  if (loop_flags_.load(std::memory_order_relaxed) != 0) [[unlikely]]
    (void)attend();
  return tasks_went_well();
}

Result<void> ServerCore::begin_running() {
  if (standing_by_) {
    return fail(ErrorKind::invalid_argument,
                "this server stands by: call take_over() or stand_by() before it runs");
  }
  if (replaced()) may_loop();
  return begin_polling();
}

Result<void> ServerCore::check_handovers() noexcept {
  bool mine = true;
  for (std::size_t i = endpoints_.size(); i-- > 0;) {
    if (!endpoints_[i]->still_owned()) mine = give_to_standby(i) && mine;
  }
  if (!attachment().guard->was_intact()) return bus_->not_intact();
  if (mine) return {};
  return fail(ErrorKind::corrupted,
              "somebody took this endpoint without asking: open the bus again");
}

Result<std::size_t> ServerCore::poll(std::size_t budget) {
  if (auto ready = begin_polling(); !ready) return tl::unexpected<Error>(ready.error());
  if (auto mine = check_handovers(); !mine) return tl::unexpected<Error>(mine.error());
  if (call_.observed.was_idle) look_for_taps(wait::ticks());  // the poller may have slept meanwhile
  std::size_t ran = poll_all(budget);
  if (++polls_ % polls_between_clocks == 0) ran += sweep_if_due(wait::ticks());
  if (ran == 0 && membership_changed()) maintain_groups(wait::ticks());
  call_.observed.was_idle = ran == 0;
  if (ran != 0 || bridges_.empty()) return ran;
  // Nothing left: arm fd(). Whatever arrives from here on makes it readable.
  for (auto& bridge : bridges_) bridge->clear();
  for (auto& endpoint : endpoints_) (void)endpoint->announce_sleep();
  (void)wait::sleeper_fence();  // SYNC lane.notice
  return poll_all(budget);
}

/// A stop takes effect after what was committed before it; bounded, since callers go on sending.
void ServerCore::finish_committed() {
  for (auto& endpoint : endpoints_) (void)endpoint->sweep(*this);
  std::size_t left = std::size_t{bus_->view().capacities().cells_per_lane} * 4;
  while (left-- > 0 && poll_all(poll_budget) != 0) {
  }
}

void ServerCore::wake_all() noexcept {
  const std::scoped_lock lock(endpoints_mutex_);
  for (auto& endpoint : endpoints_) wait::bump_and_wake(endpoint->shared().events.count);
}

Result<void> ServerCore::run(const std::stop_token& stop) {
  if (auto ready = begin_running(); !ready) return ready;
  const std::stop_callback wake(stop, [this] { wake_all(); });
  if (!replaced()) (void)serve_until(~0ULL, &stop);
  if (auto well = tasks_went_well(); !well) return well;
  if (attachment().intact() && !told_to_end()) {
    workers_ ? finish_on_workers() : finish_committed();
  }
  const auto mine = check_handovers();
  if (mine && replaced()) wait_until_drained(stop);
  return mine;
}

Result<std::size_t> ServerCore::run_for(Duration timeout) {
  if (auto ready = begin_running(); !ready) return tl::unexpected<Error>(ready.error());
  std::uint64_t until = ~0ULL;
  if (timeout != forever) {
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(timeout.count(), 0));
    until = wait::ticks() + attachment().rate.from_ns(std::min(ns, century_ns));
  }
  const std::size_t ran = serve_until(until, nullptr);
  if (auto well = tasks_went_well(); !well) return tl::unexpected<Error>(well.error());
  if (auto mine = check_handovers(); !mine) return tl::unexpected<Error>(mine.error());
  return ran;
}

Result<int> ServerCore::fd() {
  if (!attachment().intact()) return bus_->not_intact();
  if (fd_ < 0) fd_ = descriptor::event(1, EFD_NONBLOCK);
  if (fd_ < 0) return fail(ErrorKind::overloaded, "cannot make an eventfd", errno);
  while (bridges_.size() < endpoints_.size()) {
    auto& word = endpoints_[bridges_.size()]->shared().events.count;
    auto bridge = wait::FdBridge::watch(word, *attachment().guard, descriptor::duplicate(fd_));
    if (!bridge) return tl::unexpected<Error>(bridge.error());
    bridges_.push_back(std::move(*bridge));
  }
  return fd_;
}

}  // namespace shmbus::detail
