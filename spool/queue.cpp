#include "spool/queue.hpp"

#include <algorithm>

namespace shmbus::spool {

Entry Lane::pop() {
  const Entry entry = waiting_[head_++];
  if (head_ == waiting_.size()) {
    waiting_.clear();
    head_ = 0;
  } else if (head_ > 64 && head_ * 2 > waiting_.size()) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  return entry;
}

void Lane::insert(const Entry& entry) {
  if (empty() || waiting_.back().sequence < entry.sequence) return waiting_.push_back(entry);
  if (head_ > 0 && entry.sequence < front().sequence) {
    waiting_[--head_] = entry;
    return;
  }
  const auto at =
      std::lower_bound(waiting_.begin() + static_cast<std::ptrdiff_t>(head_), waiting_.end(), entry,
                       [](const Entry& a, const Entry& b) { return a.sequence < b.sequence; });
  waiting_.insert(at, entry);
}

Lane* Queue::keyed(std::string_view key) {
  auto& lane = keyed_[std::string(key)];
  if (lane == nullptr) {
    lane = std::make_unique<Lane>();
    lane->key_ = key;
  }
  return lane.get();
}

Lane* Queue::of_target(std::uint32_t target) {
  if (targets_.size() <= target) targets_.resize(target + 1);
  auto& lane = targets_[target];
  if (lane == nullptr) {
    lane = std::make_unique<Lane>();
    lane->most_ = concurrent_;
  }
  return lane.get();
}

Lane* Queue::solo() {
  auto lane = std::make_unique<Lane>();
  lane->solo_ = true;
  Lane* raw = lane.get();
  solo_.emplace(raw, std::move(lane));
  return raw;
}

/// Puts a lane that may go on into the list.
void Queue::look_at(Lane* lane) {
  const bool may = !lane->ready_ && !lane->parked_ && lane->until_ == 0 && lane->dead_ == 0 &&
                   !lane->empty() && lane->under_way_ < lane->most_;
  if (!may) return drop_if_unused(lane);
  lane->ready_ = true;
  ready_.push_back(lane);
}

void Queue::drop_if_unused(Lane* lane) {
  const bool used = lane->ready_ || lane->parked_ || lane->until_ != 0 || lane->dead_ != 0 ||
                    !lane->empty() || lane->under_way_ != 0;
  if (used) return;
  if (lane->solo_) {
    solo_.erase(lane);
  } else if (!lane->key_.empty()) {
    keyed_.erase(std::string(lane->key_));
  }
}

void Queue::add(const Entry& entry, std::string_view key) {
  Lane* lane = key.empty() ? of_target(entry.target) : keyed(key);
  put_back(lane, entry);
  look_at(lane);
}

void Queue::put_back(Lane* lane, const Entry& entry) {
  lane->insert(entry);
  if (per_target_.size() <= entry.target) per_target_.resize(entry.target + 1);
  ++per_target_[entry.target];
  ++waiting_;
}

std::optional<Queue::Work> Queue::next(Time now) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    Lane* lane = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    lane->until_ = 0;
    look_at(lane);
  }
  while (!ready_.empty()) {
    Lane* lane = ready_.front();
    ready_.pop_front();
    lane->ready_ = false;
    if (lane->empty() || lane->dead_ != 0 || lane->under_way_ >= lane->most_) {
      drop_if_unused(lane);
      continue;
    }
    const Work work{lane, lane->pop()};
    ++lane->under_way_;
    --waiting_;
    --per_target_[work.entry.target];
    look_at(lane);
    return work;
  }
  return std::nullopt;
}

void Queue::done(Lane* lane) {
  --lane->under_way_;
  lane->failures_ = 0;
  look_at(lane);
}

void Queue::again(const Work& work, Time when) {
  Lane* lane = work.lane;
  --lane->under_way_;
  const auto failures = lane->failures_ + 1;
  if (lane->key_.empty() && !lane->solo_) {  // others of its name pass it
    look_at(lane);
    lane = solo();
  }
  lane->failures_ = failures;
  put_back(lane, work.entry);
  if (lane->until_ != 0 || lane->parked_) return;
  lane->until_ = std::max<Time>(when, 1);
  delayed_.emplace(lane->until_, lane);
}

