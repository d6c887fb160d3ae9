// floor.futex: the least a call can cost when both sides sleep while they wait. Two words in shared
// memory, one wake and one wait per direction, and nothing else but the same small payload.

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>

#include "harness/measure.hpp"
#include "harness/shared_mapping.hpp"
#include "suites.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 40;

struct Slot {
  alignas(128) std::atomic<std::uint32_t> sequence{0};
  std::byte payload[kBytes];
};

struct Slots {
  Slot request;
  Slot reply;
};

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) noexcept {
  return syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

void sleep_until(std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  for (;;) {
    const std::uint32_t seen = word.load(std::memory_order_acquire);
    if (seen == value) {
      return;
    }
    futex(word, FUTEX_WAIT, seen);  // returns at once if the word moved meanwhile
  }
}

void publish(std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  word.store(value, std::memory_order_release);
  futex(word, FUTEX_WAKE, INT_MAX);
}

RoundResult run_futex(const RoundBudget& budget) {
  SharedObject<Slots> slots;
  RoleGroup group(budget);
  group.add("caller", 0, [&](RoleContext& context) {
    context.barrier();
    EchoCaller<kBytes> echo;
    std::uint32_t sequence = 0;
    measure_calls(context, [&] {
      echo.fill(slots->request.payload);
      publish(slots->request.sequence, ++sequence);
      sleep_until(slots->reply.sequence, sequence);
      echo.check(slots->reply.payload);
    });
    echo.fill_end(slots->request.payload);
    publish(slots->request.sequence, ++sequence);
  });
  group.add("server", 1, [&](RoleContext& context) {
    context.barrier();
    EchoServer<kBytes> echo;
    for (std::uint32_t sequence = 1;; ++sequence) {
      sleep_until(slots->request.sequence, sequence);
      echo.take(slots->request.payload);
      if (echo.ended()) {
        return;
      }
      echo.reply(slots->reply.payload);
      publish(slots->reply.sequence, sequence);
    }
  });
  return group.run(0);
}

}  // namespace

void register_floor_futex(Registry& registry) {
  registry.add({.name = "floor.futex",
                .payload = kBytes,
                .mode = "block",
                .tier = Tier::headline,
                .run_round = run_futex});
}

}  // namespace shmbus::bench
