#include "schedule/weak_memory.hpp"

#include <algorithm>

namespace shmbus::schedule::weak {
namespace {

/// Room for stores that go between two others.
constexpr std::uint64_t stamp_step = std::uint64_t{1} << 40U;

}  // namespace

void Memory::Word::clear() noexcept {
  order.clear();
  for (auto& list : touches) list.clear();
  last_read = {};
  last_write = {};
}

void Memory::reset() noexcept {
  for (const Place place : touched_) index_[place / 4] = -1;
  touched_.clear();
  used_ = 0;
  threads_ = {};
  common_ = {};
  locks_.clear();
}

/// At first everybody knows of one message: what whoever created the bus has left there.
Memory::Word& Memory::word(Place place, std::uint64_t first) {
  auto& index = index_[place / 4];
  if (index < 0) {
    index = static_cast<std::int32_t>(used_++);
    touched_.push_back(place);
    if (used_ > words_.size()) words_.emplace_back();
    Word& fresh = words_[used_ - 1];
    fresh.clear();
    fresh.order.push_back({0, first, {}, false});
  }
  return words_[static_cast<std::size_t>(index)];
}

std::uint64_t Memory::floor(std::size_t thread, const Word& word) const noexcept {
  std::uint64_t least = 0;
  for (std::size_t i = 0; i < threads_max; ++i) {
    const std::uint32_t known = threads_[thread].view.seen.of(i);
    const auto& list = word.touches[i];
    for (std::size_t n = list.size(); n-- > 0;) {
      if (list[n].event > known) continue;
      least = std::max(least, list[n].stamp);
      break;
    }
  }
  return least;
}

void Memory::note(std::size_t thread, Word& word, std::uint64_t stamp) {
  View& view = threads_[thread].view;
  view.synced.tick(thread);
  const std::uint32_t event = view.seen.tick(thread);
  auto& list = word.touches[thread];
  if (list.empty() || list.back().stamp < stamp) list.push_back({event, stamp});
}

template <class F>
std::pair<unsigned, std::size_t> Memory::nth(std::size_t thread, const Word& word, unsigned nth,
                                             F allowed) const {
  const std::uint64_t least = floor(thread, word);
  unsigned found = 0;
  std::size_t at = word.order.size() - 1;
  for (std::size_t i = word.order.size(); i-- > 0 && word.order[i].stamp >= least;) {
    if (!allowed(i)) continue;
    if (found++ == nth) at = i;
  }
  return {found, at};
}

// --- loads and stores ------------------------------------------------------------------------

unsigned Memory::loads(std::size_t thread, Place place, std::uint64_t first) {
  return nth(thread, word(place, first), 0, [](std::size_t) { return true; }).first - 1;
}

void Memory::take(std::size_t thread, const Message& message, Order order) noexcept {
  Thread& self = threads_[thread];
  (acquires(order) ? self.view : self.kept).join(message.carries);
}

std::uint64_t Memory::load(std::size_t thread, Place place, Order order, unsigned older) {
  if (order == Order::seq_cst) fence(thread, order);
  Word& from = word(place);
  const Message& message =
      from.order[nth(thread, from, older, [](std::size_t) { return true; }).second];
  note(thread, from, message.stamp);
  take(thread, message, order);
  return message.value;
}

unsigned Memory::stores(std::size_t thread, Place place, std::uint64_t first) {
  const Word& to = word(place, first);
  return nth(thread, to, 0, [&](std::size_t i) { return open_behind(to, i); }).first - 1;
}

/// Directly behind the message at `at`.
std::size_t Memory::put(std::size_t thread, Word& word, std::size_t at, std::uint64_t value,
                        Order order) {
  const std::uint64_t before = word.order[at].stamp;
  const std::uint64_t stamp = at + 1 == word.order.size()
                                  ? before + stamp_step
                                  : before + (word.order[at + 1].stamp - before) / 2;
  note(thread, word, stamp);
  const Thread& self = threads_[thread];
  const auto where = word.order.begin() + static_cast<std::ptrdiff_t>(at) + 1;
  word.order.insert(where, {stamp, value, releases(order) ? self.view : self.released, false});
  return at + 1;
}

std::uint64_t Memory::store(std::size_t thread, Place place, std::uint64_t value, Order order,
                            unsigned older) {
  if (order == Order::seq_cst) fence(thread, order);
  Word& to = word(place);
  const std::size_t at =
      nth(thread, to, older, [&](std::size_t i) { return open_behind(to, i); }).second;
  put(thread, to, at, value, order);
  return to.order.back().value;
}

// --- read-modify-writes ----------------------------------------------------------------------

unsigned Memory::modifies(std::size_t thread, Place place, std::uint64_t first,
                          std::optional<std::uint64_t> expected) {
  const Word& from = word(place, first);
  const auto allowed = [&](std::size_t i) {
    return open_behind(from, i) || (expected && from.order[i].value != *expected);
  };
  return nth(thread, from, 0, allowed).first - 1;
}

std::uint64_t Memory::modify_load(std::size_t thread, Place place, Order order, Order failure,
                                  std::optional<std::uint64_t> expected, unsigned older) {
  if (order == Order::seq_cst) fence(thread, order);
  Word& from = word(place);
  const auto allowed = [&](std::size_t i) {
    return open_behind(from, i) || (expected && from.order[i].value != *expected);
  };
  const std::size_t at = nth(thread, from, older, allowed).second;
  const Message& message = from.order[at];
  threads_[thread].read_at = at;
  note(thread, from, message.stamp);
  take(thread, message, expected && message.value != *expected ? failure : order);
  return message.value;
}

std::uint64_t Memory::modify_store(std::size_t thread, Place place, std::uint64_t value,
                                   Order order) {
  Word& to = word(place);
  const std::size_t read = threads_[thread].read_at;
  Message& mine = to.order[put(thread, to, read, value, order)];
  mine.follows = true;
  mine.carries.join(to.order[read].carries);
  return to.order.back().value;
}

// --- fences ----------------------------------------------------------------------------------

void Memory::fence(std::size_t thread, Order order) noexcept {
  Thread& self = threads_[thread];
  if (acquires(order)) self.view.join(std::exchange(self.kept, {}));
  if (order == Order::seq_cst) {
    self.view.seen.join(std::exchange(self.owed, {}));
    self.view.seen.join(common_);
    common_.join(self.view.seen);
    self.fenced = self.view.seen;
  }
  if (releases(order)) self.released = self.view;
}

void Memory::compiler_fence(std::size_t thread) noexcept {
  Thread& self = threads_[thread];
  self.fenced = self.view.seen;
  self.fenced.join(self.kept.seen);
  if (self.owed == Clock{}) return;
  // A full fence fell in between the last one and this.
  self.view.join(std::exchange(self.kept, {}));
  self.view.seen.join(std::exchange(self.owed, {}));
  self.released = self.view;
}

void Memory::barrier_begins(std::size_t caller) noexcept {
  fence(caller, Order::seq_cst);
  threads_[caller].gathers = {};
}

void Memory::barrier_reaches(std::size_t caller, std::size_t other) noexcept {
  Thread& self = threads_[caller];
  threads_[other].owed.join(self.view.seen);
  self.gathers.join(threads_[other].fenced);
  common_.join(threads_[other].fenced);
}

void Memory::barrier_ends(std::size_t caller) noexcept {
  Thread& self = threads_[caller];
  self.view.seen.join(self.gathers);
  fence(caller, Order::seq_cst);
}

void Memory::switched(std::size_t thread) noexcept {
  Thread& self = threads_[thread];
  self.view.seen.join(std::exchange(self.owed, {}));
  self.view.seen.join(common_);
  common_.join(self.view.seen);
  self.fenced = self.view.seen;
}

// --- locks and plain data --------------------------------------------------------------------

void Memory::lock_released(std::size_t thread, Place lock) {
  locks_[lock].join(threads_[thread].view);
}

void Memory::lock_acquired(std::size_t thread, Place lock) {
  if (const auto found = locks_.find(lock); found != locks_.end()) {
    threads_[thread].view.join(found->second);
  }
}

std::optional<Memory::Race> Memory::race(std::size_t thread, Place place, bool writes) {
  Word& data = word(place, 0);
  Clock& known = threads_[thread].view.synced;
  threads_[thread].view.seen.tick(thread);
  const std::uint32_t event = known.tick(thread);
  (writes ? data.last_write : data.last_read)[thread] = event;
  for (std::size_t i = 0; i < threads_max; ++i) {
    if (i == thread) continue;
    if (data.last_write[i] > known.of(i)) return Race{i, false};
    if (writes && data.last_read[i] > known.of(i)) return Race{i, true};
  }
  return std::nullopt;
}

}  // namespace shmbus::schedule::weak
