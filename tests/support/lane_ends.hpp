// The two ends of one lane, without callers, servers or names: what the lane tests play with.
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "lane/caller_lane.hpp"
#include "lane/owner_lane.hpp"
#include "lane/reply_target.hpp"
#include "support/temp_bus.hpp"
#include "words/directory.hpp"

namespace shmbus::test {

/// A bus with exactly one lane, so that both ends know which.
inline OpenOptions one_lane(std::uint32_t cells = 8) {
  auto options = small_bus();
  options.capacities.lanes = 1;
  options.capacities.cells_per_lane = cells;
  return options;
}

inline std::span<const std::byte> as_bytes(const std::uint64_t& value) {
  return std::as_bytes(std::span(&value, 1));
}
inline std::uint64_t as_number(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min<std::size_t>(bytes.size(), sizeof value));
  return value;
}

/// The caller's end, attached to endpoint 0.
class CallerEnd {
 public:
  explicit CallerEnd(const std::string& path, const OpenOptions& options = one_lane())
      : CallerEnd(join(path, options)) {}
  explicit CallerEnd(std::shared_ptr<detail::BusCore> core) : core_(std::move(core)) {
    const auto attached = lane::attach(core_->attachment(), 0);
    if (!attached) FAIL("no lane");
    lane_.emplace(core_->attachment(), *attached, 0);
  }
  lane::CallerLane* operator->() { return &*lane_; }
  lane::CallerLane& operator*() { return *lane_; }
  [[nodiscard]] const Attachment& bus() const { return core_->attachment(); }
  [[nodiscard]] const segment::View& view() const { return core_->view(); }

  lane::Ticket publish(std::uint64_t value, bool one_way = false, std::uint64_t deadline = 0) {
    lane::Outgoing out;
    out.command = 3;
    out.one_way = one_way;
    out.inline_bytes = as_bytes(value);
    out.deadline_ticks = deadline;
    return lane_->publish(out);
  }
  /// The answer's number, taken and released; nothing when there is none.
  std::optional<std::uint64_t> reply(lane::Ticket ticket) {
    if (!lane_->replied(ticket)) return std::nullopt;
    const auto words = lane_->take_reply(ticket);
    lane_->release(ticket);
    return words[2];
  }
  /// Sequence numbers of one-way commands that were reported lost by one collect().
  std::vector<std::uint64_t> collect() {
    std::vector<std::uint64_t> lost;
    lane_->collect([&](const lane::LostSend& send) { lost.push_back(send.seq); },
                   [](std::uint32_t) {});
    return lost;
  }

 private:
  std::shared_ptr<detail::BusCore> core_;
  std::optional<lane::CallerLane> lane_;
};

/// The owner's end; adopts lane 0 with generation 1 once it is attached.
class OwnerEnd {
 public:
  explicit OwnerEnd(const std::string& path, const OpenOptions& options = one_lane(),
                    std::uint32_t slot = 0)
      : OwnerEnd(join(path, options), slot) {}
  explicit OwnerEnd(std::shared_ptr<detail::BusCore> core, std::uint32_t slot = 0)
      : core_(std::move(core)), slot_(slot) {}

  bool adopt() {
    if (lane_) return true;
    const auto word = lane::load_word(core_->view(), 0);
    if (word.state() != layout::LaneState::attached) return false;
    lane_.emplace(core_->view(), 0, word, slot_);
    lane_->set_mode(layout::LaneMode::hot);
    return true;
  }
  serve::OwnerLane* operator->() { return &*lane_; }
  [[nodiscard]] const segment::View& view() const { return core_->view(); }

  std::optional<serve::Taken> take() {
    serve::Taken taken;
    if (!adopt() || lane_->take(taken) != serve::TakeResult::taken) return std::nullopt;
    return taken;
  }
  static std::uint64_t number(const serve::Taken& taken) { return taken.words[3]; }
  void answer(const serve::Taken& taken, std::uint64_t value) {
    serve::ReplyTarget target;
    target.lane = &lane_->head();
    target.cell = &lane_->cell(taken.cell);
    target.seq = taken.word().seq();
    const auto memory = target.buffer(sizeof value);
    std::memcpy(memory.data(), &value, sizeof value);
    target.commit();
  }
  void done(const serve::Taken& taken) { lane_->mark_done(taken.word().seq()); }

 private:
  std::shared_ptr<detail::BusCore> core_;
  std::uint32_t slot_;
  std::optional<serve::OwnerLane> lane_;
};

}  // namespace shmbus::test
