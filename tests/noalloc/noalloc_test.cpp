// What a call costs beyond its own work, counted and not assumed: no heap allocation and no page
// fault in either process once warm, and no system call while both are awake.
//
// Three processes: a handler, a caller, and the test, which reads their counts. Calls are made in
// rounds. What a call needs, every round needs; what the machine does to a process now and then
// (another program takes the processor and the peer falls asleep, the kernel moves a page) spoils
// some rounds only. So the quietest round counts, and a round has hundreds of calls.
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <limits>

#include "noalloc/meters.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

constexpr std::uint64_t calls_in_round = 640;
/// Short, so that some have both processes on a processor from end to end, also on a busy machine.
constexpr std::uint64_t calls_in_sealed_round = 128;
constexpr int warm_up_rounds = 5;
constexpr std::size_t large = 4'000;
constexpr std::uint64_t many_lanes_worth = 32;  // commands sent before their replies are fetched

struct Small {
  std::uint64_t number = 0;
};
using SmallCall = Command<"small", Small, Small>;
struct Large {
  std::array<std::uint64_t, large / 8> numbers{};
};
using LargeCall = Command<"large", Large, Large>;

struct Stage {
  Meters caller;
  Meters handler;
  std::atomic<std::uint64_t> rounds_wanted{0};
  std::atomic<std::uint64_t> rounds_done{0};
  std::atomic<std::uint64_t> failures{0};
  std::atomic<bool> sealed{false};
  std::atomic<std::uint64_t> fewest_system_calls{~0ULL};  ///< of a sealed caller's short rounds
};

Status touch_the_kernel_and_the_heap(Context& context) {
  void* volatile memory = std::malloc(100);
  std::free(memory);
  (void)::getppid();
  return answer(context, context.request());
}

Status answer_deferred(Context& context) {
  auto responder = context.defer();
  if (!responder.valid()) return Status::reject(1);
  (void)responder.reply(context.request());
  return Status::ok();
}

int serve_counted(const std::string& path, Stage& stage, const ServeOptions& options) {
  count_into(stage.handler);
  return serve_for_ever(
      path,
      [&](Bus&, Server& server) {
        return server.on<SmallCall>([](const Small& in, Small& out) {
          out.number = in.number;
        }) && server.on<LargeCall>([](const Large& in, Large& out) { out.numbers = in.numbers; }) &&
               server.on("echo", [](Context& c) { return answer(c, c.request()); }) &&
               server.on("refuse", [](Context&) { return Status::reject(7, "no"); }) &&
               server.on("defer", answer_deferred) &&
               server.on("dirty", touch_the_kernel_and_the_heap) && server.on("seal", [](Context&) {
                 return forbid_system_calls() ? Status::ok() : Status::reject(1);
               });
      },
      options);
}

/// One round of a kind of call; false when a call went wrong.
using Round = bool (*)(Bus&, const CallerOptions&, std::uint64_t calls);

template <class C>
Caller<C>& caller_for(Bus& bus, const CallerOptions& options) {
  static auto caller = bus.caller<C>(options);  // one process makes one kind of call
  return *caller;
}
RawCaller& raw_for(Bus& bus, const char* name, const CallerOptions& options) {
  static auto caller = bus.caller(name, options);
  return *caller;
}

