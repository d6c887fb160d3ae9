// Three processes of one user take slots, servers, names, lanes or memory as fast as they can, give
// some of it back, and are killed and started again all the time. Meanwhile another user and root
// serve and call, and are never refused. What the greedy ones were given is written into one word
// that all of them share: its value at any moment is what they hold, or less.
#include "torture/faults/access_quotas.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <deque>
#include <memory>

#include "torture/faults/users.hpp"
#include "torture/support/bus_state.hpp"

namespace shmbus::torture {
namespace {

enum class Of : std::uint8_t { slots, servers, names, lanes, memory };
constexpr const char* text_of[] = {"slots", "servers", "names", "lanes", "memory"};

constexpr std::uint32_t quota = 3;
constexpr std::uint32_t greedy = 3;  ///< processes

struct Ledger {
  std::atomic<std::uint64_t> held{0};  ///< 16 bits for each of the greedy
  std::atomic<std::uint32_t> most{0};  ///< that they ever held together
  std::atomic<std::uint32_t> names{0};
  std::atomic<std::uint32_t> refused{0};  ///< for want of quota
  std::atomic<std::uint32_t> wrong{0};    ///< refused for another reason
  std::atomic<std::uint32_t> served{0};   ///< calls of the others
  std::atomic<std::uint32_t> denied{0};   ///< calls of the others that failed
  std::atomic<bool> stop{false};

  void add(std::uint32_t who) {
    const std::uint64_t now = held.fetch_add(1ULL << (16 * who)) + (1ULL << (16 * who));
    std::uint32_t sum = 0;
    for (std::uint32_t i = 0; i < greedy; ++i)
      sum += static_cast<std::uint32_t>((now >> (16 * i)) & 0xFFFFU);
    for (std::uint32_t seen = most; sum > seen && !most.compare_exchange_weak(seen, sum);) {
    }
  }
  void give_back(std::uint32_t who) { held.fetch_sub(1ULL << (16 * who)); }
  void forget(std::uint32_t who) { held.fetch_and(~(0xFFFFULL << (16 * who))); }
};

struct Stage {
  std::string path;
  Of of;
  Ledger& ledger;
};

OpenOptions quota_bus(Of of) {
  OpenOptions options;
  options.mode = 0666;
  options.default_timeout = 5s;
  options.capacities = {.participants = 32,
                        .names = 64,
                        .endpoints = 16,
                        .lanes = 64,
                        .cells_per_lane = 8,
                        .inbox_slots = 16,
                        .extents = 32,
                        .extent_bytes = 4096};
  auto& quotas = options.quotas_per_uid;
  (of == Of::slots     ? quotas.participants
   : of == Of::servers ? quotas.endpoints
   : of == Of::names   ? quotas.names
   : of == Of::lanes   ? quotas.lanes
                       : quotas.extents) = quota;
  return options;
}

/// One thing of the kind that is limited, and what it hangs on.
struct Thing {
  Bus bus;
  Server server;
  RawCaller caller;
  Loan loan;
};

/// Everything that a process of the greedy user has in common.
class Greedy {
 public:
  Greedy(const Stage& stage, std::uint32_t me, std::uint64_t seed)
      : stage_(stage), me_(me), random_(seed) {}

  int run() {
    while (!stage_.ledger.stop) {
      auto thing = std::make_unique<Thing>();
      const auto got = take(*thing);
      if (got) {
        stage_.ledger.add(me_);
        things_.push_back(std::move(thing));
      } else if (got.error().kind == ErrorKind::limit_reached ||
                 (stage_.of == Of::memory && got.error().kind == ErrorKind::overloaded)) {
        // Memory that another took a moment ago, and is about to give back as too much, is full.
        ++stage_.ledger.refused;
      } else {
        ++stage_.ledger.wrong;
        std::printf("  refused: %s\n", std::string(got.error().message.view()).c_str());
      }
      while (!things_.empty() && (!got || random_() % 8 == 0)) {
        stage_.ledger.give_back(me_);
        things_.pop_front();
        if (random_() % 2 == 0) break;
      }
    }
    return 0;
  }

 private:
  Result<void> take(Thing& thing) {
    if (stage_.of == Of::memory) return take_memory(thing);
    auto bus = Bus::open(stage_.path);
    if (!bus) return tl::unexpected<Error>(bus.error());
    thing.bus = std::move(*bus);
    switch (stage_.of) {
      case Of::servers:
        return serve(thing, "anna." + std::to_string(me_) + "." + std::to_string(next_++ % 8));
      case Of::names: {
        const auto done = serve(thing, "anna." + std::to_string(random_()));
        if (done) ++stage_.ledger.names;
        return done;
      }
      case Of::lanes:
        return call(thing);
      default:
        return {};
    }
  }

  Result<void> serve(Thing& thing, const std::string& name) {
    auto server = thing.bus.serve();
    if (!server) return tl::unexpected<Error>(server.error());
    thing.server = std::move(*server);
    return thing.server.on(std::string_view(name), [](Context&) { return Status::ok(); });
  }

  Result<void> call(Thing& thing) {
    // Waiting for a lane that another gives back is what callers do unless they say otherwise.
    auto caller = thing.bus.caller("work", {.when_full = WhenFull::fail});
    if (!caller) return tl::unexpected<Error>(caller.error());
    thing.caller = std::move(*caller);
    const auto done = thing.caller.call({}, {});
    if (!done) return tl::unexpected<Error>(done.error());
    return {};
  }

