// Lanes and extents of a snapshot.
//
// Cells are read before the cursor: the cursor only grows, so a command that was queued when its
// cell was read can appear as started, never a started one as queued.
#include <array>

#include "inspect/snapshot_parts.hpp"
#include "words/directory.hpp"
#include "words/journal.hpp"
#include "words/request.hpp"

namespace shmbus::inspect {
namespace {

using layout::CellWord;
using layout::LaneState;
using layout::LaneWord;
using layout::Phase;

struct CellCopy {
  CellWord word;
  lane::RequestHead head;
};
using LaneCopy = std::vector<CellCopy>;

bool is_command(CellWord word) noexcept {
  return word.phase() == Phase::request || word.phase() == Phase::send;
}

LaneCopy copy_cells(const segment::View& view, std::uint32_t lane) {
  LaneCopy copy;
  copy.reserve(view.capacities().cells_per_lane);
  for (const auto& cell : view.cells(lane)) {
    const CellWord word{cell.word[0].load(std::memory_order_acquire)};  // SYNC lane.publish
    copy.push_back({word, lane::RequestHead::unpack(cell.word[1].load(std::memory_order_relaxed))});
  }
  return copy;
}

/// It names the next command's cell, and its own second one if it has one.
bool links_on(const LaneCopy& cells, const lane::RequestHead& head) noexcept {
  return head.next < cells.size() && (!head.paired() || head.second < cells.size());
}

void count_cells(const LaneCopy& cells, std::uint64_t done, LaneInfo& info,
                 std::vector<std::uint32_t>& depth_by_name) {
  for (const auto& cell : cells) {
    if (!is_command(cell.word)) continue;
    const bool queued = cell.word.seq() >= info.cursor_seq;
    const bool started = lane::started_unanswered(cell.word, info.cursor_seq, done);
    if (queued && cell.word.seq() - info.cursor_seq >= cells.size()) {
      ++info.bad_sequences;
      continue;
    }
    if (queued && !links_on(cells, cell.head)) ++info.bad_links;
    info.queued += queued ? 1U : 0U;
    info.started_unanswered += started ? 1U : 0U;
    if ((queued || started) && cell.word.code() < depth_by_name.size()) {
      ++depth_by_name[cell.word.code()];
    }
  }
}

LaneInfo read_lane(const Reader& reader, const Snapshot& so_far, std::uint32_t index, LaneWord word,
                   std::vector<std::uint32_t>& depth_by_name) {
  const auto& view = reader.view();
  const auto& head = view.lane(index);
  LaneInfo info;
  info.index = index;
  info.word = word;
  info.standing = so_far.standing(word.party());
  if (!word.in_use()) return info;  // allocating: what stands in it means nothing yet
  const LaneCopy cells = copy_cells(view, index);
  const auto cursor = lane::effective_cursor(head);
  info.cursor_seq = cursor.seq();
  info.cursor_cell = cursor.cell();
  info.mode = head.owner.mode.load(std::memory_order_relaxed);
  count_cells(cells, lane::effective_done(head), info, depth_by_name);
  info.calls = head.counters.calls.load(std::memory_order_relaxed);
  info.sends = head.counters.sends.load(std::memory_order_relaxed);
  info.errors = head.counters.errors.load(std::memory_order_relaxed);
  info.timeouts = head.counters.timeouts.load(std::memory_order_relaxed);
  info.lost = head.counters.lost.load(std::memory_order_relaxed);
  info.round_trip.add(view.lane_latency(index).round_trip_ns);
  return info;
}

}  // namespace

void read_lanes(const Reader& reader, Snapshot& out, std::vector<std::uint32_t>& depth_by_name) {
  for (std::uint32_t i = 0; i < reader.view().capacities().lanes; ++i) {
    const LaneWord word = lane::load_word(reader.view(), i);
    if (word.state() == LaneState::free) {
      if (!word.party().nobody() || word.served() != 0) out.bad_free_lanes.push_back(i);
      continue;
    }
    out.lanes.push_back(read_lane(reader, out, i, word, depth_by_name));
  }
}

void read_extents(const Reader& reader, Snapshot& out) {
  const auto& view = reader.view();
  out.extents.total = view.capacities().extents;
  out.extents.holder.reserve(out.extents.total);
  for (std::uint32_t i = 0; i < out.extents.total; ++i) {
    // SYNC extent.lease
    const layout::ExtentWord word{view.extent_word(i).load(std::memory_order_acquire)};
    out.extents.holder.push_back(word.party());
    if (!word.party().nobody()) ++out.extents.leased;
  }
}

}  // namespace shmbus::inspect
