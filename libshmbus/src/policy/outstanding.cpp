#include "policy/outstanding.hpp"

#include "words/directory.hpp"
#include "words/journal.hpp"

namespace shmbus::policy {

using layout::CellWord;
using layout::Phase;

std::uint32_t outstanding_in(const segment::View& view, std::uint32_t lane, std::uint32_t record,
                             std::uint32_t enough) noexcept {
  std::uint32_t count = 0;
  // Before the cells: a command that finishes meanwhile is counted, none is missed.
  const std::uint64_t done = lane::effective_done(view.lane(lane));
  for (const auto& cell : view.cells(lane)) {
    const CellWord word{cell.word[0].load(std::memory_order_relaxed)};
    if (word.code() != record) continue;
    const bool under_way =
        word.phase() == Phase::request || (word.phase() == Phase::send && word.seq() >= done);
    if (under_way && ++count >= enough) break;
  }
  return count;
}

std::uint32_t outstanding_of(const segment::View& view, std::uint32_t record,
                             std::uint32_t enough) noexcept {
  std::uint32_t count = 0;
  for (std::uint32_t lane = 0; lane < view.capacities().lanes && count < enough; ++lane) {
    if (!lane::load_word(view, lane).in_use()) continue;
    count += outstanding_in(view, lane, record, enough - count);
  }
  return count;
}

}  // namespace shmbus::policy