bool small_calls(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  auto& caller = caller_for<SmallCall>(bus, options);
  for (std::uint64_t i = 0; i < calls; ++i) {
    const auto reply = caller.call({i});
    if (!reply || reply->number != i) return false;
  }
  return true;
}
bool calls_with_deadline(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  auto& caller = caller_for<SmallCall>(bus, options);
  for (std::uint64_t i = 0; i < calls; ++i) {
    if (!caller.call({i}, 30s)) return false;
  }
  return true;
}
bool copied_large_calls(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  auto& caller = raw_for(bus, "echo", options);
  std::array<std::byte, large> request{};
  std::array<std::byte, large> reply{};
  for (std::uint64_t i = 0; i < calls; ++i) {
    const auto size = caller.call(request, reply);
    if (!size || *size != large) return false;
  }
  return true;
}
bool loan_calls(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  auto& caller = caller_for<LargeCall>(bus, options);
  for (std::uint64_t i = 0; i < calls; ++i) {
    auto loan = caller.loan();
    if (!loan) return false;
    (*loan)->numbers[0] = i;
    const auto reply = loan->call();
    if (!reply || (*reply)->numbers[0] != i) return false;
  }
  return true;
}
bool loan_sends(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  auto& caller = raw_for(bus, "echo", options);
  for (std::uint64_t i = 0; i < calls; ++i) {
    auto loan = caller.loan(large);
    if (!loan || !loan->send()) return false;
  }
  return true;
}
bool pipelined_calls(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  auto& caller = raw_for(bus, "echo", options);
  std::array<Pending, many_lanes_worth> pending;
  for (std::uint64_t i = 0; i < calls; i += pending.size()) {
    for (auto& one : pending) {
      auto started = caller.start(raw(i), sizeof i);
      if (!started) return false;
      one = std::move(*started);
    }
    for (auto& one : pending) {
      const auto reply = one.wait();
      if (!reply || number_in<std::uint64_t>(reply->bytes()) != i) return false;
    }
  }
  return true;
}
bool sends(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  auto& caller = caller_for<SmallCall>(bus, options);
  for (std::uint64_t i = 0; i < calls; ++i) {
    if (!caller.send({i})) return false;
  }
  return true;
}
bool batches(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  auto& caller = caller_for<SmallCall>(bus, options);
  for (std::uint64_t i = 0; i < calls; ++i) {
    if (!caller.send({i}, Notify::later)) return false;
    if (i % many_lanes_worth == many_lanes_worth - 1 && !caller.flush()) return false;
  }
  return true;
}
bool refused_calls(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  auto& caller = raw_for(bus, "refuse", options);
  for (std::uint64_t i = 0; i < calls; ++i) {
    const auto reply = caller.call({}, {});
    if (reply || reply.error().kind != ErrorKind::rejected) return false;
  }
  return true;
}
/// Inside a trace that is recorded: with the context in its cell, and two spans each.
bool traced_calls(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  const Span span(bus, "round");
  return small_calls(bus, options, calls);
}
bool traced_starts(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  const Span span(bus, "round");
  return pipelined_calls(bus, options, calls);
}
bool traced_sends(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  const Span span(bus, "round");
  return sends(bus, options, calls);
}
/// Each might begin a trace; next to none does.
bool seldom_traced_calls(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  CallerOptions seldom = options;
  seldom.trace_ratio = 1e-9;
  return small_calls(bus, seldom, calls);
}
template <const char* Name>
bool calls_of(Bus& bus, const CallerOptions& options, std::uint64_t calls) {
  auto& caller = raw_for(bus, Name, options);
  std::uint64_t reply = 0;
  for (std::uint64_t i = 0; i < calls; ++i) {
    if (!caller.call(raw(i), raw(reply)) || reply != i) return false;
  }
  return true;
}
constexpr char deferred_name[] = "defer";  // NOLINT: a template argument
constexpr char dirty_name[] = "dirty";     // NOLINT

struct Kind {
  const char* name;
  Round round;
};
constexpr std::array<Kind, 13> kinds{{
    {"small call", small_calls},
    {"small call with a deadline", calls_with_deadline},
    {"large call, copied in and out", copied_large_calls},
    {"large call in loaned memory", loan_calls},
    {"one-way in loaned memory", loan_sends},
    {"many calls under way", pipelined_calls},
    {"one-way", sends},
    {"one-way in batches", batches},
    {"refused call", refused_calls},
    {"traced call", traced_calls},
    {"many traced calls under way", traced_starts},
    {"traced one-way", traced_sends},
    {"call that is seldom traced", seldom_traced_calls},
}};

struct Modes {
  WaitMode wait = WaitMode::adaptive;
  Order order = Order::per_caller;
  bool sealed = false;  ///< system calls are forbidden once both are warm
};

/// Short rounds until one goes by without a system call on either side. The caller looks itself:
/// before the test got a processor to look, the handler would have lost its own.
bool seek_quiet_round(Bus& bus, const CallerOptions& options, Stage& stage, Round round) {
  constexpr int rounds_max = 5'000;
  const auto so_far = [&] { return stage.caller.system_calls + stage.handler.system_calls; };
  for (int i = 0; i < rounds_max && stage.fewest_system_calls != 0; ++i) {
    const std::uint64_t before = so_far();
    if (!round(bus, options, calls_in_sealed_round)) return false;
    const std::uint64_t seen = so_far() - before;
    if (seen < stage.fewest_system_calls) stage.fewest_system_calls = seen;
  }
  return true;
}

