// The floors for payloads larger than a line: a control line that goes back and forth, and a buffer
// beside it, which the caller writes, the server reads and answers in place, and the caller reads.
//
// Which buffer is used next matters more than anything else. One hot buffer is always dirty in the
// other core's cache; a rotating set larger than L2 is not, but misses more often. Neither wins at
// every size and placement, so floor.<size> measures both in each round and is the better.

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

template <std::size_t Bytes>
RoundResult run_buffers(const RoundBudget& budget, std::size_t buffers) {
  SharedObject<Control> control;
  SharedMapping memory(buffers * Bytes);
  RoleGroup group(budget);
  const auto next = [buffers](std::size_t index) { return index + 1 == buffers ? 0 : index + 1; };
  group.add("caller", 0, [&](RoleContext& context) {
    memory.prefault();
    context.barrier();
    EchoCaller<Bytes> echo;
    std::uint64_t turn = 0;
    std::size_t index = 0;
    measure_calls(context, [&] {
      std::byte* buffer = memory.data() + index * Bytes;
      index = next(index);
      echo.fill(buffer);
      control->turn.store(turn + 1, std::memory_order_release);
      wait_for(control->turn, turn + 2);
      turn += 2;
      echo.check(buffer);
    });
    echo.fill_end(memory.data() + index * Bytes);
    control->turn.store(turn + 1, std::memory_order_release);
  });
  group.add("server", 1, [&](RoleContext& context) {
    memory.prefault();
    context.barrier();
    EchoServer<Bytes> echo;
    std::size_t index = 0;
    for (std::uint64_t turn = 0;; turn += 2) {
      std::byte* buffer = memory.data() + index * Bytes;
      index = next(index);
      wait_for(control->turn, turn + 1);
      echo.take(buffer);
      if (echo.ended()) {
        return;
      }
      echo.reply(buffer);
      control->turn.store(turn + 2, std::memory_order_release);
    }
  });
  return group.run(0);
}

template <std::size_t Bytes>
void add_size(Registry& registry, const std::string& size) {
  constexpr std::size_t kRotating = std::max(kRotatingMin, kRotatingSpan / Bytes);
  const std::string name = "floor." + size;
  registry.add({.name = name,
                .payload = Bytes,
                .mode = "spin",
                .tier = Tier::headline,
                .run_round = [](const RoundBudget& budget) {
                  return run_better_of(
                      budget, [](const RoundBudget& half) { return run_buffers<Bytes>(half, 1); },
                      [](const RoundBudget& half) { return run_buffers<Bytes>(half, kRotating); });
                }});
  const auto add_form = [&](const char* form, std::size_t buffers) {
    registry.add({.name = name + form,
                  .payload = Bytes,
                  .mode = "spin",
                  .ratio_to = name,
                  .tier = Tier::detail,
                  .run_round = [buffers](const RoundBudget& budget) {
                    return run_buffers<Bytes>(budget, buffers);
                  }});
  };
  add_form(".hot", 1);
  add_form(".rotating", kRotating);
}

}  // namespace

void register_floor_buffers(Registry& registry) {
  add_size<1024>(registry, "1KiB");
  add_size<64 * 1024>(registry, "64KiB");
  add_size<4 * 1024 * 1024>(registry, "4MiB");
}

}  // namespace shmbus::bench
