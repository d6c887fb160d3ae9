// The bare floors of the benchmark: one line in shared memory, with no bus around it.
#include <sys/mman.h>

#include <atomic>
#include <new>

#include "cli/bench_parts.hpp"
#include "cli/exit_codes.hpp"
#include "os/clock.hpp"
#include "os/futex.hpp"

namespace shmbus::cli {
namespace {

constexpr std::uint64_t rounds_max = 4'000'000;
constexpr std::uint64_t end_of_rounds = ~0ULL;
constexpr std::uint64_t futex_slice_ns = 100'000'000;

/// `turn` is odd while the handler is to act. The futex has its own line, so that the one that is
/// measured holds what a cell holds.
struct alignas(64) Line {
  std::atomic<std::uint64_t> turn{0};
  BenchBlock block;
  std::array<std::uint8_t, 16> pad{};
  alignas(64) layout::Word32 futex{0};
};

class SharedLine {
 public:
  SharedLine() {
    void* const memory =
        ::mmap(nullptr, sizeof(Line), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw Failure(ErrorKind::limit_reached, "no shared memory");
    line_ = new (memory) Line;
  }
  SharedLine(const SharedLine&) = delete;
  SharedLine& operator=(const SharedLine&) = delete;
  ~SharedLine() { ::munmap(line_, sizeof(Line)); }
  Line* operator->() const noexcept { return line_; }

 private:
  Line* line_ = nullptr;
};

/// Passes the turn, or waits for it. No pause in the loop: the answer is nearer than a pause is
/// long.
struct Spinning {
  static void pass(const SharedLine& line, std::uint64_t turn) noexcept {
    line->turn.store(turn, std::memory_order_release);
  }
  static void await(const SharedLine& line, std::uint64_t turn) noexcept {
    while (line->turn.load(std::memory_order_acquire) != turn) {
    }
  }
};

struct Sleeping {
  static void pass(const SharedLine& line, std::uint64_t turn) noexcept {
    line->turn.store(turn, std::memory_order_release);
    wait::bump_and_wake(line->futex);
  }
  static void await(const SharedLine& line, std::uint64_t turn) noexcept {
    for (;;) {
      const std::uint32_t seen = line->futex.load(std::memory_order_acquire);
      if (line->turn.load(std::memory_order_acquire) == turn) return;
      wait::futex_wait(line->futex, seen, futex_slice_ns);
    }
  }
};

template <class Wait>
int answer(const SharedLine& line) {
  for (std::uint64_t turn = 1;; turn += 2) {
    Wait::await(line, turn);
    const BenchBlock request = line->block;
    if (request.sequence == end_of_rounds) return 0;
    if (request != BenchBlock::request(request.sequence)) return 1;
    line->block = BenchBlock::reply(request.sequence);
    Wait::pass(line, turn + 1);
  }
}

template <class Wait>
BenchResult ping_pong(const BenchPlan& plan, const char* name) {
  const SharedLine line;
  Child handler([&] {
    run_on({&plan.processors[1], 1});
    return answer<Wait>(line);
  });
  run_on({&plan.processors[0], 1});
  Samples samples(rounds_max);
  const std::uint64_t end_ns =
      wait::monotonic_ns() + static_cast<std::uint64_t>(plan.per_case.count());
  std::uint64_t turn = 0;
  for (std::uint64_t sequence = 0; sequence < rounds_max; ++sequence) {
    const std::uint64_t began = wait::ticks();
    line->block = BenchBlock::request(sequence);
    Wait::pass(line, turn + 1);
    Wait::await(line, turn + 2);
    const BenchBlock reply = line->block;
    samples.add(wait::ticks() - began);
    turn += 2;
    if (reply != BenchBlock::reply(sequence)) throw Failure(ErrorKind::corrupted, "a wrong reply");
    if (sequence % 64 == 63 && wait::monotonic_ns() > end_ns) break;
  }
  line->block.sequence = end_of_rounds;
  Wait::pass(line, turn + 1);
  handler.wait(name);
  BenchResult result;
  result.name = name;
  result.operations = samples.count();
  result.p50_ns = samples.quantile_ns(0.5);
  result.p99_ns = samples.quantile_ns(0.99);
  return result;
}

}  // namespace

BenchResult bench_floor_line(const BenchPlan& plan) {
  return ping_pong<Spinning>(plan, "bare line, spinning");
}

BenchResult bench_floor_futex(const BenchPlan& plan) {
  return ping_pong<Sleeping>(plan, "bare line, futex");
}

}  // namespace shmbus::cli
