// What each player beside a scribbler is timed by, and what several of them do alike.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <source_location>

#include "torture/faults/tally.hpp"

namespace shmbus::torture {

inline constexpr Duration call_timeout = 20ms;
inline constexpr std::uint64_t tick_ms = 5;
// A deadline, a slice of 100 ms, and room for eight others on two cores.
inline constexpr std::uint64_t patience_ticks = 4'000 / tick_ms;

/// Shared by all processes of a round. Time is counted by the parent: when the whole machine is
/// stopped, so is it.
struct World {
  std::atomic<std::uint64_t> ticks{0};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> operations{0};
  std::atomic<std::uint64_t> slowest{0};
  std::atomic<std::uint64_t> hung{0};
  std::array<std::atomic<std::uint64_t>, 20> kinds{};  ///< outcomes by ErrorKind
  std::array<std::atomic<std::uint64_t>, 16> begun{};  ///< tick at which a role's operation began
};

class Role {
 public:
  Role(World& world, std::size_t number) : world_(world), number_(number) {}
  [[nodiscard]] bool on() const { return !world_.stop.load(); }

  template <class F>
  auto timed(F&& operation, std::source_location where = std::source_location::current()) {
    const std::uint64_t began = world_.ticks.load();
    world_.begun[number_].store(began + 1);
    auto result = operation();
    world_.begun[number_].store(0);
    const std::uint64_t took = world_.ticks.load() - began;
    std::uint64_t seen = world_.slowest.load();
    while (took > seen && !world_.slowest.compare_exchange_weak(seen, took)) {
    }
    if (took > patience_ticks) {
      world_.hung.fetch_add(1);
      std::printf("player %zu: %lu ms at %s:%u\n", number_, took * tick_ms, where.file_name(),
                  where.line());
      std::fflush(stdout);
    }
    world_.operations.fetch_add(1);
    const auto kind = result ? 0U : static_cast<unsigned>(result.error().kind);
    world_.kinds[std::min<std::size_t>(kind, 19)].fetch_add(1);
    return result;
  }

 private:
  World& world_;
  std::size_t number_;
};

/// Pages on both sides of the mapping that end the process that touches them.
inline void fence(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(path) == std::string::npos) continue;
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) != 2) continue;
    constexpr std::size_t bytes = std::size_t{1} << 20;
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    (void)::mmap(reinterpret_cast<void*>(end), bytes, PROT_NONE, flags, -1, 0);
    (void)::mmap(reinterpret_cast<void*>(begin - bytes), bytes, PROT_NONE, flags, -1, 0);
  }
}

inline OpenOptions options() {
  auto out = small_bus();
  out.default_timeout = call_timeout;
  out.capacities.participants = 32;
  out.capacities.endpoints = 12;
  out.capacities.lanes = 32;
  return out;
}

/// Opens the bus over and over, whatever becomes of it, and lets `act(Bus&)` work with it.
template <class Act>
void again_and_again(const std::string& path, Role& role, Act act) {
  while (role.on()) {
    auto bus = role.timed([&] { return Bus::open(path, options()); });
    if (!bus) {
      test::nap(5ms);
      continue;
    }
    fence(path);
    act(*bus);
  }
}

inline Status echo(Context& context) {
  (void)context.caller();
  (void)context.name();
  (void)context.remaining();
  const auto to = context.reply_buffer(context.request().size());
  if (!to.empty()) std::memmove(to.data(), context.request().data(), to.size());
  return context.cancelled() ? Status::reject(1) : Status::ok();
}

inline void call_all(Role& role, RawCaller& caller, std::mt19937_64& random) {
  std::vector<std::byte> request(random() % 4 == 0 ? 3000 : random() % 60, std::byte{7});
  std::vector<std::byte> reply(random() % 3 == 0 ? 3000 : 48);
  (void)role.timed([&] { return caller.call(request, reply, call_timeout); });
  (void)role.timed([&] { return caller.send(request, Notify::now, call_timeout); });
  auto pending = role.timed([&] { return caller.start(request, reply.size(), call_timeout); });
  auto second = role.timed([&] { return caller.start(request, 0, call_timeout); });
  if (second && random() % 2 == 0) second->cancel();
  if (pending) {
    const auto got = role.timed([&] { return pending->wait(); });
    if (got)
      std::copy_n(got->bytes().begin(), std::min(reply.size(), got->bytes().size()), reply.begin());
  }
  if (second) (void)role.timed([&] { return second->wait(); });
  if (auto loan = role.timed([&] { return caller.loan(2000, 2000); })) {
    std::fill(loan->bytes().begin(), loan->bytes().end(), std::byte{9});
    (void)role.timed([&] { return loan->call(call_timeout); });
  }
  (void)role.timed([&] { return caller.flush(); });
}

}  // namespace shmbus::torture
