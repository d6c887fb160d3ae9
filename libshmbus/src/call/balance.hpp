// Which member of a group gets the next command: whichever has least to do.
//
// What a caller has under way itself it knows at every call. What others have under way is read
// from their lanes now and then: a look takes time and takes lines away from those who use them, so
// the next one comes when eight times as long has passed as the last one took. Between members that
// have equally much to do the caller stays where it is, unless it had to wait there for longer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "call/port.hpp"
#include "words/members.hpp"

namespace shmbus::detail {

class Balance {
 public:
  struct Member {
    layout::BindingWord word;
    std::shared_ptr<LeasedLane> lane;  ///< attached when it is first chosen
    std::uint32_t others = 0;          ///< what others had under way at the last look
    std::uint64_t slow_ns = 0;         ///< how long a call waited there; fades
  };

  /// May throw std::bad_alloc.
  explicit Balance(const Attachment& bus) : bus_(&bus) {
    lanes_.reserve(bus.view.capacities().lanes);
  }

  /// Takes the endpoints that take commands, but for the canary's. Those that are gone and had a
  /// lane are handed to `on_gone(LeasedLane&)`.
  template <class OnGone>
  void load(const names::Members& members, OnGone on_gone) noexcept;
  /// The binding that the endpoints were loaded under.
  [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  /// REQUIRES: !empty()
  Member& choose(Port& port) noexcept;
  /// One-way commands that were lost in the lanes of these endpoints.
  [[nodiscard]] std::uint64_t lost() const noexcept;

 private:
  void look(Port& port, std::uint64_t now) noexcept;
  void list_lanes() noexcept;
  [[nodiscard]] Member* member_of(std::uint32_t endpoint) noexcept;
  [[nodiscard]] bool better(const Member& member, const Member& than) const noexcept;

  const Attachment* bus_;
  std::array<Member, names::places> members_;
  std::uint32_t count_ = 0;
  std::uint32_t current_ = 0;
  std::uint64_t seen_ = 0;
  std::uint64_t next_look_ = 0;
  std::uint64_t next_list_ = 0;
  std::vector<std::uint32_t> lanes_;  ///< to these endpoints, of all callers
  std::uint64_t lost_before_ = 0;     ///< in lanes of endpoints that are gone
};

template <class OnGone>
void Balance::load(const names::Members& members, OnGone on_gone) noexcept {
  std::array<Member, names::places> old;
  std::swap(old, members_);
  const std::uint32_t were = std::exchange(count_, 0);
  const auto canary = members.canary();
  const auto current_endpoint = were == 0 ? 0 : old[current_].word.endpoint();
  current_ = 0;
  for (names::Place place = 0; place < names::places; ++place) {
    const layout::BindingWord word = members.word[place];
    if (place == canary || !names::takes(bus_->view, word)) continue;
    if (member_of(word.endpoint()) != nullptr) continue;  // it stands twice for a moment
    members_[count_++].word = word;
  }
  if (count_ != 0) current_ = bus_->me.index() % count_;
  for (std::uint32_t i = 0; i < were; ++i) {
    Member* same = member_of(old[i].word.endpoint());
    if (same != nullptr) {
      same->lane = std::move(old[i].lane);
      same->slow_ns = old[i].slow_ns;
      if (old[i].word.endpoint() == current_endpoint) {
        current_ = static_cast<std::uint32_t>(same - members_.data());
      }
    } else if (old[i].lane) {
      on_gone(*old[i].lane);
      lost_before_ += old[i].lane->lost;
    }
  }
  seen_ = members.word[0].bits;
  next_look_ = next_list_ = 0;
}

}  // namespace shmbus::detail