  Result<void> take_memory(Thing& thing) {
    if (!bus_.valid()) {
      auto bus = Bus::open(stage_.path);
      if (!bus) return tl::unexpected<Error>(bus.error());
      bus_ = std::move(*bus);
      auto caller = bus_.caller("work", {.when_full = WhenFull::fail});
      if (!caller) return tl::unexpected<Error>(caller.error());
      caller_ = std::move(*caller);
    }
    auto loan = caller_.loan(4096);  // a whole one
    if (!loan) return tl::unexpected<Error>(loan.error());
    thing.loan = std::move(*loan);
    return {};
  }

  const Stage& stage_;
  std::uint32_t me_;
  std::mt19937_64 random_;
  Bus bus_;
  RawCaller caller_;
  std::deque<std::unique_ptr<Thing>> things_;
  unsigned next_ = 0;
};

int serve_the_others(const Stage& stage) {
  auto bus = Bus::open(stage.path);
  auto server = bus ? bus->serve() : fail(ErrorKind::none, "");
  if (!server || !server->on("work", [](Context&) { return Status::ok(); })) return 1;
  return server->run({}) ? 0 : 2;
}

/// A slot, a server, a name, a lane and memory.
Result<void> use_everything(const Stage& stage, const std::string& name) {
  auto bus = Bus::open(stage.path);
  if (!bus) return tl::unexpected<Error>(bus.error());
  auto server = bus->serve();
  if (!server) return tl::unexpected<Error>(server.error());
  auto added = server->on(std::string_view(name), [](Context&) { return Status::ok(); });
  if (!added) return added;
  auto caller = bus->caller("work");
  if (!caller) return tl::unexpected<Error>(caller.error());
  const auto done = caller->call(std::vector<std::byte>(3000), {});
  if (!done) return tl::unexpected<Error>(done.error());
  return {};
}

/// Comes and goes like any honest program.
int be_another(const Stage& stage, const std::string& name) {
  while (!stage.ledger.stop) {
    const auto used = use_everything(stage, name);
    ++(used ? stage.ledger.served : stage.ledger.denied);
    if (!used)
      std::printf("  %s: %s\n", name.c_str(), std::string(used.error().message.view()).c_str());
    test::nap(500us);  // what it leaves, the owner has to see to
  }
  return 0;
}

/// Starts the greedy ones, and kills one of them every now and then.
void let_them_take(const Stage& stage, std::chrono::milliseconds length, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::array<test::Child, greedy> takers;
  const auto start = [&](std::uint32_t who) {
    const std::uint64_t of_its_own = random();
    takers[who] = as(anna, [&, who, of_its_own] { return Greedy(stage, who, of_its_own).run(); });
  };
  // Out of the books before it is dead: what it held is the others' from then on.
  const auto kill = [&](std::uint32_t who) {
    takers[who].signal(SIGSTOP);
    (void)::waitpid(takers[who].pid(), nullptr, WUNTRACED);
    stage.ledger.forget(who);
    takers[who].kill();
  };
  for (std::uint32_t i = 0; i < greedy; ++i) start(i);
  const auto until = std::chrono::steady_clock::now() + length;
  while (std::chrono::steady_clock::now() < until) {
    test::nap(std::chrono::milliseconds(5 + random() % 25));
    const auto victim = static_cast<std::uint32_t>(random() % greedy);
    kill(victim);
    start(victim);
  }
  for (std::uint32_t i = 0; i < greedy; ++i) kill(i);
}

void one_quota(Tally& tally, Of of, std::chrono::milliseconds length, std::uint64_t seed) {
  Scratch place;
  const test::Shared<Ledger> ledger;
  const Stage stage{place.path(), of, *ledger};
  const std::string what = std::string("quota of ") + text_of[static_cast<int>(of)] + ": ";
  auto bus = Bus::open(stage.path, quota_bus(of));
  if (!tally.point(bus.has_value(), what + "root makes the bus")) return;
  auto owner = as(root, [&] { return serve_the_others(stage); });
  (void)bus->wait_until_available("work", 10s);
  auto first = as(berta, [&] { return be_another(stage, "berta's"); });
  auto second = as(root, [&] { return be_another(stage, "root's"); });
  let_them_take(stage, length, seed);
  tally.point(ledger->refused > 0, what + "it was never reached");
  tally.point(ledger->wrong == 0, what + "refused with another reason");
  // Servers and names are looked at before they are taken, by all at one moment perhaps.
  const bool exact = of != Of::servers && of != Of::names;
  const std::uint32_t bound = quota + (exact ? 0 : greedy - 1);
  const std::uint32_t most = of == Of::names ? ledger->names.load() : ledger->most.load();
  tally.point(most <= bound, what + std::to_string(most) + " at a time");
  // What the dead have sent is looked at first, by the process that serves.
  const int again = as(anna, [&] {
                      const auto all = [&] { return use_everything(stage, "anna's").has_value(); };
                      // Names are for ever: of those it has no more.
                      return of == Of::names || test::eventually(all) ? 0 : 1;
                    }).wait();
  tally.point(again == 0, what + "it has nothing again after its dead");
  ledger->stop = true;
  const bool ended = first.wait() == 0 && second.wait() == 0;
  tally.point(ended && ledger->served > 0 && ledger->denied == 0,
              what + "others were refused " + std::to_string(ledger->denied) + " times, served " +
                  std::to_string(ledger->served));
  const bool clean = test::eventually([&] {
    (void)bus->reclaim();
    const auto left = census_of(stage.path);
    return left.participants == 2 && left.lanes == 0 && left.extents == 0 && left.endpoints == 1;
  });
  if (!tally.point(clean, what + "something is left")) ++tally.leaked;
}

}  // namespace

void quotas_hold(Tally& tally, std::chrono::milliseconds length) {
  for (const Of of : {Of::slots, Of::servers, Of::names, Of::lanes, Of::memory}) {
    one_quota(tally, of, length, static_cast<std::uint64_t>(of) + 1);
  }
}

}  // namespace shmbus::torture
