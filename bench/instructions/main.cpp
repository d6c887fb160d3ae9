// shmbus_bench_instructions: makes callers and handlers execute one operation after the other, for
// scripts/instructions to count under valgrind.
//
// A call finds its answer at its first look: its handler runs it right behind the store that
// commits it. Likewise a handler finds the next call at its first look. Where these stores are is
// found by single steps, natively, in a run of its own (without --count).

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>

#include "instructions/phases.hpp"
#ifdef SHMBUS_BENCH_WITH_C
#include "instructions/through_c.hpp"
#endif

namespace {

using namespace shmbus;
using namespace shmbus::bench;

struct Operation {
  std::string name;
  std::size_t payload;
  const char* phases;  ///< what scripts/instructions makes of them
  std::function<Places()> find;
  std::function<void(int times, const Places&)> count;
};

template <class Side>
Operation call_of(std::string name, const PairSetup& setup) {
  return {std::move(name), setup.bytes, "call",
          [=] {
            Places places;
            // What is timed may be committed elsewhere than what is not.
            for (const Timing timing : {Timing::sampled, Timing::all}) {
              PairSetup timed = setup;
              timed.timing = timing;
              places.of_caller.insert(CallerCount<Side>(timed, true).find());
              places.of_handler.insert(HandlerCount<Side>(timed, true).find());
            }
            return places;
          },
          [=](int times, const Places& places) {
            CallerCount<Side>(setup).count(times, places.of_caller);
            HandlerCount<Side>(setup).count(times, places.of_handler);
          }};
}

template <class Side, bool Together = false>
Operation send_of(std::string name, const PairSetup& setup) {
  return {std::move(name), setup.bytes, "send", [] { return Places(); },
          [=](int times, const Places&) { count_sends<Side, Together>(setup, times); }};
}

PairSetup with_policy(std::size_t bytes) {
  PairSetup setup{.bytes = bytes};  // its limits are never reached
  setup.policy = Policy{.deadline = std::chrono::seconds(2),
                        .rate = {.commands = 50'000'000, .burst = 1'000'000},
                        .breaker = {.failure_percent = 50}};
  return setup;
}

std::vector<Operation> operations() {
  std::vector<Operation> all;
  constexpr std::array<std::size_t, 7> sizes{8, 40, 48, 64, 96, 256, 1024};
  for (const std::size_t bytes : sizes) all.push_back(call_of<ByValue>("call", {.bytes = bytes}));
  for (const std::size_t bytes : sizes) {
    all.push_back(call_of<Loaned>("call.loaned", {.bytes = bytes}));
  }
  all.push_back(call_of<Typed<40>>("call.typed", {.bytes = 40}));
  all.push_back(call_of<Typed<64>>("call.typed", {.bytes = 64}));
  all.push_back(send_of<ByValue>("send", {.bytes = 32}));
  all.push_back(send_of<ByValue>("send", {.bytes = 64}));
  all.push_back(send_of<Typed<32>>("send.typed", {.bytes = 32}));
  all.push_back(send_of<ByValue, true>("send_many", {.bytes = 32}));
  all.push_back(send_of<ByValue, true>("send_many", {.bytes = 64}));
  all.push_back(send_of<ToBatches<32>, true>("send_many.on_batch", {.bytes = 32}));

#ifdef SHMBUS_BENCH_WITH_C
  for (const std::size_t bytes : {std::size_t{40}, std::size_t{256}}) {
    all.push_back(call_of<ThroughC<false>>("call.c", {.bytes = bytes}));
  }
  all.push_back(call_of<ThroughC<true>>("call.loaned.c", {.bytes = 1024}));
  all.push_back(send_of<ThroughC<false>>("send.c", {.bytes = 32}));
#endif

  PairSetup global{.bytes = 40};
  global.serve.order = Order::global;
  all.push_back(call_of<ByValue>("call.global", global));
  global.bytes = 32;
  all.push_back(send_of<ByValue>("send.global", global));
  all.push_back(call_of<ByValue>("call.policy", with_policy(40)));
  all.push_back(send_of<ByValue>("send.policy", with_policy(32)));
  PairSetup traced{.bytes = 40};
  traced.caller.trace_ratio = 1;
  all.push_back(call_of<ByValue>("call.traced", traced));
  PairSetup group{.bytes = 40};
  group.how.sharing = Sharing::group;
  all.push_back(call_of<ByValue>("call.group", group));
  group.caller.in_group = InGroup::pinned;
  all.push_back(call_of<ByValue>("call.group.pinned", group));
  return all;
}

std::string label_of(const Operation& operation) {
  return operation.name + "." + std::to_string(operation.payload);
}

/// Prints a line for each operation: its label, where its calls are handed over, and where replies.
void find_all(const std::string& wanted) {
  for (const Operation& operation : operations()) {
    const std::string label = label_of(operation);
    if (!wanted.empty() && wanted != operation.name && wanted != label) continue;
    const Places places = operation.find();
    std::printf("%s", label.c_str());
    for (const Offset place : places.of_caller) std::printf(" caller %zx", place);
    for (const Offset place : places.of_handler) std::printf(" handler %zx", place);
    std::printf("\n");
    std::fflush(stdout);
  }
}

Places read_places(std::istream& words) {
  Places places;
  for (std::string side, offset; words >> side >> offset;) {
    auto& of_side = side == "caller" ? places.of_caller : places.of_handler;
    of_side.insert(std::stoull(offset, nullptr, 16));
  }
  return places;
}

/// Reads such lines, counts those operations, and prints for each its kind, name and payload.
void count_all(const std::string& file, int times) {
  std::ifstream lines(file);
  std::map<std::string, Places> found;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string label;
    words >> label;
    found[label] = read_places(words);
  }
  for (const Operation& operation : operations()) {
    const auto places = found.find(label_of(operation));
    if (places == found.end()) continue;
    operation.count(times, places->second);
    std::printf("%s %s %zu\n", operation.phases, operation.name.c_str(), operation.payload);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"One operation of the bus after the other, for scripts/instructions to count."};
  std::string operation;
  std::string places;
  int times = 1024;
  std::vector<std::string> clocks;
  app.add_option("--operation", operation, "only this one: call, or with its payload call.40");
  app.add_option("--count", places, "count what this file names, the output of a run without");
  app.add_option("--times", times, "how often each")->check(CLI::Range(32, 1 << 20));
  app.add_option("--clocks", clocks, "offsets of all instructions that read the clock");
  CLI11_PARSE(app, argc, argv);
  try {
    { const Bus first = PrivateBus().open(); }  // measures the rate of the real counter
    if (places.empty()) {
      find_all(operation);
    } else {
      std::vector<Offset> offsets;
      for (const std::string& clock : clocks) offsets.push_back(std::stoull(clock, nullptr, 16));
      patch_clocks(offsets);
      count_all(places, times);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "shmbus_bench_instructions: %s\n", error.what());
    return 1;
  }
}
