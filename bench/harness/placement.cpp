#include "harness/placement.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "harness/clock.hpp"
#include "harness/payload.hpp"
#include "harness/role_group.hpp"

namespace shmbus::bench {
namespace {

// Midway (geometrically) between what current server processors show. A line ping-pong takes 57-120
// ns within one L3 and 300-370 ns without; a dependent load from a dirty line of the other side
// takes 4 ns inside one core (its L2), 15 ns from another core on the same L3, 65 ns from
// elsewhere.
constexpr double kLineFarNs = 200;
constexpr double kLoadOneCoreNs = 8;
constexpr double kLoadFarNs = 32;

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::size_t kBufferLines = kBufferBytes / 64;

struct BufferLine {
  alignas(64) std::uint64_t next;
};

struct ProbeArea {
  alignas(128) std::atomic<std::uint32_t> turn{0};
  alignas(128) std::byte buffer[kBufferBytes];
  alignas(128) BufferLine chain[kBufferLines];
};

void wait_for(const std::atomic<std::uint32_t>& turn, std::uint32_t value) {
  while (turn.load(std::memory_order_acquire) != value) {
  }
}

// Each probe does something with the buffer, says so, and waits for the other side's part.
struct LineProbe {
  static constexpr std::uint32_t kExchanges = 400;
  static void ask(ProbeArea&, std::uint32_t) {}
  static void answer(ProbeArea&, std::uint32_t) {}
  static void finish(ProbeArea&) {}
};

struct BufferProbe {
  static constexpr std::uint32_t kExchanges = 6;
  static void ask(ProbeArea& area, std::uint32_t turn) {
    payload::write<kBufferBytes>(area.buffer, turn);
  }
  static void answer(ProbeArea& area, std::uint32_t) {
    payload::write<kBufferBytes>(area.buffer, payload::sum<kBufferBytes>(area.buffer));
  }
  static void finish(ProbeArea& area) {
    if (payload::sum<kBufferBytes>(area.buffer) == 0) {
      throw DataLost("placement probe");
    }
  }
};

// The answering side dirties a chain of lines through all of the buffer; only following it is
// timed.
struct LoadProbe {
  static void dirty(ProbeArea& area) {
    constexpr std::uint64_t kStride = 261;  // with an odd offset: one cycle through all lines,
    constexpr std::uint64_t kOffset = 337;  // in an order that no prefetcher guesses
    for (std::uint64_t i = 0; i < kBufferLines; ++i) {
      area.chain[i].next = (i * kStride + kOffset) % kBufferLines;
    }
  }
  static double follow_ns(const ProbeArea& area) {
    const Ticks start = now_ticks();
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < kBufferLines; ++i) {
      at = area.chain[at].next;
      asm volatile("" : "+r"(at));
    }
    return ticks_to_ns(now_ticks() - start) / static_cast<double>(kBufferLines);
  }
};

constexpr std::uint32_t kBatches = 8;
constexpr std::uint32_t kLoadBatches = 6;

// The fastest batch: interference only ever adds.
template <class Probe>
double probe_exchanges(ProbeArea& area, std::uint32_t& turn) {
  double best = 1e18;
  for (std::uint32_t batch = 0; batch < kBatches; ++batch) {
    const Ticks start = now_ticks();
    for (std::uint32_t i = 0; i < Probe::kExchanges; ++i) {
      Probe::ask(area, turn);
      area.turn.store(++turn, std::memory_order_release);
      wait_for(area.turn, ++turn);
      Probe::finish(area);
    }
    best = std::min(best, ticks_to_ns(now_ticks() - start) / Probe::kExchanges);
  }
  return best;
}

template <class Probe>
void answer_exchanges(ProbeArea& area, std::uint32_t& turn) {
  for (std::uint32_t i = 0; i < kBatches * Probe::kExchanges; ++i) {
    wait_for(area.turn, ++turn);
    Probe::answer(area, turn);
    area.turn.store(++turn, std::memory_order_release);
  }
}

double probe_loads(ProbeArea& area, std::uint32_t& turn) {
  double best = 1e18;
  for (std::uint32_t batch = 0; batch < kLoadBatches; ++batch) {
    area.turn.store(++turn, std::memory_order_release);
    wait_for(area.turn, ++turn);
    best = std::min(best, LoadProbe::follow_ns(area));
  }
  return best;
}

void answer_loads(ProbeArea& area, std::uint32_t& turn) {
  for (std::uint32_t batch = 0; batch < kLoadBatches; ++batch) {
    wait_for(area.turn, ++turn);
    LoadProbe::dirty(area);
    area.turn.store(++turn, std::memory_order_release);
  }
}

Placement classify(const PlacementProbe& probe) {
  if (probe.line_ns > kLineFarNs || probe.load_ns > kLoadFarNs) {
    return Placement::far;
  }
  return probe.load_ns < kLoadOneCoreNs ? Placement::one_core : Placement::shared_l3;
}

}  // namespace

std::string_view placement_name(Placement placement) noexcept {
  switch (placement) {
    case Placement::one_cpu:
      return "one cpu";
    case Placement::one_core:
      return "one core";
    case Placement::shared_l3:
      return "shared L3";
    case Placement::far:
      return "no shared L3";
    case Placement::mixed:
      return "mixed";
  }
  return "?";
}

PlacementProbe probe_placement() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) < 2) {
    return {Placement::one_cpu, 0, 0, 0};
  }
  SharedObject<ProbeArea> area;
  RoleGroup group(RoundBudget{});
  group.add("probe", 0, [&](RoleContext& context) {
    area.prefault();
    context.barrier();
    std::uint32_t turn = 0;
    context.report().add_block(probe_exchanges<LineProbe>(*area, turn));
    context.report().add_block(probe_exchanges<BufferProbe>(*area, turn));
    context.report().add_block(probe_loads(*area, turn));
  });
  group.add("answer", 1, [&](RoleContext& context) {
    area.prefault();
    context.barrier();
    std::uint32_t turn = 0;
    answer_exchanges<LineProbe>(*area, turn);
    answer_exchanges<BufferProbe>(*area, turn);
    answer_loads(*area, turn);
  });
  if (group.run(0).status != RoundResult::Status::ok) {
    return {};
  }
  const auto& found = group.report(0).block_ns;
  PlacementProbe probe{Placement::mixed, found[0], found[1], found[2]};
  probe.placement = classify(probe);
  return probe;
}

}  // namespace shmbus::bench
