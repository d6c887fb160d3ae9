// Which command is to be delivered next: what waits, in memory, without its body.
//
//   keyed lane    commands of one key, whatever their names: one under way at a time
//   target lane   commands of one name without a key: several under way
//   solo lane     one command without a key that waits to be tried again; others pass it
//
// A lane is in one of these places: ready; delayed until a time; parked, because the target of its
// first command is away; blocked, because a dead letter of its key is to be looked at first.
//
// Threads   One.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace shmbus::spool {

struct Entry {
  std::int64_t sequence = 0;
  std::int64_t clock_ms = 0;
  std::uint32_t target = 0;
  std::uint32_t attempts = 0;
};

/// Nanoseconds of the monotonic clock.
using Time = std::uint64_t;

class Lane {
 public:
  [[nodiscard]] const std::string& key() const noexcept { return key_; }
  [[nodiscard]] std::uint32_t failures() const noexcept { return failures_; }

 private:
  friend class Queue;
  [[nodiscard]] bool empty() const noexcept { return head_ == waiting_.size(); }
  [[nodiscard]] Entry& front() noexcept { return waiting_[head_]; }
  Entry pop();
  void insert(const Entry& entry);  ///< by its sequence number

  std::string key_;
  std::vector<Entry> waiting_;  ///< from head_ on, in order
  std::size_t head_ = 0;
  Time until_ = 0;  ///< delayed; 0: not
  std::uint32_t under_way_ = 0;
  std::uint32_t most_ = 1;
  std::uint32_t failures_ = 0;  ///< in a row
  std::uint32_t dead_ = 0;      ///< dead letters that block it
  bool ready_ = false;          ///< stands in the list
  bool parked_ = false;
  bool solo_ = false;
};

class Queue {
 public:
  explicit Queue(std::uint32_t concurrent) : concurrent_(concurrent) {}

  void add(const Entry& entry, std::string_view key);
  struct Work {
    Lane* lane = nullptr;
    Entry entry;
  };
  /// The next that may be delivered now; it counts as under way until one of the three below.
  std::optional<Work> next(Time now);
  void done(Lane* lane);
  void again(const Work& work, Time when);
  /// Its target is away; wake() makes it ready.
  void park(const Work& work);
  void wake(std::uint32_t target);

  /// False when it is not there, or is under way.
  bool remove(std::int64_t sequence, std::string_view key, std::uint32_t target);
  /// Sequence numbers of those with that key, or without one, that wait for that target and are not
  /// under way.
  [[nodiscard]] std::vector<std::int64_t> waiting_of(std::string_view key,
                                                     std::uint32_t target) const;
  /// Sequence numbers of those that wait since before `clock_ms`, at most `most`.
  struct Old {
    Entry entry;
    std::string key;
  };
  [[nodiscard]] std::vector<Old> older_than(std::int64_t clock_ms, std::size_t most) const;
  [[nodiscard]] std::optional<std::int64_t> oldest_clock() const;

  void block(std::string_view key);
  void unblock(std::string_view key);

  /// When the first delayed lane becomes ready; nothing when none is delayed.
  [[nodiscard]] std::optional<Time> next_time() const;
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::uint64_t waiting_for(std::uint32_t target) const noexcept;
  [[nodiscard]] bool parked(std::uint32_t target) const noexcept {
    return target < parked_.size() && !parked_[target].empty();
  }

 private:
  Lane* keyed(std::string_view key);
  Lane* of_target(std::uint32_t target);
  Lane* solo();
  void put_back(Lane* lane, const Entry& entry);
  void look_at(Lane* lane);
  void drop_if_unused(Lane* lane);
  template <class F>
  void each_lane(F&& tell) const;

  std::uint32_t concurrent_;
  std::unordered_map<std::string, std::unique_ptr<Lane>> keyed_;
  std::unordered_map<Lane*, std::unique_ptr<Lane>> solo_;
  std::vector<std::unique_ptr<Lane>> targets_;
  std::deque<Lane*> ready_;
  std::multimap<Time, Lane*> delayed_;
  std::vector<std::vector<Lane*>> parked_;
  std::vector<std::uint64_t> per_target_;
  std::size_t waiting_ = 0;
};

}  // namespace shmbus::spool
