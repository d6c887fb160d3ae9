// Runs participants as fibers of one thread. Every access to a shared word is a step; who runs goes
// on until it sleeps, ends, or the plan says otherwise. Time stands still while anybody can run.
//
//   setting up ──all are ready──► exploring ──all have ended or were killed──► over
#pragma once

#include <ucontext.h>

#include <array>
#include <csetjmp>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/scheduled.hpp"
#include "os/futex.hpp"
#include "schedule/plan.hpp"
#include "schedule/sites.hpp"
#include "schedule/weak_memory.hpp"
#include "schedule/world.hpp"
#include "trace/current_command.hpp"

namespace shmbus::schedule {

constexpr std::uint8_t bit(std::size_t index) noexcept {
  return static_cast<std::uint8_t>(1U << index);
}

enum class Kind : std::uint8_t {
  client,  ///< the execution is over when all of these are
  server,  ///< runs until then
};

struct Part {
  std::string name;
  Kind kind = Kind::client;
  bool mortal = false;  ///< may be killed
  std::function<void()> body;
  bool bare = false;  ///< the kernel refuses it membarrier
};

/// A place where a plan may go on otherwise.
struct Choice {
  std::uint32_t step = 0;
  std::uint8_t running = 0;
  std::uint8_t others = 0;  ///< bit i: fiber i can run
  bool free = false;        ///< who ran cannot go on: one of the others must
  bool kill = false;
  std::uint8_t older =
      0;  ///< so many older values could be loaded, or places be stored at, instead
};

/// Which words decide anything: those that one participant writes and another one accesses. It is
/// learnt, so it lives on from one execution to the next.
class SharedWords {
 public:
  explicit SharedWords(std::size_t words) : readers_(words), writers_(words) {}
  /// Whether others have to do with this word; true in `grew` when that is news.
  bool note(std::uint32_t offset, std::uint8_t fiber, bool writes) noexcept;
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }

 private:
  std::vector<std::uint8_t> readers_, writers_;
  std::uint32_t count_ = 0;
};

class Scheduler {
 public:
  static constexpr std::uint64_t stop_ns = 200'000'000;  ///< for how long one is stopped

  explicit Scheduler(World& world);
  static Scheduler& the() noexcept;
  /// Null outside of participants.
  static Scheduler* at_work() noexcept;

  struct Random {
    std::uint64_t seed = 0;
    double switch_share = 0.05;
    double kill_share = 0.01;
    unsigned kills = 1;
    unsigned stops = 0;
    unsigned stale = 0;
    double stale_share = 0.2;
  };
  struct Outcome {
    std::string failure;  ///< empty: all is well
    std::uint32_t steps = 0;
    std::vector<Choice> choices;  ///< after the last decision of the plan
    Plan taken;                   ///< as it went; the plan itself, or what chance decided
  };
  Outcome run(std::span<const Part> parts, const Plan& plan, SharedWords& shared,
              const Random* random = nullptr);
  /// One more participant, alone, after an execution; nobody is scheduled or killed any more.
  std::string run_alone(const std::function<void()>& body);

  // --- for participants ---------------------------------------------------------------------
  void ready(bool wait_for_others);
  [[nodiscard]] bool exploring() const noexcept { return exploring_; }
  [[nodiscard]] bool clients_over() const noexcept;
  [[nodiscard]] std::size_t running() const noexcept { return running_; }
  [[nodiscard]] std::size_t participants() const noexcept { return count_; }
  [[nodiscard]] bool over(std::size_t fiber) const noexcept {
    return fibers_[fiber].state == State::over || killed(fiber);
  }
  [[nodiscard]] bool killed(std::size_t fiber) const noexcept;
  /// It was stopped, or another went on in its place.
  [[nodiscard]] bool was_held_up(std::size_t fiber) const noexcept {
    return fibers_[fiber].was_held_up;
  }
  [[nodiscard]] std::uint64_t now() const noexcept { return now_; }
  /// Something was done that others can tell, outside of the segment.
  void effect() noexcept { fibers_[running_].wrote = true; }
  /// The running participant is killed where it stands.
  [[noreturn]] void die();
  /// What must not be. The execution ends.
  void fail(const std::string& what);

  // --- memory: weak_steps.cpp ---------------------------------------------------------------
  /// From here on loads may return what the memory model allows; without it, the newest.
  void weak(bool on) noexcept { weak_ = on; }
  [[nodiscard]] bool weak() const noexcept { return weak_; }
  [[nodiscard]] Sites& sites() noexcept { return sites_; }
  std::uint64_t load(const void* word, std::uint64_t newest, std::memory_order order,
                     scheduled::Site site);
  std::uint64_t store(const void* word, std::uint64_t newest, std::uint64_t value,
                      std::memory_order order, scheduled::Site site);
  std::uint64_t modify_load(const void* word, std::uint64_t newest, const std::uint64_t* expected,
                            std::memory_order order, std::memory_order failure,
                            scheduled::Site site);
  std::uint64_t modify_store(const void* word, std::uint64_t value, std::memory_order order,
                             scheduled::Site site);
  void fence(std::memory_order order);
  void full_fence(scheduled::Site site);
  void publisher_fence(scheduled::Site site);
  bool sleeper_fence(scheduled::Site site);
  [[nodiscard]] bool bare() const noexcept { return fibers_[running_].part->bare; }
  /// Bytes of the segment that no word of the format covers, read or written by the scene itself.
  void touch(const void* begin, std::size_t bytes, bool writes);
  void lock_changed_hands(std::int64_t offset, bool released);

