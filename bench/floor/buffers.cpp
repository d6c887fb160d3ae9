// The floors for payloads larger than a line: a control line that goes back and forth, and a buffer
// beside it, which the caller writes, the server reads and answers in place, and the caller reads.
//
// Which buffer is used next matters more than anything else. One hot buffer is always dirty in the
// other core's cache; a rotating set larger than L2 is not, but misses more often. Neither wins at
// every size and placement, so floor.<size> measures both in each round and is the better.
//
// A bus cannot answer in the request's own memory: a handler may read on while it writes. With two
// buffers it matters who wrote each of them last. design.payload_order.fixed uses one for requests
// and one for replies, .swapping lets them change places after each call, as the bus does, and
// .rotating takes pairs from a set larger than L2.

#include <algorithm>
#include <atomic>
#include <string>

#include "harness/better_of.hpp"
#include "harness/measure.hpp"
#include "harness/shared_mapping.hpp"
#include "suites.hpp"

namespace shmbus::bench {
namespace {

// A rotating set spans this much, just past the L2 caches of current server processors (1-2 MiB).
constexpr std::size_t kRotatingSpan = 3 << 20;
constexpr std::size_t kRotatingMin = 4;

struct alignas(128) Control {
  std::atomic<std::uint64_t> turn{0};  // odd: a request is there; even: the reply
};

void wait_for(const std::atomic<std::uint64_t>& turn, std::uint64_t value) noexcept {
  while (turn.load(std::memory_order_acquire) != value) {
    spin_pause();
  }
}

/// Which buffer carries the request of a call, and which the reply.
struct InPlace {
  std::size_t buffers;
  [[nodiscard]] std::size_t request(std::size_t call) const { return call % buffers; }
  [[nodiscard]] std::size_t reply(std::size_t call) const { return request(call); }
};
struct FixedPair {
  std::size_t buffers = 2;
  [[nodiscard]] static std::size_t request(std::size_t) { return 0; }
  [[nodiscard]] static std::size_t reply(std::size_t) { return 1; }
};
struct SwappingPair {
  std::size_t buffers = 2;
  [[nodiscard]] static std::size_t request(std::size_t call) { return call % 2; }
  [[nodiscard]] static std::size_t reply(std::size_t call) { return (call + 1) % 2; }
};
struct RotatingPairs {
  std::size_t buffers;
  [[nodiscard]] std::size_t request(std::size_t call) const { return 2 * call % buffers; }
  [[nodiscard]] std::size_t reply(std::size_t call) const { return (2 * call + 1) % buffers; }
};

template <std::size_t Bytes, class Order>
RoundResult run_buffers(const RoundBudget& budget, Order order) {
  SharedObject<Control> control;
  SharedMapping memory(order.buffers * Bytes);
  RoleGroup group(budget);
  group.add("caller", 0, [&](RoleContext& context) {
    memory.prefault();
    context.barrier();
    EchoCaller<Bytes> echo;
    std::uint64_t turn = 0;
    std::size_t call = 0;
    measure_calls(context, [&] {
      echo.fill(memory.data() + order.request(call) * Bytes);
      control->turn.store(turn + 1, std::memory_order_release);
      wait_for(control->turn, turn + 2);
      turn += 2;
      echo.check(memory.data() + order.reply(call) * Bytes);
      ++call;
    });
    echo.fill_end(memory.data() + order.request(call) * Bytes);
    control->turn.store(turn + 1, std::memory_order_release);
  });
  group.add("server", 1, [&](RoleContext& context) {
    memory.prefault();
    context.barrier();
    EchoServer<Bytes> echo;
    for (std::size_t call = 0;; ++call) {
      const std::uint64_t turn = 2 * call;
      wait_for(control->turn, turn + 1);
      echo.take(memory.data() + order.request(call) * Bytes);
      if (echo.ended()) {
        return;
      }
      echo.reply(memory.data() + order.reply(call) * Bytes);
      control->turn.store(turn + 2, std::memory_order_release);
    }
  });
  return group.run(0);
}

template <std::size_t Bytes>
constexpr std::size_t rotating_buffers = std::max(kRotatingMin, kRotatingSpan / Bytes);

template <std::size_t Bytes>
void add_size(Registry& registry, const std::string& size) {
  const std::string name = "floor." + size;
  registry.add({.name = name,
                .payload = Bytes,
                .mode = "spin",
                .tier = Tier::headline,
                .run_round = [](const RoundBudget& budget) {
                  return run_better_of(
                      budget,
                      [](const RoundBudget& half) { return run_buffers<Bytes>(half, InPlace{1}); },
                      [](const RoundBudget& half) {
                        return run_buffers<Bytes>(half, InPlace{rotating_buffers<Bytes>});
                      });
                }});
  const auto add_form = [&](const char* form, std::size_t buffers) {
    registry.add({.name = name + form,
                  .payload = Bytes,
                  .mode = "spin",
                  .ratio_to = name,
                  .tier = Tier::detail,
                  .run_round = [buffers](const RoundBudget& budget) {
                    return run_buffers<Bytes>(budget, InPlace{buffers});
                  }});
  };
  add_form(".hot", 1);
  add_form(".rotating", rotating_buffers<Bytes>);
}

template <std::size_t Bytes, class Order>
void add_order(Registry& registry, const std::string& name, const char* of, Order order) {
  registry.add({.name = "design.payload_order." + name,
                .payload = Bytes,
                .mode = "spin",
                .ratio_to = of,
                .tier = Tier::detail,
                .run_round = [order](const RoundBudget& budget) {
                  return run_buffers<Bytes>(budget, order);
                }});
}

}  // namespace

void register_floor_buffers(Registry& registry) {
  add_size<1024>(registry, "1KiB");
  add_size<64 * 1024>(registry, "64KiB");
  add_size<4 * 1024 * 1024>(registry, "4MiB");
  constexpr std::size_t kSmall = 1024;
  constexpr std::size_t kLarge = 64 * 1024;
  add_order<kLarge>(registry, "fixed", "floor.64KiB", FixedPair{});
  add_order<kLarge>(registry, "swapping", "floor.64KiB", SwappingPair{});
  add_order<kLarge>(registry, "rotating", "floor.64KiB",
                    RotatingPairs{2 * rotating_buffers<kLarge>});
  add_order<kSmall>(registry, "1KiB.fixed", "floor.1KiB", FixedPair{});
  add_order<kSmall>(registry, "1KiB.swapping", "floor.1KiB", SwappingPair{});
}

}  // namespace shmbus::bench
