#include "call/balance.hpp"

#include <algorithm>
#include <utility>

#include "os/clock.hpp"
#include "words/directory.hpp"
#include "words/journal.hpp"

namespace shmbus::detail {

using layout::CellWord;
using layout::LaneWord;

namespace {

constexpr std::uint64_t look_share = 8;
constexpr std::uint64_t look_min_ns = 5'000;
constexpr std::uint64_t list_interval_ns = 10'000'000;

/// Commands of a lane that were published and not answered: those that are queued, and the one that
/// was started last. Hints, all of them.
std::uint32_t under_way(const segment::View& view, std::uint32_t lane) noexcept {
  const auto& head = view.lane(lane);
  const auto cells = view.cells(lane);
  const auto cursor = lane::effective_cursor(head);
  const std::uint64_t published = head.counters.published.load(std::memory_order_relaxed);
  const std::uint64_t queued = published + 1 > cursor.seq() ? published + 1 - cursor.seq() : 0;
  const auto& last = cells[(cursor.cell() + cells.size() - 1) % cells.size()];
  const CellWord word{last.word[0].load(std::memory_order_relaxed)};
  const bool runs = word.seq() + 1 == cursor.seq() &&
                    lane::started_unanswered(word, cursor.seq(), lane::effective_done(head));
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(queued, cells.size())) + (runs ? 1 : 0);
}

}  // namespace

Balance::Member* Balance::member_of(std::uint32_t endpoint) noexcept {
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (members_[i].word.endpoint() == endpoint) return &members_[i];
  }
  return nullptr;
}

void Balance::list_lanes() noexcept {
  lanes_.clear();
  for (std::uint32_t lane = 0; lane < bus_->view.capacities().lanes; ++lane) {
    const LaneWord word = lane::load_word(bus_->view, lane);
    if (!word.in_use()) continue;
    const Member* member = member_of(word.endpoint());
    if (member == nullptr || (member->lane && member->lane->lane.index() == lane)) continue;
    lanes_.push_back(lane);  // there is room for all
  }
}

void Balance::look(Port& port, std::uint64_t now) noexcept {
  if (now >= next_list_) {
    list_lanes();
    next_list_ = now + bus_->rate.from_ns(list_interval_ns);
  }
  for (std::uint32_t i = 0; i < count_; ++i) {
    Member& member = members_[i];
    member.others = 0;
    member.slow_ns /= 2;
    if (!member.lane) continue;
    port.collect(*member.lane);
    member.slow_ns = std::max(member.slow_ns, std::exchange(member.lane->slow_wait_ns, 0));
  }
  for (const std::uint32_t lane : lanes_) {
    const LaneWord word = lane::load_word(bus_->view, lane);
    Member* member = word.in_use() ? member_of(word.endpoint()) : nullptr;
    if (member == nullptr || (member->lane && member->lane->lane.index() == lane)) continue;
    member->others += under_way(bus_->view, lane);
  }
  const std::uint64_t end = wait::ticks();
  next_look_ = end + std::max(look_share * (end - now), bus_->rate.from_ns(look_min_ns));
}

bool Balance::better(const Member& member, const Member& than) const noexcept {
  const auto load = [](const Member& s) {
    return s.others + (s.lane ? s.lane->lane.outstanding() : 0);
  };
  const std::uint32_t mine = load(member);
  const std::uint32_t theirs = load(than);
  if (mine != theirs) return mine < theirs;
  return member.slow_ns * 2 < than.slow_ns;
}

Balance::Member& Balance::choose(Port& port) noexcept {
  if (count_ == 1) return members_[0];
  if (const std::uint64_t now = wait::ticks(); now >= next_look_) look(port, now);
  std::uint32_t best = current_;
  // From the next one on, so that callers that leave an endpoint together do not all go to the
  // first.
  for (std::uint32_t step = 1; step < count_; ++step) {
    const std::uint32_t i = (current_ + step) % count_;
    if (better(members_[i], members_[best])) best = i;
  }
  current_ = best;
  return members_[current_];
}

std::uint64_t Balance::lost() const noexcept {
  std::uint64_t all = lost_before_;
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (members_[i].lane) all += members_[i].lane->lost;
  }
  return all;
}

}  // namespace shmbus::detail