/// The caller's process: warm-up, then a round whenever the test wants one.
int call_counted(const std::string& path, Stage& stage, Round round, const Modes& modes) {
  count_into(stage.caller);
  auto bus = Bus::open(path, {.label = "caller process"});
  if (!bus || !bus->wait_until_available("seal", 10s)) return 1;
  const CallerOptions options{.wait = modes.wait};
  for (int i = 0; i < warm_up_rounds; ++i) {
    if (!round(*bus, options, calls_in_round)) return 2;
  }
  if (modes.sealed) {
    auto seal = bus->caller("seal", options);
    if (!seal || !seal->call({}, {}) || !forbid_system_calls()) return 77;
    stage.sealed = true;
  }
  for (;;) {
    while (stage.rounds_wanted == stage.rounds_done) {
      if (!modes.sealed) nap(100us);
    }
    const bool well = modes.sealed ? seek_quiet_round(*bus, options, stage, round)
                                   : round(*bus, options, calls_in_round);
    if (!well) stage.failures.fetch_add(1);
    stage.rounds_done.fetch_add(1);
  }
}

struct Costs {
  std::uint64_t allocations = 0;
  std::uint64_t faults = 0;
  std::uint64_t system_calls = 0;
};

class Scene {
 public:
  Scene(Round round, const Modes& modes)
      : modes_(modes),
        handler_([&] {
          return serve_counted(place_.path(), *stage_, {.wait = modes.wait, .order = modes.order});
        }),
        caller_([&] { return call_counted(place_.path(), *stage_, round, modes); }) {
    (void)one_round();  // what comes with the first one: the warm-up ends in it
  }

  /// Of both processes in the quietest of some rounds, by what matters to the caller of this.
  Costs quietest(std::uint64_t Costs::*what, int rounds = 20) {
    Costs best{~0ULL, ~0ULL, ~0ULL};
    for (int i = 0; i < rounds && best.*what != 0; ++i) {
      const Costs now = one_round();
      if (now.*what < best.*what) best = now;
    }
    return best;
  }
  Costs one_round() {
    const Costs before = so_far();
    const auto wanted = stage_->rounds_wanted.fetch_add(1) + 1;
    REQUIRE(eventually([&] { return stage_->rounds_done == wanted; }, 60s));
    CHECK(stage_->failures == 0);
    const Costs after = so_far();
    return {after.allocations - before.allocations, after.faults - before.faults,
            after.system_calls - before.system_calls};
  }
  Stage& stage() { return *stage_; }

 private:
  Costs so_far() {
    const auto& s = *stage_;
    return {s.caller.allocations + s.handler.allocations,
            page_faults(caller_.pid()) + page_faults(handler_.pid()),
            s.caller.system_calls + s.handler.system_calls};
  }

  Modes modes_;
  TempBus place_;
  Shared<Stage> stage_;
  Child handler_;
  Child caller_;
};

void check_memory(const Kind& kind, const Modes& modes) {
  Scene scene(kind.round, modes);
  const Costs seen = scene.quietest(&Costs::faults);
  INFO(kind.name);
  CHECK(seen.allocations == 0);
  CHECK(seen.faults == 0);
}

}  // namespace

TEST_CASE("no heap allocation and no page fault in any kind of call, in either process") {
  REQUIRE(allocations_are_counted());
  for (const auto& kind : kinds) check_memory(kind, {});
}

TEST_CASE("nor when the handler wants one order over all callers, or all sleep at once") {
  for (const auto& kind : kinds) check_memory(kind, {.order = Order::global});
  check_memory(kinds[0], {.wait = WaitMode::blocking});
}

TEST_CASE("a deferred answer allocates once, in the handler, and nothing else does") {
  Scene scene(calls_of<deferred_name>, {});
  const Costs seen = scene.quietest(&Costs::allocations, 3);
  CHECK(seen.allocations == calls_in_round);
  CHECK(scene.stage().caller.allocations <= scene.stage().handler.allocations);
}

TEST_CASE("no system call while both are awake, in any kind of call") {
  const auto check = [](const Kind& kind, WaitMode mode) {
    Scene scene(kind.round, {.wait = mode, .sealed = true});
    REQUIRE(scene.stage().sealed);
    INFO(kind.name << ", mode " << static_cast<int>(mode) << ", the last was system call "
                   << scene.stage().caller.last_system_call << " of the caller, "
                   << scene.stage().handler.last_system_call << " of the handler");
    CHECK(scene.stage().fewest_system_calls == 0);
  };
  for (const auto& kind : kinds) check(kind, WaitMode::spinning);
  check(kinds[0], WaitMode::adaptive);
}

TEST_CASE("the meters notice what they are there to notice") {
  Scene counted(calls_of<dirty_name>, {});
  CHECK(counted.quietest(&Costs::allocations, 3).allocations == calls_in_round);
  Scene sealed(calls_of<dirty_name>, {.wait = WaitMode::spinning, .sealed = true});
  CHECK(sealed.stage().fewest_system_calls >= calls_in_sealed_round);
}
