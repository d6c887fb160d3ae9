#include "events/publisher_core.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/testpoint.hpp"
#include "events/claim.hpp"
#include "layout/text.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"

namespace shmbus::detail {

namespace {

constexpr std::uint32_t default_event_bytes = 48;
constexpr int spins_between_rooms = 8;
constexpr std::uint64_t publish_slice_ns = 10'000'000;         // a death is noticed within this
constexpr std::uint64_t inexact_publish_slice_ns = 1'000'000;  // without membarrier

std::uint32_t payload_bytes(const PublisherOptions& options, const Schema& types) noexcept {
  if (options.event_bytes != 0) return options.event_bytes;
  return types.request_bytes != 0 ? types.request_bytes : default_event_bytes;
}

/// Of an attached lane of ours, which is retired when it has no writer.
std::optional<events::Writer> write_to(const Attachment& bus, std::uint32_t lane,
                                       const broadcast::Wanted& wanted, bool adopted) {
  std::optional<events::Writer> writer;
  try {
    writer = events::Writer::open(bus, lane, wanted, adopted);
  } catch (...) {
    broadcast::retire(bus, lane);
    throw;
  }
  if (!writer) broadcast::retire(bus, lane);
  return writer;
}

Result<events::Writer> open_writer(const Attachment& bus, const broadcast::Wanted& wanted) {
  if (const auto lane = broadcast::adopt(bus, wanted)) {
    if (auto writer = write_to(bus, *lane, wanted, true)) return std::move(*writer);
    // What is left there contradicts itself: begin anew.
  }
  const auto lane = broadcast::allocate(bus, wanted);
  if (!lane) return tl::unexpected<Error>(lane.error());
  broadcast::attach(bus, *lane);
  if (auto writer = write_to(bus, *lane, wanted, false)) return std::move(*writer);
  return fail(ErrorKind::corrupted, "the shape of a broadcast lane was changed while it was made");
}

}  // namespace

PublisherCore::PublisherCore(std::shared_ptr<BusCore> bus, std::uint32_t topic,
                             events::Writer writer) noexcept
    : bus_(std::move(bus)),
      topic_(&bus_->view().topic(topic)),
      topic_index_(topic),
      writer_(std::move(writer)),
      spin_(WaitMode::adaptive, attachment().rate.from_ns(wait::spin_max_ns)) {}

Result<std::unique_ptr<PublisherCore>> PublisherCore::open(std::shared_ptr<BusCore> bus,
                                                           const CommandName& name,
                                                           const PublisherOptions& options,
                                                           const Schema& types) {
  const auto topic = events::claim(bus->attachment(), name, types);
  if (!topic) return tl::unexpected<Error>(topic.error());
  const broadcast::Wanted wanted{*topic, broadcast::slot_bytes_for(payload_bytes(options, types)),
                                 std::max(options.keep, 1U), !wait::sleeper_fence()};
  if (wanted.slot_bytes == 0) {
    return fail(ErrorKind::invalid_argument, "PublisherOptions::event_bytes is above 1 GiB");
  }
  auto writer = open_writer(bus->attachment(), wanted);
  if (!writer) return tl::unexpected<Error>(writer.error());
  return std::unique_ptr<PublisherCore>(
      new PublisherCore(std::move(bus), *topic, std::move(*writer)));
}

PublisherCore::~PublisherCore() {
  if (attachment().intact()) broadcast::retire(attachment(), writer_.lane());
}

Result<std::uint64_t> PublisherCore::publish(std::span<const std::byte> event,
                                             Duration timeout) noexcept {
  if (auto ready = prepare(event.size(), timeout); !ready) [[unlikely]] {
    return tl::unexpected<Error>(ready.error());
  }
  loaned_ = false;
  std::copy(event.begin(), event.end(), writer_.payload());
  return commit(event.size());
}

Result<std::span<std::byte>> PublisherCore::loan(std::size_t bytes, Duration timeout) noexcept {
  if (auto ready = prepare(bytes, timeout); !ready) return tl::unexpected<Error>(ready.error());
  loaned_ = true;
  return std::span(writer_.payload(), bytes);
}

Result<std::uint64_t> PublisherCore::publish_loaned(std::size_t bytes) noexcept {
  if (!attachment().intact()) return bus_->not_intact();
  if (!std::exchange(loaned_, false) || bytes > writer_.payload_max()) {
    return fail(ErrorKind::invalid_argument,
                "this loan was published, or given up by another publish() of its publisher");
  }
  return commit(bytes);
}

Result<void> PublisherCore::prepare(std::size_t bytes, Duration timeout) noexcept {
  if (!attachment().intact()) [[unlikely]]
    return bus_->not_intact();
  if (bytes > writer_.payload_max()) [[unlikely]]
    return too_large(bytes);
  if (writer_.has_room() || writer_.make_room()) [[likely]]
    return {};
  return wait_for_room(timeout);
}

std::uint64_t PublisherCore::commit(std::size_t bytes) noexcept {
  SHMBUS_TESTPOINT("event.filled");
  const std::uint64_t seq = writer_.commit(static_cast<std::uint32_t>(bytes));
  SHMBUS_TESTPOINT("event.committed");
  wait::publisher_fence();  // SYNC topic.parked: a subscriber sees the event, or we that it sleeps
  if (topic_->hints.parked.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    topic_->hints.parked.store(0, std::memory_order_relaxed);
    wait::bump_and_wake(topic_->events.count);
  }
  return seq;
}

/// Waits for the subscriber that holds the oldest event to go on by a good part of what it holds:
/// to look for room costs a barrier on all processors. False when that takes long.
bool PublisherCore::spin_for_holder() noexcept {
  const std::uint64_t until = wait::ticks() + spin_.begin();
  while (writer_.holder() && wait::ticks() < until) {
    if (writer_.holder_went_on() && writer_.make_room()) {
      spin_.spun_well();
      return true;
    }
    for (int i = 0; i < spins_between_rooms; ++i) wait::cpu_relax();
  }
  spin_.had_to_sleep();
  return false;
}

/// For the subscribers that hold, while they live.
Result<void> PublisherCore::wait_for_room(Duration timeout) noexcept {
  auto& shared = writer_.shared();
  if (timeout.count() != 0 && spin_for_holder()) return {};
  Deadline deadline(attachment(), timeout);
  const std::uint64_t began = wait::ticks();
  std::uint64_t now = began;
  Result<void> result;
  for (;;) {
    const std::uint32_t seen =
        shared.events.count.load(std::memory_order_acquire);  // SYNC wait.event
    shared.bounds.parked.store(1, std::memory_order_relaxed);
    // SYNC event.room: a subscriber sees that we wait, or we its position
    (void)wait::sleeper_fence();
    if (!SHMBUS_MISTAKE("room.blind") && writer_.make_room()) break;
    if (!attachment().intact()) return bus_->not_intact();
    if (!SHMBUS_MISTAKE("holder.kept")) drop_dead_holder();
    const std::uint64_t left = deadline.left_ns(now);
    if (left == 0) {
      result = held_up();
      shared.counters.refused.fetch_add(1, std::memory_order_relaxed);
      break;
    }
    const std::uint64_t slice =
        wait::publishers_fence() ? inexact_publish_slice_ns : publish_slice_ns;
    wait::futex_wait(shared.events.count, seen, std::min(left, slice));
    if (SHMBUS_MISTAKE("room.blind") && writer_.make_room()) break;
    now = wait::ticks();
  }
  shared.bounds.parked.store(0, std::memory_order_relaxed);
  shared.counters.waits.fetch_add(1, std::memory_order_relaxed);
  shared.counters.wait_ns.fetch_add(attachment().rate.to_ns(wait::ticks() - began),
                                    std::memory_order_relaxed);
  return result;
}

void PublisherCore::drop_dead_holder() noexcept {
  const auto& holder = writer_.holder();
  if (!holder) return;
  attachment().meet(holder->word.party());
  if (!attachment().dead(holder->word.party())) return;
  (void)broadcast::drop_subscriber(attachment().view, topic_index_, holder->place, holder->word);
}

tl::unexpected<Error> PublisherCore::held_up() const noexcept {
  Error error{ErrorKind::overloaded, 0, 0, {}};
  const auto& view = attachment().view;
  const auto& holder = writer_.holder();
  if (holder && holder->word.party().index() < view.capacities().participants) {
    const auto& process = view.participant(holder->word.party().index());
    layout::TextBuffer<8> buffer{};
    error.message.append(layout::load_text(process.label, buffer))
        .append(", pid ")
        .append(process.pid.load(std::memory_order_relaxed))
        .append(", holds events and did not read on in time: it is stuck, stopped or slow");
  } else {
    error.message.append("no slot became free in time");
  }
  return tl::unexpected<Error>(error);
}

tl::unexpected<Error> PublisherCore::too_large(std::size_t bytes) const noexcept {
  Error error{ErrorKind::too_large, 0, writer_.payload_max(), {}};
  error.message.append("the event has ")
      .append(bytes)
      .append(" bytes, this publisher was made for ")
      .append(writer_.payload_max())
      .append(": raise PublisherOptions::event_bytes");
  return tl::unexpected<Error>(error);
}

}  // namespace shmbus::detail
