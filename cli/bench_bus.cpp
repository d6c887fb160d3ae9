// The benchmark's cases on a bus of their own, through the public library alone.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <stop_token>

#include "cli/bench_parts.hpp"
#include "cli/exit_codes.hpp"
#include "os/clock.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli {
namespace {

constexpr std::uint64_t calls_max = 4'000'000;
constexpr std::uint64_t batch = 32;  // one-way commands for each flush

struct Tally {
  std::uint64_t count = 0;
  std::uint64_t faults = 0;
};

using Echo = Command<"bench.echo", BenchBlock, BenchBlock>;
using Note = Command<"bench.note", BenchBlock>;
using Count = Command<"bench.count", Nothing, Tally>;
using Stop = Command<"bench.stop", Nothing>;

/// A bus in /dev/shm that goes away with this object.
class PrivateBus {
 public:
  PrivateBus() : name_(fmt::format("bench.{}", ::getpid())) {}
  PrivateBus(const PrivateBus&) = delete;
  PrivateBus& operator=(const PrivateBus&) = delete;
  ~PrivateBus() { ::unlink(("/dev/shm/shmbus." + name_).c_str()); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
};

/// After the callers and servers were made: the library does not spin in a thread that was on one
/// processor when it made them, since it cannot know that its peer is on another.
void pin_to(const BenchPlan& plan, std::size_t which) noexcept {
  if (!plan.processors.empty()) run_on({&plan.processors[which], 1});
}

int serve(const std::string& bus_name, const BenchPlan& plan, WaitMode mode) {
  run_on(plan.processors);
  auto bus = value_or_fail(Bus::open(bus_name, {.label = "bench handler"}));
  auto server = value_or_fail(bus.serve({.wait = mode}));
  std::stop_source stop;
  Tally tally;
  value_or_fail(server.on<Count>([&](const Nothing&, Tally& out) { out = tally; }));
  value_or_fail(server.on<Stop>([&](const Nothing&) { stop.request_stop(); }));
  value_or_fail(server.on<Note>([&](const BenchBlock& in) {
    if (in != BenchBlock::request(tally.count)) ++tally.faults;
    ++tally.count;
  }));
  value_or_fail(server.on<Echo>([](const BenchBlock& in, BenchBlock& out) {
    if (in != BenchBlock::request(in.sequence)) return Status::reject(1, "a wrong request");
    out = BenchBlock::reply(in.sequence);
    return Status::ok();
  }));
  pin_to(plan, 1);
  value_or_fail(server.run(stop.get_token()));
  return tally.faults == 0 ? 0 : 1;
}

/// A handler process and a caller on one bus. The process is forked before this one opens the bus.
class Pair {
 public:
  Pair(const BenchPlan& plan, WaitMode mode)
      : mode_(mode), handler_([&] { return serve(place_.name(), plan, mode); }) {
    run_on(plan.processors);
    bus_ = value_or_fail(Bus::open(place_.name(), {.label = "bench caller"}));
    value_or_fail(bus_.wait_until_available("bench.echo", std::chrono::seconds(5)));
  }
  template <class C>
  Caller<C> caller() {
    return value_or_fail(bus_.caller<C>({.wait = mode_, .when_vacant = WhenVacant::wait}));
  }
  void finish(const char* what) {
    (void)value_or_fail(caller<Stop>().call({}));
    handler_.wait(what);
  }

 private:
  PrivateBus place_;
  WaitMode mode_;
  Child handler_;
  Bus bus_;
};

const char* name_of(WaitMode mode) noexcept {
  switch (mode) {
    case WaitMode::spinning:
      return "call, spinning";
    case WaitMode::adaptive:
      return "call, adaptive";
    case WaitMode::blocking:
      return "call, blocking";
  }
  return "call";
}

}  // namespace

BenchResult bench_calls(const BenchPlan& plan, WaitMode mode) {
  Pair pair(plan, mode);
  auto echo = pair.caller<Echo>();
  pin_to(plan, 0);
  Samples samples(calls_max);
  const std::uint64_t end_ns =
      wait::monotonic_ns() + static_cast<std::uint64_t>(plan.per_case.count());
  for (std::uint64_t sequence = 0; sequence < calls_max; ++sequence) {
    const std::uint64_t began = wait::ticks();
    const auto reply = echo.call(BenchBlock::request(sequence));
    const std::uint64_t took = wait::ticks() - began;
    if (!reply) throw Failure(reply.error());
    samples.add(took);
    if (*reply != BenchBlock::reply(sequence)) throw Failure(ErrorKind::corrupted, "a wrong reply");
    if (sequence % 64 == 63 && wait::monotonic_ns() > end_ns) break;
  }
  pair.finish(name_of(mode));
  BenchResult result;
  result.name = name_of(mode);
  result.operations = samples.count();
  result.p50_ns = samples.quantile_ns(0.5);
  result.p99_ns = samples.quantile_ns(0.99);
  return result;
}

BenchResult bench_one_way(const BenchPlan& plan) {
  Pair pair(plan, WaitMode::adaptive);
  auto note = pair.caller<Note>();
  auto count = pair.caller<Count>();
  pin_to(plan, 0);
  const std::uint64_t began_ns = wait::monotonic_ns();
  const std::uint64_t end_ns = began_ns + static_cast<std::uint64_t>(plan.per_case.count());
  std::uint64_t sent = 0;
  while (sent % 4096 != 0 || wait::monotonic_ns() < end_ns) {
    (void)value_or_fail(note.send(BenchBlock::request(sent), Notify::later));
    ++sent;
    if (sent % batch == 0) value_or_fail(note.flush());
  }
  value_or_fail(note.flush());
  // A caller's commands run in the order it sent them: this one comes after all of them.
  const Tally tally = value_or_fail(count.call({}));
  const std::uint64_t took_ns = wait::monotonic_ns() - began_ns;
  pair.finish("one-way");
  if (tally.count != sent || tally.faults != 0) {
    throw Failure(ErrorKind::corrupted,
                  fmt::format("{} one-way commands sent, {} arrived, {} wrong", sent, tally.count,
                              tally.faults));
  }
  BenchResult result;
  result.name = "one-way";
  result.operations = sent;
  result.per_s = static_cast<double>(sent) * 1e9 / static_cast<double>(took_ns);
  return result;
}

}  // namespace shmbus::cli