void Queue::park(const Work& work) {
  Lane* lane = work.lane;
  --lane->under_way_;
  put_back(lane, work.entry);
  if (lane->parked_) return;
  lane->parked_ = true;
  if (parked_.size() <= work.entry.target) parked_.resize(work.entry.target + 1);
  parked_[work.entry.target].push_back(lane);
}

void Queue::wake(std::uint32_t target) {
  if (target >= parked_.size()) return;
  std::vector<Lane*> lanes;
  lanes.swap(parked_[target]);
  for (Lane* lane : lanes) {
    lane->parked_ = false;
    look_at(lane);
  }
}

bool Queue::remove(std::int64_t sequence, std::string_view key, std::uint32_t target) {
  const auto from = [&](Lane* lane) {
    const auto begin = lane->waiting_.begin() + static_cast<std::ptrdiff_t>(lane->head_);
    const auto at = std::lower_bound(
        begin, lane->waiting_.end(), sequence,
        [](const Entry& entry, std::int64_t number) { return entry.sequence < number; });
    if (at == lane->waiting_.end() || at->sequence != sequence) return false;
    --per_target_[at->target];
    --waiting_;
    lane->waiting_.erase(at);
    drop_if_unused(lane);
    return true;
  };
  if (!key.empty()) {
    const auto found = keyed_.find(std::string(key));
    return found != keyed_.end() && from(found->second.get());
  }
  if (target < targets_.size() && targets_[target] != nullptr && from(targets_[target].get())) {
    return true;
  }
  for (const auto& [raw, lane] : solo_) {
    if (from(raw)) return true;  // the iterator is of no use now
  }
  return false;
}

std::vector<std::int64_t> Queue::waiting_of(std::string_view key, std::uint32_t target) const {
  std::vector<std::int64_t> out;
  const auto from = [&](const Lane& lane) {
    for (std::size_t i = lane.head_; i < lane.waiting_.size(); ++i) {
      if (lane.waiting_[i].target == target) out.push_back(lane.waiting_[i].sequence);
    }
  };
  if (waiting_for(target) == 0) return out;
  if (!key.empty()) {
    const auto found = keyed_.find(std::string(key));
    if (found != keyed_.end()) from(*found->second);
    return out;
  }
  if (target < targets_.size() && targets_[target] != nullptr) from(*targets_[target]);
  for (const auto& [raw, lane] : solo_) from(*lane);
  return out;
}

template <class F>
void Queue::each_lane(F&& tell) const {
  for (const auto& [key, lane] : keyed_) tell(*lane);
  for (const auto& [raw, lane] : solo_) tell(*lane);
  for (const auto& lane : targets_) {
    if (lane != nullptr) tell(*lane);
  }
}

std::vector<Queue::Old> Queue::older_than(std::int64_t clock_ms, std::size_t most) const {
  std::vector<Old> out;
  each_lane([&](const Lane& lane) {
    for (std::size_t i = lane.head_; i < lane.waiting_.size() && out.size() < most; ++i) {
      if (lane.waiting_[i].clock_ms >= clock_ms) break;
      out.push_back({lane.waiting_[i], lane.key_});
    }
  });
  return out;
}

std::optional<std::int64_t> Queue::oldest_clock() const {
  std::optional<std::int64_t> oldest;
  each_lane([&](const Lane& lane) {
    if (lane.empty()) return;
    const auto clock = lane.waiting_[lane.head_].clock_ms;
    if (!oldest || clock < *oldest) oldest = clock;
  });
  return oldest;
}

void Queue::block(std::string_view key) {
  if (!key.empty()) ++keyed(key)->dead_;
}

void Queue::unblock(std::string_view key) {
  const auto found = keyed_.find(std::string(key));
  if (found == keyed_.end() || found->second->dead_ == 0) return;
  --found->second->dead_;
  look_at(found->second.get());
}

std::optional<Time> Queue::next_time() const {
  if (!ready_.empty()) return Time{0};
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

std::uint64_t Queue::waiting_for(std::uint32_t target) const noexcept {
  return target < per_target_.size() ? per_target_[target] : 0;
}

}  // namespace shmbus::spool
