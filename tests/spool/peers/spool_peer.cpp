// The two sides of a spool, for tests that kill them: peer_spool_peer send|handle|fill|learn ...
//
//   send BUS LEDGER FIRST LAST KEYS   durable commands test.put with these numbers, one under way
//                                     for each key; a number is written to LEDGER once it is stored
//   handle BUS DATABASE               runs test.put once for each id; effects in a table.
//                                     test.no refuses; many.0 to many.39 take anything
//   fill BUS COUNT                    start_durable() of COUNT commands as fast as it goes
//   learn BUS COUNT                   commands of a new type each, then of a new name each, until
//                                     one is refused or COUNT were taken; prints how many were
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "os/descriptor.hpp"
#include "shmbus/shmbus.hpp"
#include "shmbus/spool/durable.hpp"
#include "shmbus/spool/once.hpp"

namespace {

using namespace std::chrono_literals;

struct Number {
  std::uint64_t number = 0;
  std::uint64_t key = 0;
};
using Put = shmbus::Command<"test.put", Number>;

int failed(const shmbus::Error& error) {
  std::fprintf(stderr, "%s: %s\n", std::string(shmbus::to_string(error.kind)).c_str(),
               std::string(error.message.view()).c_str());
  return 1;
}

/// Sends the numbers of one key, one after the other, each until it is stored.
class KeySender {
 public:
  KeySender(std::uint64_t key, std::uint64_t next, std::uint64_t last, std::uint64_t step)
      : key_(key), next_(next), last_(last), step_(step) {}

  /// False when all are stored.
  bool go_on(shmbus::Durable& durable, int ledger) {
    if (under_way_ && !pending_.ready()) return true;
    if (under_way_) {
      under_way_ = false;
      if (pending_.wait()) {
        const auto line = fmt::format("{}\n", next_);
        if (::write(ledger, line.data(), line.size()) < 0) std::abort();
        next_ += step_;
      }
    }
    if (next_ > last_) return false;
    const auto key = fmt::format("key-{}", key_);
    auto started = durable.start_durable<Put>(
        {next_, key_}, {.key = key, .id = {0x7465737400000000U, next_}, .timeout = 20s});
    if (started) {
      pending_ = std::move(*started);
      under_way_ = true;
    }
    return true;
  }

