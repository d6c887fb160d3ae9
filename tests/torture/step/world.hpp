// The world of one kill: a small bus, the process under the knife, its peers, and a ledger that no
// library code sees.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "shmbus/shmbus.hpp"
#include "support/child.hpp"
#include "torture/step/event_book.hpp"
#include "torture/step/stream_book.hpp"

namespace shmbus::torture {

/// What the others are doing while the subject is killed.
enum class Peers : std::uint8_t {
  idle,          ///< awake, polling
  parked,        ///< asleep in the kernel
  mid_step,      ///< stopped between two stores: a handler in a take, a caller in a publish
  mid_recovery,  ///< a third participant is stopped while it reclaims a dead one
};
inline constexpr Peers all_peers[] = {Peers::idle, Peers::parked, Peers::mid_step,
                                      Peers::mid_recovery};
const char* to_string(Peers peers) noexcept;

/// Numbers of commands, by who sends them.
namespace command_id {
inline constexpr std::uint64_t subject = 0;  ///< and the next seven
inline constexpr std::uint64_t peer = 8;     ///< of the caller beside it
inline constexpr std::uint64_t early = 16;   ///< of a caller that was there before
inline constexpr std::uint64_t dead = 20;    ///< of a caller that is dead when the subject starts
inline constexpr std::uint64_t fresh = 24;   ///< of the one that comes afterwards
inline constexpr std::uint64_t count = 32;
}  // namespace command_id

enum class Heard : std::uint8_t { nothing, sending, sent, ok, not_run, unknown, late, wrong };

struct Ledger {
  std::atomic<int> phase{0};    ///< of the subject: 0 prepares, 1 in the operation, 2 through
  std::atomic<int> reached{0};  ///< a peer has come to the place where it stops
  std::atomic<int> caller_reached{0};  ///< the same of the caller beside, when a handler stops too
  std::atomic<int> armed{0};           ///< peers stop there from now on
  std::atomic<int> prepared{0};        ///< the subject is about to stop before its operation
  std::atomic<int> serving{0};         ///< handlers that have registered
  std::atomic<int> beside_ready{0}, early_ready{0}, dead_ready{0}, reclaimer_ready{0};
  std::atomic<int> go{0};                       ///< to the reclaimer
  std::atomic<std::uint64_t> reported_lost{0};  ///< one-way commands of the caller beside
  std::atomic<std::uint32_t> runs[command_id::count]{};
  std::atomic<Heard> heard[command_id::count]{};
  EventBook events;
  StreamBook streams;
};

struct World {
  std::string path;
  Ledger& ledger;
  Peers peers;
  bool both_stop = false;  ///< mid-step: a handler and a caller, not just one of them
};

OpenOptions tiny_bus();

/// The caller's part: sends with an id, writes down what it hears.
class Voice {
 public:
  Voice(World& world, WaitMode wait) : world_(world), wait_(wait) {}
  bool open();     ///< and finds the name "run", without a lane yet
  bool warm_up();  ///< gets a lane, by a call outside of the books
  void call(std::uint64_t id, Duration timeout = default_timeout);
  /// A request of `bytes`, with as much room for the reply.
  void call_longer(std::uint64_t id, std::size_t bytes, Duration timeout);
  void start(std::uint64_t id, std::size_t bytes = 8, Duration timeout = default_timeout);
  void start_loan(std::uint64_t id, std::size_t bytes);
  void call_loan(std::uint64_t id, std::size_t bytes, Duration timeout);
  void send(std::uint64_t id, Notify notify = Notify::now);
  void send_many(std::uint64_t first, std::size_t count);
  void finish();  ///< waits for all that was started
  void flush() { (void)caller_.flush(); }
  [[nodiscard]] std::uint64_t lost() const { return caller_.lost(); }
  void cancel() {
    for (auto& one : under_way_) one.pending.cancel();
  }
  void close();
  Bus& bus() { return bus_; }

 private:
  struct UnderWay {
    std::uint64_t id;
    Pending pending;
  };
  void hear(std::uint64_t id, ErrorKind kind);
  static ErrorKind judge(std::uint64_t id, const ReplyView& reply);

  World& world_;
  WaitMode wait_;
  Bus bus_;
  RawCaller caller_;
  std::vector<UnderWay> under_way_;
};

/// The handler of "run": counts the run, then answers.
Status run_counted(World& world, Context& context);

/// Peers, to be run in children. They return exit codes.
int serve(World& world, WaitMode wait);
int serve_next(World& world, WaitMode wait);   ///< takes over from whoever serves "run"
int serve_stuck(World& world);                 ///< gets stuck in its first command
int call_beside(World& world, WaitMode wait);  ///< a living caller with four commands
int call_early(World& world);                  ///< one call, made before the subject starts
int leave_things_behind(World& world);         ///< is killed with a lane, memory and a command
int reclaim_and_stop(World& world);            ///< stops in the middle of reclaiming that one
int call_afresh(World& world);                 ///< everything must work for a newcomer
int work_elsewhere(World& world);              ///< another name, while others stand still
int close_the_books(World& world);             ///< the last one: reclaims all

/// From now on the calling process stops (SIGSTOP) where it passes this test point, once, when the
/// ledger is armed and `reached` not yet set.
void stop_self_at(World& world, const char* test_point, std::atomic<int>& reached);

/// Until it is `least`, or long enough.
bool wait_for(const std::atomic<int>& flag, int least = 1);

}  // namespace shmbus::torture
