// The least any call between two cores can cost: one cache line that carries a small payload there
// and the reply back in place. floor.line is what small calls are divided by. floor.line.split is
// the same with a line for each direction, the bare form of a request ring beside a reply ring.
//
// Whether the waiting side should pause between two looks has no one answer: without, a call takes
// a little less, with, the tail is shorter (fewer looks take the line away from the side that
// writes it). The floor is the better of both.

#include <atomic>

#include "harness/better_of.hpp"
#include "harness/measure.hpp"
#include "harness/shared_mapping.hpp"
#include "suites.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 40;

enum class Look { busy, pausing };
enum class Form { in_place, split };

struct alignas(64) Line {
  std::atomic<std::uint64_t> turn{0};  // odd: a request is there; even: the reply
  std::byte payload[kBytes];
};
static_assert(sizeof(Line) == 64);

struct Lines {
  alignas(128) Line request;
  alignas(128) Line reply;
};

template <Look How>
void wait_for(const std::atomic<std::uint64_t>& turn, std::uint64_t value) noexcept {
  while (turn.load(std::memory_order_acquire) != value) {
    if constexpr (How == Look::pausing) {
      spin_pause();
    }
  }
}

template <Look How>
void call_through(RoleContext& context, Line& request, Line& reply, double paced_per_second) {
  EchoCaller<kBytes> echo;
  std::uint64_t turn = 0;
  const auto call = [&] {
    echo.fill(request.payload);
    request.turn.store(turn + 1, std::memory_order_release);
    wait_for<How>(reply.turn, turn + 2);
    turn += 2;
    echo.check(reply.payload);
  };
  if (paced_per_second > 0) {
    measure_paced_calls(context, paced_per_second, call);
  } else {
    measure_calls(context, call);
  }
  echo.fill_end(request.payload);
  request.turn.store(turn + 1, std::memory_order_release);
}

template <Look How>
void serve_through(Line& request, Line& reply) {
  EchoServer<kBytes> echo;
  for (std::uint64_t turn = 0;; turn += 2) {
    wait_for<How>(request.turn, turn + 1);
    echo.take(request.payload);
    if (echo.ended()) {
      return;
    }
    echo.reply(reply.payload);
    reply.turn.store(turn + 2, std::memory_order_release);
  }
}

template <Look How, Form Shape>
RoundResult run_line(const RoundBudget& budget, double paced_per_second = 0) {
  SharedObject<Lines> lines;
  RoleGroup group(budget);
  Line& request = lines->request;
  Line& reply = Shape == Form::split ? lines->reply : lines->request;
  group.add("caller", 0, [&](RoleContext& context) {
    lines.prefault();
    context.barrier();
    call_through<How>(context, request, reply, paced_per_second);
  });
  group.add("server", 1, [&](RoleContext& context) {
    lines.prefault();
    context.barrier();
    serve_through<How>(request, reply);
  });
  return group.run(0);
}

template <Form Shape>
RoundResult run_better(const RoundBudget& budget) {
  return run_better_of(
      budget, [](const RoundBudget& half) { return run_line<Look::busy, Shape>(half); },
      [](const RoundBudget& half) { return run_line<Look::pausing, Shape>(half); });
}

RoundResult run_paced(const RoundBudget& budget) {
  constexpr double kCallsPerSecond = 100'000;
  return run_line<Look::pausing, Form::in_place>(budget, kCallsPerSecond);
}

}  // namespace

void register_floor_line(Registry& registry) {
  const auto add = [&](const char* name, const char* mode, Tier tier, auto run) {
    registry.add({.name = name,
                  .payload = kBytes,
                  .mode = mode,
                  .ratio_to = tier == Tier::headline ? "" : "floor.line",
                  .tier = tier,
                  .run_round = run});
  };
  add("floor.line", "spin", Tier::headline, run_better<Form::in_place>);
  add("floor.line.busy", "spin", Tier::detail,
      [](const RoundBudget& budget) { return run_line<Look::busy, Form::in_place>(budget); });
  add("floor.line.pausing", "spin", Tier::detail,
      [](const RoundBudget& budget) { return run_line<Look::pausing, Form::in_place>(budget); });
  add("floor.line.split", "spin", Tier::detail, run_better<Form::split>);
  add("floor.line.paced_100k", "paced", Tier::detail, run_paced);
}

}  // namespace shmbus::bench
