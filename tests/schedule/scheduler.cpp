#include "schedule/scheduler.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "schedule/arena.hpp"

namespace shmbus::schedule {
namespace {

constexpr std::size_t stack_bytes = 256 * 1024;
constexpr std::uint64_t patience_ns = 2'000'000'000;  // of clients, in the world's time

Scheduler* only = nullptr;

}  // namespace

Scheduler::Scheduler(World& world) : world_(&world), memory_(world.words()) {
  only = this;
  for (auto& fiber : fibers_) fiber.stack = std::make_unique<std::byte[]>(stack_bytes);  // NOLINT
}

Scheduler& Scheduler::the() noexcept { return *only; }
Scheduler* Scheduler::at_work() noexcept {
  return only != nullptr && only->inside_ ? only : nullptr;
}

// --- fibers ----------------------------------------------------------------------------------

void Scheduler::enter() {
  Scheduler& self = *only;
  Fiber& fiber = self.fibers_[self.running_];
  {
    const arena::Use participant;
    fiber.part->body();
  }
  self.switched();
  fiber.state = State::over;
  if (self.trace_) self.say("has ended");
  self.give_way();
  std::abort();
}

void Scheduler::prepare(std::size_t index, const Part& part) {
  Fiber& fiber = fibers_[index];
  auto stack = std::move(fiber.stack);
  fiber = {};
  fiber.stack = std::move(stack);
  fiber.part = &part;
  fiber.state = State::runnable;
  ::getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = stack_bytes;
  fiber.context.uc_link = nullptr;
  ::makecontext(&fiber.context, &Scheduler::enter, 0);
}

void Scheduler::switch_to(std::size_t index) {
  running_ = index;
  Fiber& fiber = fibers_[index];
  detail::this_thread.running = fiber.handling;
  detail::this_thread.serving = fiber.serving;
  detail::this_thread.server_number = fiber.server_number;
  inside_ = true;
  {
    const arena::Use participant;
    jump_to(fiber);
  }
  inside_ = false;
  fiber.handling = std::exchange(detail::this_thread.running, nullptr);
  fiber.serving = std::exchange(detail::this_thread.serving, nullptr);
  fiber.server_number = std::exchange(detail::this_thread.server_number, 0);
}

/// Returns when the fiber has given way.
[[gnu::noinline]] void Scheduler::jump_to(Fiber& fiber) {
  if (::_setjmp(loop_) != 0) return;
  if (fiber.begun) ::_longjmp(fiber.place, 1);
  fiber.begun = true;
  ::setcontext(&fiber.context);
}

/// Back to the loop; returns when this fiber is to go on.
[[gnu::noinline]] void Scheduler::give_way() {
  if (::_setjmp(fibers_[running_].place) == 0) ::_longjmp(loop_, 1);
}

Scheduler::Outcome Scheduler::run(std::span<const Part> parts, const Plan& plan,
                                  SharedWords& shared, const Random* random) {
  world_->reset();
  arena::reset();
  memory_.reset();
  over_ = false;
  shared_ = &shared;
  outcome_ = {};
  outcome_.choices.reserve(1024);
  outcome_.taken = plan;
  plan_ = &plan;
  next_decision_ = 0;
  random_ = random;
  if (random != nullptr) {
    dice_.seed(random->seed);
    kills_left_ = random->kills;
    stops_left_ = random->stops;
    stale_left_ = random->stale;
  }
  now_ = 1'000'000'000;
  exploring_ = false;
  successor_ = -1;
  count_ = parts.size();
  running_ = count_ - 1;  // the first in turn comes first
  for (std::size_t i = 0; i < count_; ++i) prepare(i, parts[i]);
  while (outcome_.failure.empty()) {
    const int next = next_to_run();
    if (next < 0) break;
    switch_to(static_cast<std::size_t>(next));
  }
  exploring_ = false;
  over_ = true;
  return std::move(outcome_);
}

std::string Scheduler::run_alone(const std::function<void()>& body) {
  const Part part{"afterwards", Kind::client, false, body};
  outcome_ = {};
  count_ = views;
  for (std::size_t i = 0; i + 1 < views; ++i) fibers_[i].state = State::none;
  prepare(views - 1, part);
  while (outcome_.failure.empty()) {
    const int next = next_to_run();
    if (next < 0) break;
    switch_to(static_cast<std::size_t>(next));
  }
  return std::move(outcome_.failure);
}

// --- who goes on -----------------------------------------------------------------------------

std::uint8_t Scheduler::runnable_but(std::size_t index) const noexcept {
  std::uint8_t mask = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    if (i != index && fibers_[i].state == State::runnable) mask |= bit(i);
  }
  return mask;
}

/// Those who could go on in the place of who runs; a sleep may come to its end at any moment.
std::uint8_t Scheduler::able_but(std::size_t index) const noexcept {
  std::uint8_t mask = runnable_but(index);
  for (std::size_t i = 0; i < count_; ++i) {
    if (i != index && fibers_[i].state == State::asleep) mask |= bit(i);
  }
  return mask;
}

int Scheduler::next_to_run() {
  if (successor_ >= 0) return std::exchange(successor_, -1);
  while (runnable_but(views) == 0) {
    if (!let_time_pass()) return -1;
  }
  return choose_freely();
}

/// Who ran cannot go on: the next in turn does, or who the plan says.
int Scheduler::choose_freely() {
  const std::uint8_t able = runnable_but(views);
  std::size_t usual = (running_ + 1) % count_;
  while ((able & bit(usual)) == 0) usual = (usual + 1) % count_;
  if (!exploring_ || std::has_single_bit(able)) return static_cast<int>(usual);
  const auto others = static_cast<std::uint8_t>(able & ~bit(usual));
  offer({outcome_.steps++, static_cast<std::uint8_t>(usual), others, true, false});
  return successor_ >= 0 ? std::exchange(successor_, -1) : static_cast<int>(usual);
}

bool Scheduler::anybody_killed() const noexcept {
  return std::any_of(fibers_.begin(), fibers_.begin() + static_cast<std::ptrdiff_t>(count_),
                     [](const Fiber& fiber) { return fiber.state == State::killed; });
}

/// Everybody sleeps: on to the moment when the first one had enough. False when all is over.
bool Scheduler::let_time_pass() {
  Fiber* first = nullptr;
  bool prompt = exploring_ && !clients_over() && !anybody_killed();
  const Fiber* waits_in_vain = nullptr;
  for (std::size_t i = 0; i < count_; ++i) {
    Fiber& fiber = fibers_[i];
    if (fiber.state != State::asleep) continue;
    if (first == nullptr || fiber.until < first->until) first = &fiber;
    if (fiber.pausing) prompt = false;
    if (fiber.part->kind == Kind::client) waits_in_vain = &fiber;
  }
  if (first == nullptr) return false;
  if (prompt && waits_in_vain != nullptr) {
    fail("nobody wakes " + waits_in_vain->part->name + ", and nobody else has anything to do");
    return false;
  }
  now_ = std::max(now_, first->until);
  if (exploring_ && !clients_over() && now_ > began_ + patience_ns) {
    fail("clients wait too long");
    return false;
  }
  first->state = State::runnable;
  return true;
}

}  // namespace shmbus::schedule
