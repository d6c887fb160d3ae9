// Events: one publisher to one and to four subscribers that miss nothing, by value and in place;
// and there and back, which is twice the latency of one event.
#include <optional>
#include <string>

#include "bus/commands.hpp"
#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/link.hpp"

namespace shmbus::bench {
namespace {

constexpr SubscriberOptions all_of_them(WaitMode wait) noexcept {
  return {.when_slow = WhenSlow::hold, .wait = wait};
}

/// One end of two topics: publishes under one name and reads the other.
class EventEnd {
 public:
  EventEnd(const PrivateBus& place, const char* out, const char* in, std::uint32_t bytes)
      : bus_(place.open()),
        out_(value_of("publisher", bus_.publisher(out, {.keep = 8, .event_bytes = bytes}))),
        in_(value_of("subscribe", bus_.subscribe(in, all_of_them(WaitMode::spinning)))) {}

  template <std::size_t Bytes, class Fill>
  void send(Fill&& fill) {
    auto loan = value_of("loan", out_.loan(Bytes));
    fill(loan.bytes().data());
    value_of("publish", loan.publish());
  }
  template <std::size_t Bytes, class Read>
  void receive(Read&& read) {
    const auto event = in_.next(forever);
    if (!event) [[unlikely]]
      throw_error("next", event.error());
    read(event->bytes().data());
  }

 private:
  Bus bus_;
  RawPublisher out_;
  RawSubscriber in_;
};

template <std::size_t Bytes>
class EventLink {
 public:
  EventEnd server() { return {place_, "back", "there", Bytes}; }
  EventEnd caller() { return {place_, "there", "back", Bytes}; }

 private:
  PrivateBus place_{Capacities{.extents = 256}};
};

constexpr unsigned subscribers = 4;

/// All deliveries a second: each subscriber gets every event, so one of them speaks for all.
RoundResult run_four(const RoundBudget& budget) {
  constexpr std::size_t bytes = 64;
  const PrivateBus place{Capacities{}};
  RoleGroup group(budget);
  group.add("publisher", 0, [&](RoleContext& context) {
    context.barrier();
    Bus bus = place.open();
    auto out = value_of("publisher", bus.publisher("event", {.keep = 8, .event_bytes = bytes}));
    context.barrier();
    std::array<std::byte, bytes> event{};
    produce(context, [&](std::uint64_t sequence) {
      payload::write<bytes>(event.data(), sequence);
      value_of("publish", out.publish(event));
    });
    payload::write<bytes>(event.data(), payload::kEndSeed);
    value_of("publish", out.publish(event));
    context.barrier();
  });
  for (unsigned i = 0; i < subscribers; ++i) {
    group.add("subscriber", 1, [&](RoleContext& context) {
      Bus bus = place.open();
      auto in = value_of("subscribe", bus.subscribe("event", all_of_them(WaitMode::adaptive)));
      context.barrier();
      context.barrier();
      consume<bytes>(context, [&](StreamChecker<bytes>& checker) {
        const auto event = in.next(forever);
        if (!event) throw_error("next", event.error());
        return checker.take(event->bytes().data());
      });
      context.report().value *= subscribers;
      context.barrier();
    });
  }
  return group.run(1);
}

}  // namespace

void register_bus_events(Registry& registry) {
  add_stream_row<32, EventLink<32>>(registry, "event.1s.32B", "oneway.1p.32B");
  add_stream_row<64, EventLink<64>>(registry, "event.1s.64B", "oneway.1p.64B");
  add_stream_row<1024, EventLink<1024>>(registry, "event.1s.1KiB", "floor.ring.1024B");
  add_stream_row<64 * 1024, EventLink<64 * 1024>>(registry, "event.1s.64KiB", "");
  registry.add({.name = "event.4s.64B",
                .payload = 64,
                .mode = "adaptive",
                .unit = Unit::per_second,
                .ratio_to = "event.1s.64B",
                .tier = Tier::detail,
                .run_round = run_four});
  registry.add({.name = "event.there_and_back.40B",
                .payload = 40,
                .mode = "spin",
                .unit = Unit::nanoseconds,
                .ratio_to = "call.hot.40B",
                .tier = Tier::detail,
                .run_round = [](const RoundBudget& budget) {
                  return run_echo<40, EventLink<40>>(budget, Isolation::processes);
                }});
}

}  // namespace shmbus::bench
