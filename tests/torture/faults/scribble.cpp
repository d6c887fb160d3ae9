// Callers, handlers, both ends of streams, publishers, subscribers, the daemon and the tool at work
// on a bus that a scribbler spoils at full speed. They may be told anything: it can spoil this bus.
// But nobody crashes, nobody touches memory outside the mapping (fenced by pages that cannot be
// touched; built with sanitizers by scripts/torture --full), no call outlasts its deadline by more
// than a slice, and what they are told is an error by name. Afterwards a new bus at the same path
// works.
#include <algorithm>
#include <array>
#include <csignal>
#include <functional>

#include "torture/faults/scribble_events.hpp"
#include "torture/faults/scribble_role.hpp"
#include "torture/faults/scribble_slots.hpp"
#include "torture/faults/scribble_streams.hpp"
#include "torture/faults/scribbler.hpp"

using namespace shmbus;
using namespace shmbus::torture;

namespace {

void handle(const std::string& path, Role& role, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  again_and_again(path, role, [&](Bus& bus) {
    const auto order = random() % 2 == 0 ? Order::per_caller : Order::global;
    auto server = bus.serve({.order = order});
    if (!server) return;
    std::vector<Responder> later;
    (void)role.timed([&] { return server->on("echo", echo); });
    (void)role.timed([&] { return server->on("other", echo); });
    (void)role.timed([&] {
      return server->on("later", [&later](Context& context) {
        later.push_back(context.defer());
        return Status::ok();
      });
    });
    for (int i = 0; i < 40 && role.on(); ++i) {
      if (!role.timed([&] { return server->run_for(5ms); })) break;
      while (later.size() > 3) {
        (void)later.back().reply(std::as_bytes(std::span(&i, 1)));
        later.pop_back();
      }
    }
    if (random() % 2 == 0) (void)role.timed([&] { return server->off("other"); });
    if (random() % 4 == 0) ::_exit(0);  // as if killed, but for the books; started again
  });
}

void call(const std::string& path, Role& role, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  again_and_again(path, role, [&](Bus& bus) {
    const auto vacant = random() % 2 == 0 ? WhenVacant::wait : WhenVacant::fail;
    auto echo_caller = bus.caller("echo", {.when_vacant = vacant});
    auto later_caller = bus.caller("later", {.when_vacant = vacant});
    if (!echo_caller || !later_caller) return;
    if (random() % 4 == 0) (void)echo_caller->fd();
    for (int i = 0; i < 20 && role.on(); ++i) {
      call_all(role, *echo_caller, random);
      if (i % 4 == 0) call_all(role, *later_caller, random);
      if (i % 8 == 0) (void)role.timed([&] { return bus.reclaim(); });
      if (i % 8 == 1) (void)role.timed([&] { return bus.wait_until_available("other", 5ms); });
    }
  });
}

/// Runs a program over and over. It may end with any code; a signal or a sanitizer's is a fault.
void repeat(Role& role, const std::vector<std::vector<std::string>>& all) {
  for (std::size_t i = 0; role.on(); ++i) {
    (void)role.timed([&]() -> Result<void> {
      const int code = program(all[i % all.size()]).wait(30s);
      if (code < 0) return fail(ErrorKind::timed_out, "hung");
      if (code >= 99) std::printf("'%s' ended with %d\n", all[i % all.size()][3].c_str(), code);
      if (code >= 99) ::_exit(code);
      return {};
    });
  }
}

void watch_over(const std::string& path, Role& role) {
  while (role.on()) {
    auto daemon = program({"shmbusd", "--bus", path, "--interval", "10ms"});
    test::eventually([&] { return !role.on(); }, 300ms);
    if (role.on()) continue;  // the destructor kills it: daemons die too
    daemon.signal(SIGTERM);
    int code = daemon.wait(10s);
    if (code == test::ended_by(SIGTERM)) code = 0;  // it was asked before it was ready
    if (code < 0 || code >= 99) ::_exit(code < 0 ? 98 : code);
  }
}

int scribble(const std::string& path, World& world, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  if (!test::eventually([&] { return std::filesystem::exists(path); })) return 0;
  Scribbler scribbler(path, seed);
  if (!scribbler.ready()) return 97;
  // From bursts that leave time to repair, to as fast as the memory takes it.
  constexpr std::array<int, 4> pauses_us = {0, 10, 200, 2000};
  const int pause = pauses_us[seed % pauses_us.size()];
  const bool header = seed % 3 == 0;
  test::nap(50ms);
  while (!world.stop.load()) {
    for (int i = 0; i < 64; ++i) scribbler.spoil(header);
    if (pause != 0) test::nap(std::chrono::microseconds(pause));
  }
  return 0;
}

struct Player {
  std::string name;
  std::function<int()> body;
  test::Child child;
  bool restart = false;
};

std::vector<Player> players(const std::string& path, World& world, std::uint64_t seed) {
  std::vector<Player> all;
  const auto add = [&](const std::string& name, auto play) {
    const std::size_t number = all.size();
    std::function<int()> body = [&world, number, play] {
      Role role(world, number);
      play(role);
      return 0;
    };
    const bool may_end = name == "handler" || name == "member" || name == "relay" ||
                         name == "publisher" || name == "subscriber" || name == "stream handler" ||
                         name == "stream caller";
    all.push_back({name, body, test::Child(body), may_end});
  };
  for (std::uint64_t i = 0; i < 2; ++i) {
    add("handler", [=](Role& role) { handle(path, role, seed + i); });
    add("caller", [=](Role& role) { call(path, role, seed + 10 + i); });
    add("member", [=](Role& role) { be_a_member(path, role, seed + 20 + i); });
    add("relay", [=](Role& role) { take_turns(path, role, seed + 30 + i); });
    add("subscriber", [=](Role& role) { subscribe_all(path, role, seed + 50 + i); });
  }
  add("publisher", [=](Role& role) { publish_all(path, role, seed + 60); });
  add("shared caller", [=](Role& role) { call_shared(path, role, seed + 40); });
  add("stream handler", [=](Role& role) { handle_streams(path, role, seed + 70); });
  add("stream caller", [=](Role& role) { call_streams(path, role, seed + 80); });
  add("daemon", [=](Role& role) { watch_over(path, role); });
  add("tool", [=](Role& role) {
    repeat(role, {{"shmbus", "--bus", path, "ls"},
                  {"shmbus", "--bus", path, "doctor"},
                  {"shmbus", "--bus", path, "ps"},
                  {"shmbus", "--bus", path, "gc"},
                  {"shmbus", "--bus", path, "describe", "shared"},
                  {"shmbus", "--bus", path, "route", "shared", "--canary", "50%"},
                  {"shmbus", "--bus", path, "route", "shared", "--promote"},
                  {"shmbus", "--bus", path, "policy", "show", "shared"},
                  {"shmbus", "--bus", path, "postmortem"},
                  {"shmbus", "--bus", path, "trace"},
                  {"shmbus", "--bus", path, "tap", "--for", "10ms"},
                  {"shmbus", "--bus", path, "describe", "echo"},
                  {"shmbus", "--bus", path, "describe", "tick"},
                  {"shmbus", "--bus", path, "listen", "tick", "--for", "10ms"},
                  {"shmbus", "--bus", path, "publish", "tick", "x"},
                  {"shmbus", "--bus", path, "top", "--count", "1", "--interval", "10ms"},
                  {"shmbus", "--bus", path, "call", "echo", "--text", "x", "--timeout", "20ms"}});
  });
  all.push_back({"scribbler", {}, test::Child([&] { return scribble(path, world, seed); }), false});
  return all;
}

bool has_ended(const test::Child& child) {
  siginfo_t info{};
  const auto pid = static_cast<id_t>(child.pid());
  return ::waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/// Lets them play for `length`, and starts those again who may end.
void conduct(World& world, std::vector<Player>& all, std::chrono::milliseconds length, Tally& tally,
             const std::string& what) {
  const std::uint64_t until = static_cast<std::uint64_t>(length.count()) / tick_ms;
  while (world.ticks.load() < until) {
    test::nap(std::chrono::milliseconds(tick_ms));
    world.ticks.fetch_add(1);
    for (auto& player : all) {
      if (!player.restart || !has_ended(player.child)) continue;
      const int code = player.child.wait();
      if (code != 0) tally.point(false, what + player.name + " ended with " + std::to_string(code));
      player.child = test::Child(player.body);
    }
  }
}

/// Everybody leaves by himself, or it is told who does not.
void end(World& world, std::vector<Player>& all, Tally& tally, const std::string& what) {
  world.stop.store(true);
  for (std::uint64_t left = patience_ticks; left > 0; --left) {
    if (std::all_of(all.begin(), all.end(), [](auto& p) { return has_ended(p.child); })) break;
    test::nap(std::chrono::milliseconds(tick_ms));
    world.ticks.fetch_add(1);
  }
  for (auto& player : all) {
    const bool ended = has_ended(player.child);
    if (!ended) ++tally.hung;
    const int code = ended ? player.child.wait() : -1;
    tally.point(code == 0,
                what + player.name + (ended ? " ended with " : " hangs ") + std::to_string(code));
  }
  tally.hung += world.hung.load();
}

/// A bus that nobody spoils works at the same path once the spoilt one has been removed.
bool works_again(const std::string& path) {
  ::unlink(path.c_str());
  test::Child handler([&] {
    auto bus = Bus::open(path, small_bus());
    auto server = bus ? bus->serve() : fail(ErrorKind::bus_unusable, "");
    return server && server->on("echo", echo) && server->run({}) ? 0 : 1;
  });
  return test::Child([&] {
           auto bus = Bus::open(path, small_bus());
           auto caller = bus->caller("echo", {.when_vacant = WhenVacant::wait});
           return caller && caller->call({}, {}, 10s) ? 0 : 1;
         }).wait() == 0;
}

std::string text_of(const std::array<std::uint64_t, 20>& kinds) {
  std::string out = "told=";
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == 0) continue;
    out += std::string(to_string(static_cast<ErrorKind>(i))) + ":" + std::to_string(kinds[i]) + ",";
  }
  out.pop_back();
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  Tally tally(arguments.seed);
  const std::uint64_t rounds = arguments.full ? 300 : 8;
  const auto length = arguments.full ? 4s : 2s;
  std::array<std::uint64_t, 20> kinds{};
  std::uint64_t operations = 0;
  std::uint64_t slowest = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    Scratch place;
    const test::Shared<World> world;
    const std::uint64_t seed = arguments.seed + round;
    const std::string what =
        "round " + std::to_string(round) + " (--seed " + std::to_string(seed) + "): ";
    auto all = players(place.path(), *world, seed);
    conduct(*world, all, length, tally, what);
    end(*world, all, tally, what);
    for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] += world->kinds[i].load();
    operations += world->operations.load();
    slowest = std::max(slowest, world->slowest.load());
    tally.point(works_again(place.path()), what + "a new bus at the same path does not work");
  }
  tally.point(kinds[static_cast<std::size_t>(ErrorKind::corrupted)] > 0,
              "corruption was never named");
  return tally.finish("operations=" + std::to_string(operations) +
                      " slowest_ms=" + std::to_string(slowest * tick_ms) + " " + text_of(kinds));
}
