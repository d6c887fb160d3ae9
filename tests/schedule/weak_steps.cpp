// What an access to a shared word or a fence does to memory, once the scheduler has let it happen:
// weak_memory.hpp. When several values may be loaded, which one is a choice of the plan.
#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "schedule/arena.hpp"
#include "schedule/scheduler.hpp"

namespace shmbus::schedule {

std::optional<weak::Place> Scheduler::modelled(const void* word) const noexcept {
  if (!weak_ || over_ || !inside_) return std::nullopt;
  const auto offset = world_->offset_of(word);
  if (!offset || world_->statistics(*offset)) return std::nullopt;
  return offset;
}

/// A step of its own, where there is a choice.
unsigned Scheduler::choose_older(unsigned most, weak::Place place) {
  if (!exploring_ || most == 0) return 0;
  const std::uint32_t at = outcome_.steps++;
  const auto take = [&](unsigned older) {
    if (trace_ && older != 0) {
      std::printf("%6u  %zu %-10s %u older   %s\n", at, running_,
                  fibers_[running_].part->name.c_str(), older, world_->name_of(place).c_str());
    }
    return older;
  };
  if (next_decision_ < plan_->size()) {
    const Decision& next = (*plan_)[next_decision_];
    if (next.step != at || next.kind != Decision::Kind::older) return 0;
    ++next_decision_;
    return take(next.to);
  }
  const auto bounded = static_cast<std::uint8_t>(std::min(most, 255U));
  if (random_ == nullptr) {
    Choice choice{at, static_cast<std::uint8_t>(running_), 0, false, false};
    choice.older = bounded;
    outcome_.choices.push_back(choice);
    return 0;
  }
  std::uniform_real_distribution<double> share(0, 1);
  if (stale_left_ == 0 || share(dice_) >= random_->stale_share) return 0;
  --stale_left_;
  const auto older = static_cast<std::uint8_t>(1 + dice_() % bounded);
  outcome_.taken.push_back({at, Decision::Kind::older, older});
  return take(older);
}

/// A read of a cell's contents that is ordered with nothing is no fault yet: whoever recovers reads
/// first, and throws away what it read when its CAS of the cell's word fails. So it is judged at
/// the reader's next access to anything else.
struct Doubt {
  std::size_t reader;
  weak::Place cell;
  std::string what;
};
static std::vector<Doubt> doubts;  // of the execution that runs
static std::array<std::optional<weak::Place>, views>
    copying;  // by fiber: its last access read this

void Scheduler::check_race(weak::Place place, bool writes) {
  const auto race = memory_.race(running_, place, writes);
  if (!race || !exploring_) return;
  std::string what = fibers_[running_].part->name + (writes ? " writes " : " reads ") +
                     world_->name_of(place) + ", unordered with " + fibers_[race->with].part->name;
  const auto cell = world_->cell_of(place);
  const std::size_t reader = writes ? race->with : running_;
  const bool only_read = !writes || (race->reader && copying[reader] == cell);
  if (!cell || !only_read) return fail(what);
  if (fibers_[reader].state != State::killed) doubts.push_back({reader, *cell, std::move(what)});
}

/// Who runs accesses something. `copied`: contents of this cell, or its word in vain.
void Scheduler::settle_doubts(std::optional<weak::Place> copied) {
  if (!exploring_) doubts.clear();
  copying[running_] = copied;
  for (const Doubt& doubt : doubts) {
    if (doubt.reader == running_ && doubt.cell != copied) return fail(doubt.what);
  }
}

// --- words -----------------------------------------------------------------------------------

std::uint64_t Scheduler::load(const void* word, std::uint64_t newest, std::memory_order order,
                              scheduled::Site site) {
  const auto place = modelled(word);
  if (!place) return newest;
  const arena::Use off(false);
  const bool data = world_->data(*place);
  settle_doubts(data ? world_->cell_of(*place) : std::nullopt);
  if (data && !sites_.hint(site)) check_race(*place, false);
  const unsigned older = choose_older(memory_.loads(running_, *place, newest), *place);
  return memory_.load(running_, *place, sites_.order(site, order), older);
}

std::uint64_t Scheduler::store(const void* word, std::uint64_t newest, std::uint64_t value,
                               std::memory_order order, scheduled::Site site) {
  const auto place = modelled(word);
  if (!place) return value;
  const arena::Use off(false);
  settle_doubts(std::nullopt);
  if (world_->data(*place)) check_race(*place, true);
  const unsigned older = choose_older(memory_.stores(running_, *place, newest), *place);
  return memory_.store(running_, *place, value, sites_.order(site, order), older);
}

std::uint64_t Scheduler::modify_load(const void* word, std::uint64_t newest,
                                     const std::uint64_t* expected, std::memory_order order,
                                     std::memory_order failure, scheduled::Site site) {
  const auto place = modelled(word);
  if (!place) return newest;
  const arena::Use off(false);
  const auto only = expected == nullptr ? std::nullopt : std::optional(*expected);
  const unsigned older = choose_older(memory_.modifies(running_, *place, newest, only), *place);
  const std::uint64_t seen = memory_.modify_load(running_, *place, sites_.order(site, order),
                                                 sites_.order(site, failure), only, older);
  if (only && seen != *only && world_->cell_of(*place) == *place) {
    std::erase_if(doubts, [&](const Doubt& doubt) {
      return doubt.reader == running_ && doubt.cell == *place;
    });
    for (weak::Place at = *place; at < *place + sizeof(layout::Cell);
         at += sizeof(layout::Word64)) {
      memory_.forget_reads(running_, at);
    }
  }
  settle_doubts(std::nullopt);
  return seen;
}

std::uint64_t Scheduler::modify_store(const void* word, std::uint64_t value,
                                      std::memory_order order, scheduled::Site site) {
  const auto place = modelled(word);
  if (!place) return value;
  const arena::Use off(false);
  return memory_.modify_store(running_, *place, value, sites_.order(site, order));
}

void Scheduler::touch(const void* begin, std::size_t bytes, bool writes) {
  const auto first = modelled(begin);
  if (!first || bytes == 0) return;
  const arena::Use off(false);
  constexpr weak::Place line = 64;
  for (weak::Place at = *first / line * line; at < *first + bytes; at += line) {
    check_race(at, writes);
  }
}

// --- fences and locks ------------------------------------------------------------------------

void Scheduler::fence(std::memory_order order) {
  if (weak_ && !over_) memory_.fence(running_, order);
}

void Scheduler::full_fence(scheduled::Site site) {
  if (!weak_ || over_ || !sites_.fences(site)) return;
  memory_.fence(running_, std::memory_order_seq_cst);
}

void Scheduler::publisher_fence(scheduled::Site site) {
  if (!weak_ || over_ || !sites_.fences(site)) return;
  if (fibers_[running_].part->bare) return memory_.fence(running_, std::memory_order_seq_cst);
  memory_.compiler_fence(running_);
}

/// The barrier reaches the others one after the other; they may go on in between.
bool Scheduler::sleeper_fence(scheduled::Site site) {
  const bool bare = fibers_[running_].part->bare;
  if (!weak_ || over_ || !sites_.fences(site)) return !bare;
  if (bare) {
    memory_.fence(running_, std::memory_order_seq_cst);
    return false;
  }
  memory_.barrier_begins(running_);
  for (std::size_t i = 0; i < count_; ++i) {
    if (i == running_ || fibers_[i].part->bare) continue;
    const State state = fibers_[i].state;
    if (state == State::none || state == State::over || state == State::killed) continue;
    if (exploring_) step(world_->barrier_word(), scheduled::Access::modify, i);
    memory_.barrier_reaches(running_, i);
  }
  memory_.barrier_ends(running_);
  return true;
}

/// Falls asleep, wakes up, ends or dies.
void Scheduler::switched() {
  if (weak_ && !over_) memory_.switched(running_);
}

void Scheduler::lock_changed_hands(std::int64_t offset, bool released) {
  if (!weak_ || over_) return;
  const arena::Use off(false);
  const weak::Place lock = world_->lock_word(offset);
  if (released && exploring_) (void)shared_->note(lock, bit(running_), true);
  released ? memory_.lock_released(running_, lock) : memory_.lock_acquired(running_, lock);
}

}  // namespace shmbus::schedule
