// Processes come and go: each is forked, opens the bus, calls, and ends; one in eight is killed
// somewhere on the way, one in eight ends without closing anything. The bus must look the same
// after the last as after the first: its size, its slots, lanes and memory, and how long a caller's
// life takes. A handler and the daemon stay; the handler is replaced from time to time.
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <optional>

#include "recovery/participant.hpp"
#include "support/census.hpp"
#include "tally.hpp"

using namespace shmbus;
using namespace shmbus::torture;

namespace {

constexpr std::size_t at_once = 4;

/// How long a life took, first open to last reply; by one process after the other.
struct Lives {
  std::array<std::atomic<std::uint64_t>, 4096> ns{};
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> wrong{0};

  void add(std::uint64_t took) { ns[count.fetch_add(1) % ns.size()].store(took); }
  /// What the fastest tenth stayed below: the work itself, not the machine's mood.
  [[nodiscard]] double fast_us() const {
    std::vector<std::uint64_t> all;
    for (std::size_t i = 0; i < std::min<std::size_t>(ns.size(), count.load()); ++i) {
      all.push_back(ns[i].load());
    }
    if (all.empty()) return 0;
    std::nth_element(all.begin(), all.begin() + static_cast<long>(all.size() / 10), all.end());
    return static_cast<double>(all[all.size() / 10]) / 1000;
  }
};

OpenOptions options() {
  auto out = small_bus();
  out.default_timeout = 10s;
  out.capacities.participants = 64;
  out.capacities.lanes = 64;
  return out;
}

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// One stream of seven records; each third one is given up in the middle.
int stream(Bus& bus, std::uint64_t number) {
  auto caller = bus.caller("stream", {.when_vacant = WhenVacant::wait});
  if (!caller) return code_of(caller.error());
  auto stream = caller->open(std::as_bytes(std::span(&number, 1)), {.window = 256});
  if (!stream) return code_of(stream.error());
  int records = 0;
  while (records < (number % 3 == 0 ? 2 : 100) && stream->next()) ++records;
  if (number % 3 == 0) return 0;
  const auto end = stream->end();
  if (!end)
    return end.error().kind == ErrorKind::handler_died_after_start ? 0 : code_of(end.error());
  return records == 7 ? 0 : 90;
}

/// Says with the exit code what went wrong. `end`: 0 closes all, 1 leaves it to the kernel.
int live(const std::string& path, Lives& lives, std::uint64_t number, bool tidy) {
  const std::uint64_t began = now_ns();
  auto bus = Bus::open(path, options());
  if (!bus) return code_of(bus.error());
  auto caller = bus->caller("echo", {.when_vacant = WhenVacant::wait});
  if (!caller) return code_of(caller.error());
  std::uint64_t reply = 0;
  const auto got = caller->call(std::as_bytes(std::span(&number, 1)),
                                std::as_writable_bytes(std::span(&reply, 1)));
  // The handler may be replaced at this very moment: then one is told, and it is no fault.
  if (!got && got.error().kind != ErrorKind::handler_died_after_start) return code_of(got.error());
  if (got && (*got != sizeof reply || reply != number)) lives.wrong.fetch_add(1);
  if (number % 4 == 0) {
    const std::vector<std::byte> large(3000);
    (void)caller->send(large);
  }
  if (number % 4 == 1) {
    if (const int wrong = stream(*bus, number); wrong != 0) return wrong;
  }
  lives.add(now_ns() - began);
  if (!tidy) ::_exit(0);
  return 0;
}

test::Child start_handler(const std::string& path) {
  return test::Child([&] {
    auto bus = Bus::open(path, options());
    auto server = bus ? bus->serve() : fail(ErrorKind::bus_unusable, "");
    const auto answer = [](Context& context) {
      const auto to = context.reply_buffer(context.request().size());
      if (!to.empty()) std::copy_n(context.request().begin(), to.size(), to.begin());
      return Status::ok();
    };
    const auto put_seven = [](Context& context) {
      RawWriter out(context);
      for (int i = 0; i < 7; ++i) {
        if (auto put = out.put(context.request()); !put) return rejected_as(put.error());
      }
      return Status::ok();
    };
    // The predecessor may be dying still.
    for (bool has_first = false; server;) {
      auto done = has_first ? Result<void>{} : server->on("stream", put_seven);
      has_first = has_first || done.has_value();
      if (done) done = server->on("echo", answer);
      if (done) return server->run({}) ? 0 : 2;
      if (done.error().kind != ErrorKind::already_registered) return code_of(done.error());
      test::nap(1ms);
    }
    return 1;
  });
}

test::Census census_of(const std::string& path) {
  const test::Shared<test::Census> out;
  test::Child([&] {
    const auto core = shmbus::detail::BusCore::open(path, {options(), false});
    if (!core) return 1;
    for (int i = 0; i < 500; ++i) {
      recovery::reclaim_all((*core)->attachment());
      *out = test::census((*core)->view());
      if (out->participants <= 3 && out->lanes == 0 && out->extents == 0) break;
      test::nap(10ms);  // the handler drops what its dead callers left
    }
    return 0;
  }).wait();
  return *out;
}

std::uint64_t open_locks(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return 0;
  std::FILE* locks = std::fopen("/proc/locks", "re");
  std::uint64_t count = 0;
  std::array<char, 256> line{};
  const std::string inode = ":" + std::to_string(status.st_ino) + " ";
  while (locks != nullptr && std::fgets(line.data(), line.size(), locks) != nullptr) {
    if (std::string_view(line.data()).find(inode) != std::string_view::npos) ++count;
  }
  if (locks != nullptr) std::fclose(locks);
  return count;
}

struct Life {
  std::optional<test::Child> child;
  bool to_be_killed = false;
};

/// Waits for a life to end; kills it some microseconds after its birth when its fate is that.
void reap(Tally& tally, Life& life, std::mt19937_64& random, std::uint64_t number) {
  if (!life.child) return;
  test::Child child = std::move(*life.child);
  life.child.reset();
  if (life.to_be_killed) {
    test::nap(std::chrono::microseconds(random() % 3000));
    child.kill();
    tally.point(true, "");
    return;
  }
  const int code = child.wait(60s);
  if (code == -1) ++tally.hung;
  tally.point(code == 0, "life " + std::to_string(number) + " ended with " + std::to_string(code));
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  Tally tally(arguments.seed);
  std::mt19937_64 random(arguments.seed);
  const std::uint64_t all = arguments.count != 0 ? arguments.count
                            : arguments.full     ? 1'000'000
                                                 : 4'000;
  const std::uint64_t warm_up = all / 10;
  Scratch place;
  auto handler = start_handler(place.path());
  const auto daemon = program({"shmbusd", "--bus", place.path()});
  // What a life takes in the end is compared with lives of the same time on a bus that is new.
  Scratch new_place;
  std::optional<test::Child> new_handler;
  std::optional<test::Child> new_daemon;
  const test::Shared<Lives> fresh;
  const test::Shared<Lives> last;
  const test::Shared<Lives> between;
  std::array<Life, at_once> lives;
  test::Census before;
  std::uint64_t locks_before = 0;
  const std::uint64_t began = now_ns();
  for (std::uint64_t i = 0; i < all; ++i) {
    auto& life = lives[i % at_once];
    reap(tally, life, random, i);
    if (i == warm_up) {
      for (auto& other : lives) reap(tally, other, random, i);
      before = census_of(place.path());
      locks_before = open_locks(place.path());
    }
    if (i % (all / 8) == all / 16) {
      handler.kill();
      handler = start_handler(place.path());
    }
    const bool final = i >= all - warm_up;
    if (final && !new_handler) {
      new_handler.emplace(start_handler(new_place.path()));
      new_daemon.emplace(program({"shmbusd", "--bus", new_place.path()}));
    }
    const bool on_new = final && random() % 2 == 0;
    auto& into = !final ? *between : on_new ? *fresh : *last;
    const bool tidy = random() % 8 != 0;
    const std::string& path = on_new ? new_place.path() : place.path();
    life.child.emplace([&] { return live(path, into, i, tidy); });
    life.to_be_killed = random() % 8 == 0;
  }
  for (auto& life : lives) reap(tally, life, random, all);
  const double seconds = static_cast<double>(now_ns() - began) / 1e9;
  const auto after = census_of(place.path());
  if (!(after == before)) {
    ++tally.leaked;
    std::printf("seed=%llu leaked: %u slots (%u dead), %u lanes, %u extents, %u endpoints\n",
                static_cast<unsigned long long>(arguments.seed), after.participants, after.dead,
                after.lanes, after.extents, after.endpoints);
  }
  const std::uint64_t locks = open_locks(place.path());
  if (locks > locks_before) ++tally.leaked;
  tally.lost += fresh->wrong.load() + last->wrong.load() + between->wrong.load();
  tally.point(last->fast_us() < 1.5 * fresh->fast_us() + 500, "lives have become slower");
  return tally.finish(
      "lives=" + std::to_string(all) + " per_second=" +
      std::to_string(static_cast<std::uint64_t>(static_cast<double>(all) / seconds)) +
      " new_bus_us=" + std::to_string(static_cast<std::uint64_t>(fresh->fast_us())) +
      " old_bus_us=" + std::to_string(static_cast<std::uint64_t>(last->fast_us())));
}
