// shmbus_bench_instructions: how many instructions each side of an operation executes, in the
// library and below. Prints JSON: [{"operation", "payload", "caller", "handler"}...].
//
// The caller's figure is of the whole public function. A call finds its answer at its first look:
// the handler's thread runs it as soon as it is committed, found by letting that thread poll after
// each of the caller's instructions. The handler's figure is what a command adds to a poll that
// finds nothing; of one-way commands, 32 of which are found by one poll, a 32nd of that. Means over
// enough commands to hold what is done only now and then.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "bus/commands.hpp"
#include "instructions/pair.hpp"
#include "instructions/traps.hpp"

namespace {

using namespace shmbus;
using namespace shmbus::bench;

constexpr const char* name = "bench.count";
constexpr int warmups = 2000;
constexpr int sends_per_turn = 32;

struct Plan {
  bool finds = false;  ///< find where calls are handed over instead of counting
  int commands = 1024;
  std::vector<Offset> places{};
};
struct Operation {
  std::string name;
  std::size_t payload;
  std::function<void(Plan&)> count;
};

// callgrind collects what runs inside of one function, and writes a file each time that another one
// ends: scripts/instructions passes their names on.
extern "C" [[gnu::noinline]] void shmbus_count_phase_end() { asm volatile(""); }

template <class F>
[[gnu::noinline]] void shmbus_count_this(F& f) {
  f();
  asm volatile("");
}

/// Of `times` times nothing: what the counting itself adds. Then of polls that find nothing.
void count_empty(Pair& pair, int times) {
  const auto nothing = [] { asm volatile(""); };
  for (int i = 0; i < times; ++i) shmbus_count_this(nothing);
  shmbus_count_phase_end();
  const auto turn = [&] { pair.turn(); };
  for (int i = 0; i < times; ++i) shmbus_count_this(turn);
  shmbus_count_phase_end();
}

/// `call()` makes a whole call; `start()` starts one and returns what waits for it.
template <class Call, class Start>
void count_calls(Plan& plan, Pair& pair, Call call, Start start) {
  for (int i = 0; i < warmups; ++i) {
    auto pending = start();
    pair.turn();
    value_of("wait", pending.wait());
  }
  TurningThread thread(pair);
  const HandOver hand_over = [&] { return thread.turn(); };
  if (plan.finds) {
    plan.places.push_back(find_hand_over(call, hand_over));
    return;
  }
  count_empty(pair, plan.commands);
  const auto turn = [&] { pair.turn(); };
  for (int i = 0; i < plan.commands; ++i) {
    auto pending = start();
    shmbus_count_this(turn);
    value_of("wait", pending.wait());
  }
  shmbus_count_phase_end();
  for (int i = 0; i < plan.commands; ++i) {
    arm_hand_over(plan.places, hand_over);
    shmbus_count_this(call);
    if (is_armed()) throw std::runtime_error("a call ended without having been handed over");
  }
  shmbus_count_phase_end();
}

/// `send()` sends one command.
template <class Send>
void count_sends(Plan& plan, Pair& pair, Send send) {
  if (plan.finds) return;
  for (int i = 0; i < warmups / sends_per_turn; ++i) {
    for (int k = 0; k < sends_per_turn; ++k) send();
    pair.turn();
  }
  count_empty(pair, plan.commands);
  const auto turn = [&] {
    if (pair.turn() != sends_per_turn) {
      throw std::runtime_error("a turn did not run all that was sent");
    }
  };
  const auto batches = [&](auto&& send_one, auto&& run_all) {
    for (int i = 0; i < plan.commands / sends_per_turn; ++i) {
      for (int k = 0; k < sends_per_turn; ++k) send_one();
      run_all();
    }
    shmbus_count_phase_end();
  };
  batches(send, [&] { shmbus_count_this(turn); });
  batches([&] { shmbus_count_this(send); }, turn);
}

// --- the operations --------------------------------------------------------------------------

void check(bool right, const char* what) {
  if (!right) throw std::runtime_error(std::string(what) + ": not what was sent");
}
std::uint64_t first_word(std::span<const std::byte> bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  return word;
}

/// A caller and a handler of bytes.
struct RawPair {
  explicit RawPair(const PairSetup& setup) : pair(setup) {
    value_of("on", pair.server().on(name, answer_first_word, setup.how));
    caller = value_of("caller", pair.bus().caller(name, setup.caller));
  }
  Pair pair;
  RawCaller caller;
};

void count_value_calls(Plan& plan, const PairSetup& setup, std::size_t bytes) {
  RawPair both(setup);
  std::vector<std::byte> request(bytes, std::byte{42});
  std::vector<std::byte> reply(bytes);
  const auto call = [&] {
    const auto size = both.caller.call(request, reply);
    if (!size) throw_error("call", size.error());
  };
  const auto start = [&] { return value_of("start", both.caller.start(request, bytes)); };
  count_calls(plan, both.pair, call, start);
  check(first_word(reply) == first_word(request), "a reply");
}

void count_loaned_calls(Plan& plan, const PairSetup& setup, std::size_t bytes) {
  RawPair both(setup);
  const auto fill = [&](Loan& loan) { std::memcpy(loan.bytes().data(), &bytes, sizeof bytes); };
  const auto call = [&] {
    auto loan = both.caller.loan(bytes, bytes);
    if (!loan) throw_error("loan", loan.error());
    fill(*loan);
    const auto reply = loan->call();
    if (!reply) throw_error("call", reply.error());
    check(first_word(reply->bytes()) == bytes, "a reply");
  };
  const auto start = [&] {
    auto loan = value_of("loan", both.caller.loan(bytes, bytes));
    fill(loan);
    return value_of("start", loan.start());
  };
  count_calls(plan, both.pair, call, start);
}

void count_value_sends(Plan& plan, const PairSetup& setup, std::size_t bytes) {
  RawPair both(setup);
  const std::vector<std::byte> request(bytes, std::byte{42});
  count_sends(plan, both.pair, [&] {
    const auto sent = both.caller.send(request);
    if (!sent) throw_error("send", sent.error());
  });
}

template <std::size_t Bytes>
void count_typed_calls(Plan& plan) {
  Pair pair({});
  value_of("on", pair.server().on<Echo<Bytes>>([](const Block<Bytes>& in, Block<Bytes>& out) {
    out.words[0] = in.words[0];
  }));
  auto caller = value_of("caller", pair.bus().caller<Echo<Bytes>>({.wait = WaitMode::spinning}));
  Block<Bytes> request;
  std::memset(request.bytes(), 42, Bytes);
  const auto call = [&] {
    const auto reply = caller.call(request);
    if (!reply) throw_error("call", reply.error());
  };
  count_calls(plan, pair, call, [&] { return value_of("start", caller.start(request)); });
}

template <std::size_t Bytes>
void count_typed_sends(Plan& plan) {
  Pair pair({});
  std::uint64_t sum = 0;
  value_of("on",
           pair.server().on<Note<Bytes>>([&](const Block<Bytes>& in) { sum += in.words[0]; }));
  auto caller = value_of("caller", pair.bus().caller<Note<Bytes>>({.wait = WaitMode::spinning}));
  Block<Bytes> request;
  std::memset(request.bytes(), 42, Bytes);
  count_sends(plan, pair, [&] {
    const auto sent = caller.send(request);
    if (!sent) throw_error("send", sent.error());
  });
}

std::string label_of(const Operation& operation) {
  return operation.name + "." + std::to_string(operation.payload);
}

std::vector<Operation> operations() {
  std::vector<Operation> all;
  const auto call = [&](const char* what, std::size_t bytes, const PairSetup& setup) {
    all.push_back({what, bytes, [=](Plan& plan) { return count_value_calls(plan, setup, bytes); }});
  };
  const auto send = [&](const char* what, std::size_t bytes, const PairSetup& setup) {
    all.push_back({what, bytes, [=](Plan& plan) { return count_value_sends(plan, setup, bytes); }});
  };
  constexpr std::array<std::size_t, 7> sizes{8, 40, 48, 64, 96, 256, 1024};
  for (const std::size_t bytes : sizes) call("call", bytes, {});
  for (const std::size_t bytes : sizes) {
    all.push_back(
        {"call.loaned", bytes, [=](Plan& plan) { return count_loaned_calls(plan, {}, bytes); }});
  }
  all.push_back({"call.typed", 40, count_typed_calls<40>});
  all.push_back({"call.typed", 64, count_typed_calls<64>});
  send("send", 32, {});
  send("send", 64, {});
  all.push_back({"send.typed", 32, count_typed_sends<32>});

  PairSetup global;
  global.serve.order = Order::global;
  call("call.global", 40, global);
  send("send.global", 32, global);

  PairSetup policy;  // its limits are never reached
  policy.policy = Policy{.deadline = std::chrono::seconds(2),
                         .rate = {.commands = 50'000'000, .burst = 1'000'000},
                         .breaker = {.failure_percent = 50}};
  call("call.policy", 40, policy);

  PairSetup traced;
  traced.caller.trace_ratio = 1;
  call("call.traced", 40, traced);

  PairSetup group;
  group.how.join = Join::group;
  call("call.group", 40, group);
  group.caller.in_group = InGroup::pinned;
  call("call.group.pinned", 40, group);
  return all;
}

bool is_wanted(const Operation& operation, const std::string& wanted) {
  return wanted.empty() || wanted == operation.name || wanted == label_of(operation);
}

/// Prints a line for each operation: its label and where its calls are handed over.
void find_all(const std::string& wanted) {
  for (const Operation& operation : operations()) {
    if (!is_wanted(operation, wanted)) continue;
    Plan plan{.finds = true};
    operation.count(plan);
    std::printf("%s", label_of(operation).c_str());
    for (const Offset place : plan.places) std::printf(" %#zx", place);
    std::printf("\n");
    std::fflush(stdout);
  }
}

/// Reads such lines, and counts those operations: each ends four phases.
void count_all(const std::string& file, int commands) {
  std::ifstream lines(file);
  std::map<std::string, std::vector<Offset>> places;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string label;
    words >> label >> std::hex;
    auto& of_this = places[label];
    for (Offset place = 0; words >> place;) of_this.push_back(place);
  }
  for (const Operation& operation : operations()) {
    const auto found = places.find(label_of(operation));
    if (found == places.end()) continue;
    Plan plan{.commands = commands, .places = found->second};
    operation.count(plan);
    std::printf("%s %zu\n", operation.name.c_str(), operation.payload);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"One operation of the bus after the other, for scripts/instructions to count."};
  std::string operation;
  std::string places;
  int commands = 1024;
  std::vector<std::string> clocks;
  app.add_option("--operation", operation, "only this one: call, or with its payload call.40");
  app.add_option("--count", places, "count these, found before");
  app.add_option("--commands", commands, "how many of each")->check(CLI::Range(32, 1 << 20));
  app.add_option("--clocks", clocks, "offsets of all instructions that read the clock");
  CLI11_PARSE(app, argc, argv);
  try {
    { const Bus first = PrivateBus().open(); }  // measures the rate of the real counter
    std::vector<Offset> offsets;
    for (const std::string& clock : clocks) offsets.push_back(std::stoull(clock, nullptr, 16));
    patch_clocks(offsets);
    places.empty() ? find_all(operation) : count_all(places, commands);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "shmbus_bench_instructions: %s\n", error.what());
    return 1;
  }
}
