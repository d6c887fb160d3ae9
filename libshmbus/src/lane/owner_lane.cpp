#include "lane/owner_lane.hpp"

#include "words/journal.hpp"

namespace shmbus::serve {

OwnerLane::OwnerLane(const segment::View& view, std::uint32_t index, layout::LaneWord word,
                     std::uint32_t slot) noexcept
    : head_(&view.lane(index)),
      journal_(&head_->journal[slot]),
      cells_(view.cells(index)),
      stamps_(view.stamps(index)),
      next_seq_(1),
      next_cell_(0),
      mask_(static_cast<std::uint32_t>(cells_.size()) - 1),
      index_(index),
      endpoint_(word.endpoint()),
      caller_(word.party().bits),
      word_(word) {
  const auto cursor = lane::effective_cursor(*head_);
  next_seq_ = cursor.seq();
  next_cell_ = cursor.cell();
  poisoned_ = next_cell_ >= cells_.size();
  if (poisoned_) next_cell_ = 0;
}

}  // namespace shmbus::serve
