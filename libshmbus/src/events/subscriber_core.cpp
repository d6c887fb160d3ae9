#include "events/subscriber_core.hpp"

#include <algorithm>
#include <utility>

#include "base/testpoint.hpp"
#include "events/claim.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"

namespace shmbus::detail {

using events::Reader;

namespace {

constexpr int event_look_spins = 400;
constexpr int spins_between_looks = 32;
constexpr std::uint64_t event_slice_ns = 100'000'000;  // a publisher was killed before it woke us
constexpr std::uint64_t inexact_event_slice_ns = 1'000'000;  // without membarrier

layout::SubscriberMode mode_of(const SubscriberOptions& options) noexcept {
  return options.when_slow == WhenSlow::hold ? layout::SubscriberMode::hold
                                             : layout::SubscriberMode::skip;
}

}  // namespace

SubscriberCore::SubscriberCore(std::shared_ptr<BusCore> bus, std::uint32_t topic,
                               std::uint32_t place, const SubscriberOptions& options) noexcept
    : bus_(std::move(bus)),
      topic_(&bus_->view().topic(topic)),
      topic_index_(topic),
      place_(place),
      options_(options),
      spin_(options.wait, attachment().rate.from_ns(wait::spin_max_ns)) {}

Result<std::unique_ptr<SubscriberCore>> SubscriberCore::open(std::shared_ptr<BusCore> bus,
                                                             const CommandName& name,
                                                             const SubscriberOptions& options,
                                                             const Schema& types) {
  const Attachment& attachment = bus->attachment();
  const auto topic = events::claim(attachment, name, types);
  if (!topic) return tl::unexpected<Error>(topic.error());
  const auto place = broadcast::join(attachment, *topic);
  if (!place) return tl::unexpected<Error>(place.error());
  SHMBUS_TESTPOINT("subscriber.joined");
  try {
    std::unique_ptr<SubscriberCore> core(
        new SubscriberCore(std::move(bus), *topic, *place, options));
    core->begin();
    return core;
  } catch (...) {
    broadcast::leave(attachment, *topic, *place);
    throw;
  }
}

SubscriberCore::~SubscriberCore() {
  bridge_.reset();
  if (attachment().intact()) broadcast::leave(attachment(), topic_index_, place_);
}

/// All publishers that are there wait for us, if they must, until we have chosen where we begin.
void SubscriberCore::begin() {
  readers_.reserve(bus_->view().capacities().broadcasts);
  lanes_seen_ = topic_->hints.lanes.load(std::memory_order_acquire);  // SYNC topic.lanes
  for (std::uint32_t lane = 0; lane < bus_->view().capacities().broadcasts; ++lane) {
    const auto word = broadcast::load_word(bus_->view(), lane);
    // One that is about to be evicted stays, now that we are here.
    const bool there = word.readable() || word.state() == layout::BroadcastState::evicting;
    if (!there || word.name() != topic_index_) continue;
    if (!word.readable()) {
      spared_.push_back(lane);
      continue;
    }
    auto reader = Reader::start(attachment(), lane, place_, options_.when_slow, options_.from);
    if (reader) readers_.push_back(*reader);
  }
  SHMBUS_TESTPOINT("subscriber.placed");
  broadcast::set_mode(attachment(), topic_index_, place_, mode_of(options_));
}

bool SubscriberCore::reads(std::uint32_t lane) const noexcept {
  return std::any_of(readers_.begin(), readers_.end(),
                     [lane](const Reader& reader) { return reader.lane() == lane; });
}

/// Lanes that have come since. There is room for all: see begin().
void SubscriberCore::find_lanes() noexcept {
  lanes_seen_ = topic_->hints.lanes.load(std::memory_order_acquire);  // SYNC topic.lanes
  for (std::uint32_t lane = 0; lane < bus_->view().capacities().broadcasts; ++lane) {
    const auto word = broadcast::load_word(bus_->view(), lane);
    if (!word.readable() || word.name() != topic_index_ || reads(lane)) continue;
    const bool spared = std::erase(spared_, lane) != 0;
    auto reader = spared
                      ? Reader::start(attachment(), lane, place_, options_.when_slow, options_.from)
                      : Reader::follow(attachment(), lane, place_, options_.when_slow);
    if (reader) readers_.push_back(*reader);
  }
}

/// At each publisher in turn. When there is an event, `turn_` is the reader that has it.
Reader::Poll SubscriberCore::look() noexcept {
  if (lanes_changed()) [[unlikely]]
    find_lanes();
  const std::size_t count = readers_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto found = readers_[turn_].poll();
    if (found != Reader::Poll::nothing) return found;
    turn_ = turn_ + 1 == count ? 0 : turn_ + 1;
  }
  return Reader::Poll::nothing;
}

bool SubscriberCore::ready() noexcept {
  return looking_ || !attachment().intact() || look() != Reader::Poll::nothing;
}

