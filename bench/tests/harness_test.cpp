// The harness must notice what it exists to notice: lost data, crashes and hangs of the measured
// roles.

#include <signal.h>
#include <unistd.h>

#include "harness/clock.hpp"
#include "harness/link.hpp"
#include "harness/role_group.hpp"
#include "harness/rounds.hpp"
#include "harness/shared_mapping.hpp"
#include "peers/bare_ring.hpp"
#include "support/catch.hpp"

using namespace shmbus::bench;

namespace {

RoundBudget short_budget() {
  calibrate_clock();
  return {.measure_ns = 2e6, .warmup_ns = 0.2e6, .hang_limit_ns = 10e9};
}

/// By hand: the matcher for substrings has another name in each major version of Catch2.
bool says(const RoundResult& result, const char* part) {
  return result.why.find(part) != std::string::npos;
}

// Carries one message at a time, and may damage what it carries.
struct Slot {
  std::atomic<std::uint32_t> full{0};
  std::byte bytes[64];
};

class SlotLink {
 public:
  explicit SlotLink(bool damages) : damages_(damages) {}

  class End {
   public:
    End(Slot& out, Slot& in, bool damages) : out_(out), in_(in), damages_(damages) {}
    template <std::size_t Bytes, class Fill>
    void send(Fill&& fill) {
      while (out_.full.load(std::memory_order_acquire) != 0) {
        usleep(0);
      }
      fill(out_.bytes);
      if (damages_ && ++sent_ == 100) {
        out_.bytes[Bytes - 1] ^= std::byte{1};
      }
      out_.full.store(1, std::memory_order_release);
    }
    template <std::size_t Bytes, class Read>
    void receive(Read&& read) {
      while (in_.full.load(std::memory_order_acquire) == 0) {
        usleep(0);
      }
      read(in_.bytes);
      in_.full.store(0, std::memory_order_release);
    }

   private:
    Slot& out_;
    Slot& in_;
    bool damages_;
    int sent_ = 0;
  };

  End caller() { return {slots_->requests, slots_->replies, damages_}; }
  End server() { return {slots_->replies, slots_->requests, false}; }

 private:
  struct Slots {
    Slot requests;
    Slot replies;
  };
  SharedObject<Slots> slots_;
  bool damages_;
};

}  // namespace

TEST_CASE("an echo and a stream over a sound link yield figures") {
  const RoundBudget budget = short_budget();
  for (const Isolation isolation : {Isolation::processes, Isolation::threads}) {
    const RoundResult echo = run_echo<40, SlotLink>(budget, isolation, false);
    CHECK(echo.why == "");
    CHECK(echo.value > 0);
    CHECK(echo.latency->total() > 0);
    const RoundResult stream = run_stream<64, SlotLink>(budget, isolation, false);
    CHECK(stream.why == "");
    CHECK(stream.value > 0);
  }
}

TEST_CASE("one flipped bit fails the round") {
  RoundBudget budget = short_budget();
  budget.measure_ns = 500e6;  // long enough for a hundred messages on a busy machine
  const RoundResult echo = run_echo<40, SlotLink>(budget, Isolation::processes, true);
  CHECK(echo.status == RoundResult::Status::failed);
  const RoundResult stream = run_stream<64, SlotLink>(budget, Isolation::processes, true);
  CHECK(stream.status == RoundResult::Status::failed);
  CHECK(says(stream, "lost"));
}

TEST_CASE("a crash of one role ends the group and fails the round") {
  RoleGroup group(short_budget());
  group.add("waits", 0, [](RoleContext& context) {
    context.barrier();
    pause();
  });
  group.add("crashes", 1, [](RoleContext& context) {
    context.barrier();
    raise(SIGKILL);
  });
  const RoundResult result = group.run(0);
  CHECK(result.status == RoundResult::Status::failed);
  CHECK(says(result, "crashes died"));
}

TEST_CASE("a hang ends at its limit and fails the round") {
  RoundBudget budget = short_budget();
  budget.hang_limit_ns = 100e6;
  RoleGroup group(budget);
  group.add("hangs", 0, [](RoleContext&) { pause(); });
  const RoundResult result = group.run(0);
  CHECK(result.status == RoundResult::Status::failed);
  CHECK(says(result, "hung"));
}

TEST_CASE("a missing facility skips the round and says what is missing") {
  RoleGroup group(short_budget());
  group.add("lacks", 0, [](RoleContext&) { throw Unavailable("no such thing here"); });
  group.add("waits", 1, [](RoleContext& context) { context.barrier(); });
  const RoundResult result = group.run(0);
  CHECK(result.status == RoundResult::Status::skipped);
  CHECK(result.why == "no such thing here");
}

TEST_CASE("rounds relate an entry to its reference and keep failures apart") {
  Registry registry;
  const auto add = [&](const char* name, const char* ratio_to, RoundResult result) {
    registry.add({.name = name, .mode = "", .ratio_to = ratio_to, .run_round = [=](const auto&) {
                    return result;
                  }});
  };
  add("base", "", RoundResult::of(10));
  add("double", "base", RoundResult::of(20));
  add("broken", "base", RoundResult::fail("lost"));
  RoundPlan plan{.rounds = 3, .budget = short_budget(), .retries = 0, .probe = false};
  const Run run = run_rounds(registry, {registry.find("double"), registry.find("broken")}, plan,
                             [](const std::string&) {});
  REQUIRE(run.rows.size() == 3);
  CHECK(run.rows[0].entry->name == "base");
  CHECK(run.rows[1].samples.size() == 3);
  CHECK(run.rows[1].samples[0].ratio == Approx(2));
  CHECK(run.rows[2].status == RoundResult::Status::failed);
  CHECK_THROWS(registry.add({.name = "base"}));
}

TEST_CASE(
    "rounds of one placement only: collected until there are enough, or for as long as allowed") {
  Registry registry;
  registry.add(
      {.name = "row", .mode = "", .run_round = [](const auto&) { return RoundResult::of(1); }});
  const Placement here = probe_placement().placement;
  RoundPlan plan{.rounds = 2, .budget = short_budget(), .retries = 0, .time_limit_ns = 20e9};
  plan.only = Placement::mixed;  // never found by a probe that ends: there is nothing to collect
  plan.time_limit_ns = 50e6;
  std::string told;
  const Run none = run_rounds(registry, {registry.find("row")}, plan,
                              [&](const std::string& text) { told += text + "\n"; });
  CHECK(none.rows[0].samples.empty());
  CHECK_THAT(told, Contains("no time"));
  plan.only = here;
  plan.time_limit_ns = 10e9;
  told.clear();
  const Run two = run_rounds(registry, {registry.find("row")}, plan,
                             [&](const std::string& text) { told += text + "\n"; });
  std::size_t of_it = 0;
  for (const Sample& sample : two.rows[0].samples) of_it += sample.placement == here ? 1 : 0;
  // The cores of a virtual machine may have gone elsewhere for good.
  CHECK((of_it == 2 || told.find("no time") != std::string::npos));
}

TEST_CASE("a ring that publishes each 32nd message alone loses none of them") {
  const RoundResult rare =
      run_stream<32, BareRingLink<32, 256, 128, 32>>(short_budget(), Isolation::processes);
  CHECK(rare.why == "");
  CHECK(rare.value > 0);
}