 private:
  std::uint64_t key_, next_, last_, step_;
  shmbus::PendingDurable pending_;
  bool under_way_ = false;
};

int send(const std::vector<std::string>& words) {
  auto bus = shmbus::Bus::open(words.at(0));
  if (!bus) return failed(bus.error());
  auto durable = shmbus::Durable::open(*bus);
  if (!durable) return failed(durable.error());
  const int ledger =
      shmbus::descriptor::open(words.at(1).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const std::uint64_t first = std::stoull(words.at(2));  // NOLINT: of our own test
  const std::uint64_t last = std::stoull(words.at(3));   // NOLINT
  const std::uint64_t keys = std::stoull(words.at(4));   // NOLINT
  std::vector<KeySender> senders;
  for (std::uint64_t i = 0; i < keys; ++i) {
    senders.emplace_back((first + i) % keys, first + i, last, keys);
  }
  for (bool any = true; any;) {
    any = false;
    for (auto& one : senders) any = one.go_on(*durable, ledger) || any;
    ::usleep(200);
  }
  std::puts("sent");
  return 0;
}

bool run(sqlite3* db, const char* sql) {
  return sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

int handle(const std::vector<std::string>& words) {
  sqlite3* db = nullptr;
  if (sqlite3_open(words.at(1).c_str(), &db) != SQLITE_OK) return 1;
  (void)sqlite3_busy_timeout(db, 10'000);
  run(db,
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
      "CREATE TABLE IF NOT EXISTS effects(at INTEGER PRIMARY KEY, number INTEGER, key INTEGER);"
      "CREATE TABLE IF NOT EXISTS runs(number INTEGER)");
  shmbus::Once once;
  if (const auto opened = once.open(db); !opened) return failed(opened.error());
  auto bus = shmbus::Bus::open(words.at(0));
  if (!bus) return failed(bus.error());
  auto server = bus->serve();
  if (!server) return failed(server.error());
  const auto put = [&](const Number& in, shmbus::Context& context) -> shmbus::Status {
    if (!run(db, "BEGIN IMMEDIATE")) return shmbus::Status::refuse(shmbus::ErrorKind::overloaded);
    const auto first = once.first(context);
    bool good = first.has_value();
    if (good) good = run(db, fmt::format("INSERT INTO runs VALUES({})", in.number).c_str());
    if (good && *first) {
      good = run(
          db,
          fmt::format("INSERT INTO effects(number,key) VALUES({},{})", in.number, in.key).c_str());
    }
    if (good && run(db, "COMMIT")) return shmbus::Status::ok();
    run(db, "ROLLBACK");
    return shmbus::Status::refuse(shmbus::ErrorKind::overloaded);
  };
  if (const auto added = server->on<Put>(put); !added) return failed(added.error());
  const auto no = [](const Number&) { return shmbus::Status::reject(7, "no"); };
  if (const auto added = server->on<shmbus::Command<"test.no", Number>>(no); !added) {
    return failed(added.error());
  }
  for (int i = 0; i < 40; ++i) {
    const auto name = fmt::format("many.{}", i);
    const auto added = server->on(name, [](shmbus::Context&) { return shmbus::Status::ok(); });
    if (!added) return failed(added.error());
  }
  std::puts("ready");
  (void)std::fflush(stdout);
  auto stop = shmbus::stop_on_signals();
  if (!stop) return failed(stop.error());
  const auto ended = server->run(stop->token());
  return ended ? 0 : failed(ended.error());
}

/// Prints the seconds that it took.
int fill(const std::vector<std::string>& words) {
  auto bus = shmbus::Bus::open(words.at(0));
  if (!bus) return failed(bus.error());
  auto durable = shmbus::Durable::open(*bus);
  if (!durable) return failed(durable.error());
  const std::uint64_t count = std::stoull(words.at(1));  // NOLINT: of our own test
  if (const auto first = durable->send_durable<Put>({0, 0}); !first) return failed(first.error());
  std::deque<shmbus::PendingDurable> under_way;
  const auto begun = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < count; ++i) {
    if (under_way.size() == 60) {
      if (const auto done = under_way.front().wait(); !done) return failed(done.error());
      under_way.pop_front();
    }
    auto one = durable->start_durable<Put>({i, 0});
    if (!one) return failed(one.error());
    under_way.push_back(std::move(*one));
  }
  for (auto& one : under_way) {
    if (const auto done = one.wait(); !done) return failed(done.error());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  fmt::print("{}\n", took.count());
  return 0;
}

/// How many of `count` commands, each with what `of` makes of its number, were taken.
template <class F>
std::uint64_t taken(shmbus::Durable& durable, std::uint64_t count, F&& of) {
  std::uint64_t done = 0;
  while (done < count) {
    const auto [name, types] = of(done);
    const shmbus::Schema schema{types, types.empty() ? 0 : shmbus::detail::hash_name(types), 4, 0};
    const auto sent = durable.send_durable(name, {}, {}, schema);
    if (!sent && sent.error().kind != shmbus::ErrorKind::overloaded) (void)failed(sent.error());
    if (!sent) break;
    ++done;
  }
  return done;
}

int learn(const std::vector<std::string>& words) {
  using Pair = std::pair<std::string, std::string>;
  auto bus = shmbus::Bus::open(words.at(0));
  if (!bus) return failed(bus.error());
  auto durable = shmbus::Durable::open(*bus);
  if (!durable) return failed(durable.error());
  const std::uint64_t count = std::stoull(words.at(1));  // NOLINT: of our own test
  const auto types = taken(*durable, count, [](std::uint64_t i) {
    return Pair{"typed", fmt::format("str{}->none", i + 1)};
  });
  const auto names = taken(*durable, count, [](std::uint64_t i) {
    return Pair{fmt::format("name.{}", i), {}};
  });
  fmt::print("{} {}\n", types, names);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 3) return 2;
  const std::string what = words.front();
  words.erase(words.begin());
  if (what == "send") return send(words);
  if (what == "learn") return learn(words);
  return what == "handle" ? handle(words) : fill(words);
}
