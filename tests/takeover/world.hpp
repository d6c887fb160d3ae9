// Handlers that replace one another, callers that hammer them, and a ledger outside of the bus that
// says who ran what. No library code sees the ledger.
#pragma once

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/testpoint.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"

namespace shmbus::test {

inline constexpr std::size_t callers_max = 8;
inline constexpr std::size_t swaps_max = 10'000;
inline constexpr std::size_t ids_max = 4'096;

struct Ledger {
  // Of each caller: the last command that was started, and what came back.
  std::atomic<std::uint64_t> last[callers_max]{};
  std::atomic<std::uint64_t> out_of_order{0};  ///< not the successor of the last: lost or doubled
  std::atomic<std::uint64_t> runs{0};
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> refused{0};  ///< any error
  std::atomic<int> first_error{0};
  std::atomic<bool> stop{false};  ///< to the callers
  std::atomic<bool> stop_handlers{false};
  std::atomic<int> callers_done{0};
  // Of the handlers.
  std::atomic<int> serving{0};      ///< the newest generation that serves
  std::atomic<bool> answer{false};  ///< deferred answers are given from now on
  std::atomic<int> deferred{0};     ///< commands whose answer was deferred so far
  std::atomic<int> reached{0};      ///< a test point
  std::atomic<int> result{-1};      ///< ErrorKind of a take-over
  std::atomic<std::uint64_t> longest_ns[swaps_max + 1]{};  ///< of calls, by the swap they fell into
  // Of single commands, for tests that kill.
  std::atomic<std::uint8_t> run_count[ids_max]{};
};

struct Command {
  std::uint32_t caller = 0;
  std::uint32_t sequence = 0;  ///< from 1; 0: by id alone
  std::uint64_t id = 0;
};

inline std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

/// The kernel ends the calling process where it first passes this test point.
inline void die_at(const char* point) {
  static const char* where;
  where = point;
  testpoint::hook = [](const char* name) {
    if (std::strcmp(name, where) == 0) ::kill(::getpid(), SIGKILL);
  };
}
/// It stops there instead, once, after it has passed it `passes` times, and says so.
inline void stop_at(Ledger& ledger, const char* point, int passes = 0) {
  static const char* where;
  static Ledger* notes;
  static int left;
  where = point;
  notes = &ledger;
  left = passes;
  testpoint::hook = [](const char* name) {
    if (std::strcmp(name, where) != 0 || left-- > 0) return;
    if (notes->reached.exchange(1) == 0) ::raise(SIGSTOP);
  };
}

/// Writes down that a command was started, and whether it was its turn.
inline void note_run(Ledger& ledger, const Command& command) {
  ledger.runs.fetch_add(1);
  if (command.id < ids_max) ledger.run_count[command.id].fetch_add(1);
  if (command.sequence == 0) return;
  const auto before = ledger.last[command.caller].exchange(command.sequence);
  if (before + 1 != command.sequence) ledger.out_of_order.fetch_add(1);
}

/// Answers what was deferred, from a thread of its own: once the ledger allows it, or at once.
class Clerk {
 public:
  Clerk(Ledger& ledger, bool at_once) : ledger_(ledger), at_once_(at_once) {}
  ~Clerk() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void add(Responder responder, std::uint64_t id) {
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    const std::scoped_lock lock(mutex_);
    owed_.emplace_back(std::move(responder), id);
  }

 private:
  void work() {
    while (!done_) {
      nap(at_once_ ? 50us : 200us);
      if (!at_once_ && !ledger_.answer) continue;
      std::deque<std::pair<Responder, std::uint64_t>> now;
      {
        const std::scoped_lock lock(mutex_);
        now.swap(owed_);
      }
      for (auto& [responder, id] : now) (void)responder.reply(raw(id));
    }
  }
  Ledger& ledger_;
  bool at_once_;
  std::atomic<bool> done_{false};
  std::mutex mutex_;
  std::deque<std::pair<Responder, std::uint64_t>> owed_;
  std::thread thread_;
};

/// The three names: "work" answers, "later" defers, "post" is for one-way commands.
inline bool add_handlers(Server& server, Ledger& ledger, Clerk& clerk) {
  const auto work = [&ledger](Context& c) {
    const auto command = number_in<Command>(c.request());
    note_run(ledger, command);
    return answer(c, raw(command.id));
  };
  const auto later = [&ledger, &clerk](Context& c) {
    const auto command = number_in<Command>(c.request());
    note_run(ledger, command);
    clerk.add(c.defer(), command.id);
    ledger.deferred.fetch_add(1);
    return Status::ok();
  };
  return server.on("work", work) && server.on("post", work) && server.on("later", later);
}

struct Role {
  int generation = 1;
  bool take_over = false;
  bool answer_at_once = true;
  Duration within = 20s;
  IfUnresponsive if_unresponsive = IfUnresponsive::fail;
  const char* die_at = nullptr;
  const char* stop_at = nullptr;
  int stop_after_passes = 0;
  Order order = Order::per_caller;
  WaitMode wait = WaitMode::adaptive;
};

/// A handler process: ends by itself, with 0, when it was replaced and owes nothing more, or when
/// the test is over.
inline int play_handler(const std::string& path, Ledger& ledger, const Role& role) {
  auto bus = Bus::open(path, {.label = "handler"});
  if (!bus) return 10;
  Clerk clerk(ledger, role.answer_at_once);
  auto server = bus->serve({.label = role.generation % 2 == 0 ? "green" : "blue",
                            .wait = role.wait,
                            .order = role.order,
                            .stand_by = role.take_over});
  if (!server || !add_handlers(*server, ledger, clerk)) return 11;
  if (role.die_at != nullptr) die_at(role.die_at);
  if (role.stop_at != nullptr) stop_at(ledger, role.stop_at, role.stop_after_passes);
  if (role.take_over) {
    const auto taken = server->take_over(role.within, role.if_unresponsive);
    ledger.result = static_cast<int>(kind(taken));
    if (!taken) {
      std::fprintf(stderr, "take_over: %s\n", describe(taken.error()).c_str());
      return 12;
    }
  }
  ledger.serving = role.generation;
  while (!ledger.stop_handlers) {
    if (server->replaced()) {
      while (server->draining() && !ledger.stop_handlers) nap(100us);
      return 0;
    }
    if (!server->run_for(20ms)) return 13;
  }
  return 0;
}

inline Child handler(const std::string& path, Ledger& ledger, const Role& role) {
  return Child([&path, &ledger, role] { return play_handler(path, ledger, role); });
}

inline bool served_by(Ledger& ledger, int generation) {
  return eventually([&] { return ledger.serving == generation; }, 20s);
}

}  // namespace shmbus::test
