// call.many.N: calls under way together, started by start_many() and collected one after the other.
// Calls per second; each reply is read in full and held against its request.

#include <array>
#include <chrono>
#include <string>

#include "bus/commands.hpp"
#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/measure.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 40;

template <std::size_t Many>
class Calls {
  using Reply = Block<kBytes>;

 public:
  explicit Calls(Bus& bus)
      : caller_(value_of("caller", bus.caller<Echo<kBytes>>({.wait = WaitMode::spinning}))) {}

  void start_and_collect() {
    for (Reply& request : requests_) payload::write<kBytes>(request.bytes(), ++seed_);
    const std::size_t started = value_of("start_many", caller_.start_many(requests_, pending_));
    if (started != Many) {
      throw DataLost("not every call was started");
    }
    const std::uint64_t first = seed_ - Many + 1;
    for (std::size_t i = 0; i < Many; ++i) {
      const auto reply = pending_[i].wait();
      if (!reply) [[unlikely]] {
        throw_error("wait", reply.error());
      }
      const std::uint64_t read = payload::expected_sum<kBytes>(first + i);
      if (payload::sum<kBytes>((*reply)->bytes()) !=
          payload::expected_sum<kBytes>(payload::reply_seed(read))) [[unlikely]] {
        throw_lost("reply", first + i);
      }
    }
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return seed_; }

 private:
  Caller<Echo<kBytes>> caller_;
  std::array<Block<kBytes>, Many> requests_;
  std::array<TypedPending<Reply>, Many> pending_;
  std::uint64_t seed_ = 0;
};

template <std::size_t Many>
void call_role(RoleContext& context, const PrivateBus& place) {
  context.barrier();
  Bus bus = place.open();
  Calls<Many> calls(bus);
  const Ticks begin = now_ticks();
  const Ticks warm = begin + ns_to_ticks(context.budget().warmup_ns);
  const Ticks end = warm + ns_to_ticks(context.budget().measure_ns);
  while (now_ticks() < warm) calls.start_and_collect();
  const std::uint64_t before = calls.count();
  const Ticks start = now_ticks();
  Ticks now = start;
  for (; now < end; now = now_ticks()) calls.start_and_collect();
  context.report().value =
      static_cast<double>(calls.count() - before) * 1e9 / ticks_to_ns(now - start);
  context.report().operations = calls.count();
  context.ask_to_stop();
}

void serve_role(RoleContext& context, const PrivateBus& place) {
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve({.wait = WaitMode::spinning}));
  std::uint64_t served = 0;
  value_of("on", server.on<Echo<kBytes>>([&](const Block<kBytes>& in, Block<kBytes>& out) {
    ++served;
    payload::write<kBytes>(out.bytes(), payload::reply_seed(payload::sum<kBytes>(in.bytes())));
  }));
  context.barrier();
  while (!context.stop_asked()) {
    value_of("run", server.run_for(std::chrono::milliseconds(2)));
  }
  context.report().operations = served;
}

template <std::size_t Many>
RoundResult run_many(const RoundBudget& budget) {
  PrivateBus place;
  RoleGroup group(budget);
  group.add("caller", 0, [&](RoleContext& context) { call_role<Many>(context, place); });
  group.add("handler", 1, [&](RoleContext& context) { serve_role(context, place); });
  RoundResult result = group.run(0);
  if (result.status == RoundResult::Status::ok &&
      group.report(0).operations != group.report(1).operations) {
    return RoundResult::fail("not every call was served once");
  }
  return result;
}

template <std::size_t Many>
void add(Registry& registry, const std::string& ratio_to) {
  registry.add({.name = "call.many." + std::to_string(Many) + ".40B",
                .payload = kBytes,
                .mode = "spin",
                .unit = Unit::per_second,
                .ratio_to = ratio_to,
                .tier = Tier::detail,
                .run_round = run_many<Many>});
}

}  // namespace

void register_bus_many_calls(Registry& registry) {
  add<1>(registry, "");
  add<8>(registry, "call.many.1.40B");
  add<32>(registry, "call.many.1.40B");
}

}  // namespace shmbus::bench
