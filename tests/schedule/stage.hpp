// What the participants of a scene do, in the words of the library: join, serve, call, send.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "call/caller_core.hpp"
#include "schedule/event_ledger.hpp"
#include "schedule/ledger.hpp"
#include "schedule/scheduler.hpp"
#include "schedule/stream_ledger.hpp"
#include "serve/server_core.hpp"
#include "session/core.hpp"

namespace shmbus::schedule {

inline constexpr std::string_view the_name = "job";

/// How far a scene is explored: enough to find every planted mistake.
struct Depth {
  unsigned preemptions = 0;
  unsigned kills = 0;
  unsigned stops = 0;
};

struct Scene {
  std::string name;
  std::string about;
  std::vector<Part> parts;
  Depth depth;
  std::function<std::string()> verdict{};  ///< instead of what Stage looks at afterwards
};

class Stage {
 public:
  explicit Stage(Scheduler& scheduler) noexcept : scheduler_(&scheduler) {}
  static Stage& the() noexcept;

  Ledger ledger;
  EventLedger events;
  StreamLedger streams;
  bool stream_cancelled = false;       ///< its caller wants no more
  std::array<std::uint8_t, 2> held{};  ///< extents, by who works in them: index + 1
  enum Flag : std::size_t {
    first_has_sent,
    second_has_sent,
    die_in_handler,
    take_time,
    caller_has_left,
    second_is_ready,
    serving,
    closing
  };
  std::array<std::uint32_t, 8> flags{};
  /// Who has the name, as it was told: bit i is participant i.
  std::uint32_t has_name = 0;

  void clear() noexcept;
  [[nodiscard]] Scheduler& scheduler() noexcept { return *scheduler_; }
  void must(const char* wrong) {
    if (wrong != nullptr) scheduler_->fail(wrong);
  }
  void must(bool right, const char* wrong) {
    if (!right) scheduler_->fail(wrong);
  }
  /// When all is over: what the dead held comes back, a successor finds everything in order.
  std::string afterwards(const Scene& scene);

 private:
  Scheduler* scheduler_;
};

/// A participant.
class Peer {
 public:
  Peer();
  [[nodiscard]] const std::shared_ptr<detail::BusCore>& bus() const noexcept { return bus_; }
  [[nodiscard]] const Attachment& attachment() const noexcept { return bus_->attachment(); }

 private:
  std::shared_ptr<detail::BusCore> bus_;
};

class Handling {
 public:
  explicit Handling(Peer& peer, Order order = Order::per_caller, std::uint32_t hot_lanes = 8,
                    bool stand_by = false);
  Handling(const Handling&) = delete;
  Handling& operator=(const Handling&) = delete;
  ~Handling();
  /// False while the name belongs to somebody else.
  bool take_name(std::string_view name = the_name);
  void give_up_name();
  /// Waits a little for the name to be free; true when it is ours now.
  bool stand_by();
  /// Serves until all clients are through.
  void serve();
  /// Serves for a while, and looks at everything.
  void idle(Duration how_long = std::chrono::milliseconds(600));
  void poll();

 private:
  void note_name(bool has);
  std::size_t self_;
  detail::ServerCore core_;
};

struct Pended {
  std::uint64_t command = 0;
  Pending pending;
};

class Calling {
 public:
  explicit Calling(Peer& peer, CallerOptions options = {}, bool ordered = false);
  /// Calls once, and expects that it works.
  void warm_up(Duration timeout = default_timeout);
  /// From now on a call has to be run: the process that waits for a successor is told no refusal.
  void insist() noexcept { insists_ = true; }
  /// From now on a call takes less than a handler's sweep, unless it or the handler is held up.
  void expect_prompt() noexcept { prompt_ = true; }
  std::uint64_t call(Duration timeout = default_timeout);
  /// With a request and a reply that need payload memory.
  void call_large(Duration timeout = default_timeout);
  Pended start();
  /// The answer is not waited for.
  static void drop(Pended call);
  void finish(Pended& call);
  void send();
  void flush();
  RawCaller& raw() noexcept { return raw_; }

 private:
  static void on_lost(void* self, std::uint64_t sequence, ErrorKind why);
  void settle(std::uint64_t command, const Result<std::uint64_t>& reply);

  std::size_t self_;
  bool ordered_;
  bool insists_ = false;
  bool prompt_ = false;
  RawCaller raw_;
};

const std::vector<Scene>& scenes();

}  // namespace shmbus::schedule
