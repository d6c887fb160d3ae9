// What a participant's step does: it is counted, others may go on or kill it there, it sleeps.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>

#include "schedule/arena.hpp"
#include "schedule/scheduler.hpp"

namespace shmbus::schedule {
namespace {

using scheduled::Access;

constexpr std::uint32_t steps_max = 60'000;         // nobody needs that many
constexpr std::uint64_t unprompted_ns = 1'000'000;  // who sleeps that short expects no bell
constexpr unsigned glances_that_count = 2;

}  // namespace

bool SharedWords::note(std::uint32_t offset, std::uint8_t fiber, bool writes) noexcept {
  auto& readers = readers_[offset / 4];
  auto& writers = writers_[offset / 4];
  const auto shared = [&] { return writers != 0 && std::popcount(readers) > 1; };
  const bool before = shared();
  readers = static_cast<std::uint8_t>(readers | fiber);
  if (writes) writers = static_cast<std::uint8_t>(writers | fiber);
  if (!before && shared()) ++count_;
  return shared();
}

// --- steps --------------------------------------------------------------------------------

void Scheduler::access(const void* word, Access access, std::uint64_t value) {
  if (!exploring_) return;
  const auto offset = world_->offset_of(word);
  if (offset && !world_->statistics(*offset)) step(*offset, access, value);
}

void Scheduler::lock_access(std::int64_t offset, Access access) {
  if (exploring_ && inside_) step(world_->lock_word(offset), access, 0);
}

/// A poll that finds again and again what it has found: who runs between two of them could as well
/// have run before the first.
bool Scheduler::seen_before(Fiber& fiber, std::uint32_t offset, std::uint64_t value) noexcept {
  for (auto& glance : fiber.glances) {
    if (glance.offset != offset) continue;
    glance.times = glance.value == value ? glance.times + 1 : 0;
    glance.value = value;
    return glance.times >= glances_that_count;
  }
  fiber.glances[fiber.next_glance++ % fiber.glances.size()] = {offset, value, 0};
  return false;
}

void Scheduler::step(std::uint32_t offset, Access access, std::uint64_t value) {
  const arena::Use off(false);
  Fiber& fiber = fibers_[running_];
  const std::uint32_t at = outcome_.steps++;
  if (at > steps_max) return fail(fiber.part->name + " does not come to an end");
  const bool writes = access != Access::load;
  const bool shared = shared_->note(offset, bit(running_), writes);
  if (trace_) {
    static constexpr std::array<const char*, 3> verbs{"loads", "stores", "modifies"};
    std::printf("%6u  %zu %-10s %-8s %-24s %llx\n", at, running_, fiber.part->name.c_str(),
                verbs[static_cast<std::size_t>(access)], world_->name_of(offset).c_str(),
                static_cast<unsigned long long>(value));
  }
  const bool again = !writes && seen_before(fiber, offset, value);
  if (writes) fiber.glances = {};
  const std::uint8_t others = shared && !again ? able_but(running_) : std::uint8_t{0};
  const bool kill = fiber.part->mortal && std::exchange(fiber.wrote, writes);
  offer({at, static_cast<std::uint8_t>(running_), others, false, kill});
  if (successor_ < 0 && fiber.state != State::killed) return;
  const bool stopped = fiber.state == State::asleep;
  if (stopped) switched();
  give_way();
  if (stopped) switched();
}

/// Takes the plan's decision for this step, or chance's, or notes what could be decided.
void Scheduler::offer(const Choice& choice) {
  const arena::Use off(false);
  if (next_decision_ < plan_->size()) {
    const Decision& next = (*plan_)[next_decision_];
    if (next.step != choice.step) return;
    ++next_decision_;
    return follow(next);
  }
  if (choice.others == 0 && !choice.kill) return;
  if (random_ == nullptr) {
    outcome_.choices.push_back(choice);
    return;
  }
  std::uniform_real_distribution<double> share(0, 1);
  Decision decision{choice.step, Decision::Kind::go_on, 0};
  if (choice.kill && kills_left_ > 0 && share(dice_) < random_->kill_share) {
    --kills_left_;
    decision.kind = Decision::Kind::kill;
  } else if (choice.others != 0 && share(dice_) < (choice.free ? 0.5 : random_->switch_share)) {
    if (!choice.free && stops_left_ > 0 && share(dice_) < 0.5) {
      --stops_left_;
      decision.kind = Decision::Kind::stop;
    }
    auto nth = dice_() % static_cast<std::uint64_t>(std::popcount(choice.others));
    std::uint8_t left = choice.others;
    while (nth-- > 0) left = static_cast<std::uint8_t>(left & (left - 1));
    decision.to = static_cast<std::uint8_t>(std::countr_zero(left));
  } else {
    return;
  }
  outcome_.taken.push_back(decision);
  follow(decision);
}

void Scheduler::follow(const Decision& decision) {
  if (decision.kind == Decision::Kind::kill) return kill_running();
  if (decision.kind == Decision::Kind::older) {
    return fail("the plan is not one of this scene: nothing older can be loaded there");
  }
  const std::size_t to = decision.to;
  Fiber& running = fibers_[running_];
  running.was_held_up = true;  // time may pass before it goes on
  if (decision.kind == Decision::Kind::stop) {
    running.state = State::asleep;
    running.until = now_ + stop_ns;
    running.on_count = 0;
    running.pausing = true;
  }
  if (to < count_ && fibers_[to].state == State::asleep && to != running_) {
    fibers_[to].state = State::runnable;
    now_ = std::max(now_, fibers_[to].until);
  }
  if (to >= count_ || fibers_[to].state != State::runnable) {
    return fail("the plan is not one of this scene: " + std::to_string(to) + " cannot run");
  }
  if (trace_) std::printf("        -> %zu %s\n", to, fibers_[to].part->name.c_str());
  successor_ = static_cast<int>(to);
}

void Scheduler::kill_running() {
  if (trace_) say("is killed");
  fibers_[running_].state = State::killed;
  switched();
  world_->kill_owner(running_, [this](std::int64_t lock) { lock_changed_hands(lock, true); });
  if (on_kill_) on_kill_(running_);
}

// --- what participants ask -------------------------------------------------------------------

void Scheduler::ready(bool wait_for_others) {
  Fiber& self = fibers_[running_];
  self.ready = true;
  switched();
  const auto all =
      std::all_of(fibers_.begin(), fibers_.begin() + static_cast<std::ptrdiff_t>(count_),
                  [](const Fiber& fiber) { return fiber.ready; });
  if (all) {
    exploring_ = true;
    began_ = now_;
    for (std::size_t i = 0; i < count_; ++i) {
      if (fibers_[i].state != State::at_start) continue;
      fibers_[i].state = State::runnable;  // awake from here on, whenever it goes on
      if (weak_) memory_.switched(i);
    }
    return;
  }
  if (!wait_for_others) return;
  self.state = State::at_start;
  give_way();
}

void Scheduler::die() {
  fibers_[running_].ready = true;
  kill_running();
  give_way();
  std::abort();
}

bool Scheduler::clients_over() const noexcept {
  return std::none_of(fibers_.begin(), fibers_.begin() + static_cast<std::ptrdiff_t>(count_),
                      [](const Fiber& fiber) {
                        return fiber.part != nullptr && fiber.part->kind == Kind::client &&
                               fiber.state != State::none && fiber.state != State::over &&
                               fiber.state != State::killed;
                      });
}

bool Scheduler::killed(std::size_t fiber) const noexcept {
  return fibers_[fiber].state == State::killed;
}

void Scheduler::fail(const std::string& what) {
  const arena::Use off(false);
  if (outcome_.failure.empty()) outcome_.failure = what;
  if (inside_) give_way();
}

std::uint32_t Scheduler::peek(const layout::Word32* word) const noexcept {
  static_assert(sizeof *word == sizeof(std::uint32_t));
  return *reinterpret_cast<const std::uint32_t*>(word);
}

void Scheduler::sleep(std::span<const wait::FutexWaiter> on, std::uint64_t limit_ns, Sleep how) {
  Fiber& self = fibers_[running_];
  self.state = State::asleep;
  self.until = limit_ns > ~0ULL - now_ ? ~0ULL : now_ + limit_ns;
  self.pausing = on.empty() || limit_ns <= unprompted_ns;
  self.on_count = 0;
  self.glances = {};
  for (const auto& waiter : on) {
    if (const auto at = world_->offset_of(waiter.word)) self.on[self.on_count++] = *at;
  }
  if (trace_) say("sleeps");
  if (how == Sleep::in_the_kernel) switched();
  give_way();
  if (how == Sleep::in_the_kernel) switched();
}

void Scheduler::wake(const layout::Word32* word) {
  const auto offset = world_->offset_of(word);
  if (!offset) return;
  for (std::size_t i = 0; i < count_; ++i) {
    Fiber& fiber = fibers_[i];
    if (fiber.state != State::asleep) continue;
    const auto end = fiber.on.begin() + static_cast<std::ptrdiff_t>(fiber.on_count);
    if (std::find(fiber.on.begin(), end, *offset) != end) fiber.state = State::runnable;
  }
}

void Scheduler::say(const char* what) {
  if (!trace_ || !exploring_) return;
  std::printf("        %zu %-10s %s\n", running_, fibers_[running_].part->name.c_str(), what);
}

}  // namespace shmbus::schedule