Result<EventView> SubscriberCore::next(Duration timeout) noexcept {
  if (!attachment().intact()) [[unlikely]]
    return bus_->not_intact();
  if (looking_) [[unlikely]] {
    return fail(ErrorKind::invalid_argument,
                "the event before this one is still held: destroy its view first");
  }
  auto found = look();
  if (found == Reader::Poll::nothing) {
    const auto waited = wait(timeout);
    if (!waited) return tl::unexpected<Error>(waited.error());
    found = *waited;
  }
  if (!attachment().guard->was_intact()) [[unlikely]]
    return bus_->not_intact();
  if (found == Reader::Poll::damaged) [[unlikely]]
    return drop_damaged();
  Reader& reader = readers_[turn_];
  looking_ = true;
  return EventView(this, reader.payload(), reader.sequence(), reader.publisher().bits);
}

Result<Reader::Poll> SubscriberCore::wait(Duration timeout) noexcept {
  if (options_.wait != WaitMode::blocking && timeout.count() != 0) {
    for (int i = 0; i < event_look_spins; ++i) {
      if (const auto found = look(); found != Reader::Poll::nothing) return found;
    }
  }
  Deadline deadline(attachment(), timeout);
  const std::uint64_t began = wait::ticks();
  const std::uint64_t spin_until = began + std::min(spin_.begin(), Deadline::never - began);
  bool slept = false;
  std::uint64_t now = began;
  for (;;) {
    if (const auto found = look(); found != Reader::Poll::nothing) {
      if (!slept) spin_.spun_well();
      return found;
    }
    if (!attachment().intact()) return bus_->not_intact();
    if (deadline.over(now)) return fail(ErrorKind::timed_out, "no event came in time");
    if (now < spin_until) {
      for (int i = 0; i < spins_between_looks; ++i) wait::cpu_relax();
    } else {
      if (!std::exchange(slept, true)) spin_.had_to_sleep();
      sleep(std::min(deadline.left_ns(now), event_slice_ns));
    }
    now = wait::ticks();
  }
}

void SubscriberCore::sleep(std::uint64_t limit_ns) noexcept {
  auto& count = topic_->events.count;
  const std::uint32_t seen = count.load(std::memory_order_acquire);  // SYNC wait.event
  topic_->hints.parked.store(1, std::memory_order_relaxed);
  // SYNC topic.parked: "I sleep", then look; a publisher publishes, then looks whether one sleeps.
  const bool exact = wait::sleeper_fence();
  if (!SHMBUS_MISTAKE("topic.blind") && look() != Reader::Poll::nothing) return;
  wait::futex_wait(count, seen, exact ? limit_ns : std::min(limit_ns, inexact_event_slice_ns));
}

/// Its publisher, or somebody else, wrote nonsense there: the others go on.
tl::unexpected<Error> SubscriberCore::drop_damaged() noexcept {
  const auto publisher = readers_[turn_].publisher();
  Error error{ErrorKind::corrupted, 0, 0, {}};
  error.message.append("what participant ")
      .append(publisher.index())
      .append(" publishes is damaged: its lane is left alone from now on");
  // It stays in the list, so that it is not found anew, and holds nothing.
  readers_[turn_].abandon();
  return tl::unexpected<Error>(error);
}

std::uint64_t SubscriberCore::missed() const noexcept {
  std::uint64_t all = 0;
  for (const Reader& reader : readers_) all += reader.missed();
  return all;
}

Result<int> SubscriberCore::fd() noexcept {
  if (!attachment().intact()) return bus_->not_intact();
  if (bridge_ == nullptr) {
    auto bridge = without_throwing(
        [&] { return wait::FdBridge::watch(topic_->events.count, *attachment().guard); });
    if (!bridge) return tl::unexpected<Error>(bridge.error());
    bridge_ = std::move(*bridge);
    if (auto polled = poll(); !polled) return tl::unexpected<Error>(polled.error());
  }
  return bridge_->fd();
}

Result<void> SubscriberCore::poll() noexcept {
  if (!attachment().intact()) return bus_->not_intact();
  if (bridge_ == nullptr) return {};
  bridge_->clear();
  topic_->hints.parked.store(1, std::memory_order_relaxed);
  // SYNC topic.parked
  const bool exact = wait::sleeper_fence();
  if (!exact || look() != Reader::Poll::nothing) bridge_->signal();
  return {};
}

void SubscriberCore::let_go() noexcept {
  looking_ = false;
  if (closed_) {
    delete this;  // NOLINT: the handle went before its event
    return;
  }
  if (!attachment().intact()) return;
  readers_[turn_].advance();
  turn_ = turn_ + 1 >= readers_.size() ? 0 : turn_ + 1;
}

void SubscriberCore::close() noexcept {
  closed_ = true;
  if (!looking_) delete this;  // NOLINT: see let_go()
}

}  // namespace shmbus::detail