  // --- for the stand-ins --------------------------------------------------------------------
  void access(const void* word, scheduled::Access access, std::uint64_t value);
  void lock_access(std::int64_t offset, scheduled::Access access);
  [[nodiscard]] std::uint32_t peek(const layout::Word32* word) const noexcept;
  enum class Sleep : std::uint8_t { in_the_kernel, spinning };
  void sleep(std::span<const wait::FutexWaiter> on, std::uint64_t limit_ns,
             Sleep how = Sleep::in_the_kernel);
  void wake(const layout::Word32* word);

  void on_kill(std::function<void(std::size_t)> tell) { on_kill_ = std::move(tell); }
  void plant(std::string mistake) { mistake_ = std::move(mistake); }
  [[nodiscard]] bool planted(const char* mistake) const noexcept { return mistake_ == mistake; }
  void trace(bool on) noexcept { trace_ = on; }
  void say(const char* what);

 private:
  enum class State : std::uint8_t { none, runnable, at_start, asleep, over, killed };
  struct Glance {
    std::uint32_t offset = ~0U;
    std::uint64_t value = 0;
    unsigned times = 0;
  };
  struct Fiber {
    const Part* part = nullptr;
    State state = State::none;
    bool ready = false;
    bool wrote = false;    ///< since a kill was last considered
    bool pausing = false;  ///< asleep where nobody is expected to wake it
    bool was_held_up = false;
    std::uint64_t until = 0;
    std::array<std::uint32_t, wait::futex_waiters_max> on{};
    std::size_t on_count = 0;
    std::array<Glance, 4> glances{};
    std::size_t next_glance = 0;
    const detail::Invocation* handling = nullptr;
    const detail::Serving* serving = nullptr;
    std::uint32_t server_number = 0;
    bool begun = false;
    ucontext_t context{};                ///< where it begins
    std::jmp_buf place{};                ///< where it goes on: a switch is no system call this way
    std::unique_ptr<std::byte[]> stack;  // NOLINT: as makecontext wants it
  };

  static void enter();
  void prepare(std::size_t index, const Part& part);
  void switch_to(std::size_t index);
  void jump_to(Fiber& fiber);
  void give_way();
  void step(std::uint32_t offset, scheduled::Access access, std::uint64_t value);
  [[nodiscard]] bool seen_before(Fiber& fiber, std::uint32_t offset, std::uint64_t value) noexcept;
  void offer(const Choice& choice);
  /// Where in the segment this word lies, when the memory model has to do with it.
  [[nodiscard]] std::optional<weak::Place> modelled(const void* word) const noexcept;
  unsigned choose_older(unsigned most, weak::Place place);
  void check_race(weak::Place place, bool writes);
  void settle_doubts(std::optional<weak::Place> copied);
  void switched();
  void follow(const Decision& decision);
  [[nodiscard]] std::uint8_t runnable_but(std::size_t index) const noexcept;
  [[nodiscard]] std::uint8_t able_but(std::size_t index) const noexcept;
  [[nodiscard]] int next_to_run();
  [[nodiscard]] int choose_freely();
  bool let_time_pass();
  void kill_running();
  [[nodiscard]] bool anybody_killed() const noexcept;

  World* world_;
  SharedWords* shared_ = nullptr;
  std::array<Fiber, views> fibers_;
  std::size_t count_ = 0;
  std::size_t running_ = 0;
  int successor_ = -1;  ///< who was told to go on
  bool inside_ = false;
  bool exploring_ = false;
  bool trace_ = false;
  std::uint64_t now_ = 0;
  std::uint64_t began_ = 0;  ///< of exploring
  const Plan* plan_ = nullptr;
  std::size_t next_decision_ = 0;
  const Random* random_ = nullptr;
  unsigned kills_left_ = 0;
  unsigned stops_left_ = 0;
  unsigned stale_left_ = 0;
  bool weak_ = false;
  bool over_ = true;  ///< the execution is: memory is no longer modelled
  weak::Memory memory_;
  Sites sites_;
  std::mt19937_64 dice_;
  Outcome outcome_;
  std::function<void(std::size_t)> on_kill_;
  std::string mistake_;
  std::jmp_buf loop_{};
};

}  // namespace shmbus::schedule
