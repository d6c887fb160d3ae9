// An endpoint while this process owns it: which lanes it serves, in which order it looks at them,
// and when it goes to sleep.
//
//   hot lanes    polled directly, a few (ServeOptions::hot_lanes): no ticket, no bell
//   cold lanes   announce themselves by one ticket in the inbox
//   global order every command has its ticket; lanes are served in ticket order alone
//
// A new owner may find what was queued under the other kind of order: it runs that first, commands
// with tickets in their order, and says of which kind it is itself only when that is done, so that
// its own successor, should it be killed meanwhile, goes on in the same way.
//
// A lane that rings becomes hot while there is room, or in place of one that has long been idle.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "attach/attachment.hpp"
#include "lane/owner_lane.hpp"
#include "shmbus/options.hpp"
#include "stats/histogram.hpp"
#include "words/inbox.hpp"

namespace shmbus::serve {

/// Runs what is queued in a lane. Implemented by the server.
class CommandRunner {
 public:
  /// Takes and runs up to `limit` commands, in order; returns how many.
  virtual std::size_t run_queued(OwnerLane& lane, std::size_t limit) = 0;
  /// Somebody wants an endpoint: look at their control words soon, between two polls.
  virtual void handover_wanted() noexcept {}

 protected:
  ~CommandRunner() = default;
};

inline constexpr std::size_t lane_batch = 16;  // commands of one lane before the next's turn

class OwnedEndpoint {
 public:
  /// CAS vacant -> active for this participant. Null when somebody else has it. May throw
  /// std::bad_alloc, before anything has changed.
  static std::unique_ptr<OwnedEndpoint> acquire(const Attachment& bus, std::uint32_t index,
                                                const ServeOptions& options,
                                                std::string_view label);
  /// The same for an endpoint that its owner has given to this participant: `control` says so. May
  /// throw std::bad_alloc.
  static std::unique_ptr<OwnedEndpoint> succeed(const Attachment& bus, std::uint32_t index,
                                                layout::ControlWord control,
                                                const ServeOptions& options,
                                                std::string_view label);
  OwnedEndpoint(const OwnedEndpoint&) = delete;
  OwnedEndpoint& operator=(const OwnedEndpoint&) = delete;

  /// A few loads, for those who look again and again: the next hot lane in turn that has a command,
  /// but for `resting`. Null when none has.
  [[nodiscard]] OwnerLane* waiting_hot_lane(const OwnerLane* resting) noexcept {
    for (std::size_t turns = hot_.size(); turns > 0; --turns) {
      if (next_hot_ >= hot_.size()) next_hot_ = 0;
      OwnerLane* lane = hot_[next_hot_++];
      if (lane != resting && lane->waiting()) return lane;
    }
    return nullptr;
  }
  /// Whether poll() would find something besides.
  [[nodiscard]] bool others_waiting() const noexcept {
    return inbox_.may_have_ticket() || !backlog_.empty();
  }
  /// A hot lane had its turn outside of poll().
  void note_turn(OwnerLane& lane, std::size_t ran) noexcept {
    lane.idle_sweeps = 0;
    add_commands(ran);
  }
  /// Runs up to `budget` commands; returns how many.
  std::size_t poll(CommandRunner& runner, std::size_t budget);
  /// Every lane where commands wait has a turn at the next poll().
  void queue_waiting() noexcept;
  /// Looks at every lane of the endpoint, whatever the hints say; returns how many commands ran.
  std::size_t sweep(CommandRunner& runner);

  /// About to sleep: say so. The caller fences and polls once more before it does.
  std::uint32_t announce_sleep() noexcept;
  void announce_awake() noexcept;

  /// Takes everything that is queued and runs it (the runner refuses unregistered names), lets go
  /// of the lanes, makes the endpoint vacant. Without `run_queue`, leaves what is queued to whoever
  /// comes next.
  void vacate(CommandRunner& runner, bool run_queue = true) noexcept;
  /// Calls `f(OwnerLane&)` for each lane that is served here.
  template <class F>
  void for_each_lane(F f) {
    for (auto& lane : lanes_) {
      if (lane) f(*lane);
    }
  }
  /// Something that was started here will be answered later.
  [[nodiscard]] bool owes_answers() const noexcept;

  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  /// Of this ownership: what tells it from those before and after.
  [[nodiscard]] std::uint32_t gen() const noexcept { return control_.gen(); }
  [[nodiscard]] layout::ControlWord control() const noexcept { return control_; }
  /// Of the lanes where answers are still owed: how many. May throw std::bad_alloc.
  [[nodiscard]] std::vector<std::shared_ptr<std::atomic<std::uint32_t>>> owed() const;
  [[nodiscard]] layout::Endpoint& shared() const noexcept { return *shared_; }
  /// Still ours in the segment. False only after somebody scribbled there.
  [[nodiscard]] bool still_owned() const noexcept;

 private:
  OwnedEndpoint(const Attachment& bus, std::uint32_t index, layout::ControlWord control,
                const ServeOptions& options);

  std::size_t serve_hot(CommandRunner& runner, std::size_t budget);
  std::size_t serve_cold(CommandRunner& runner, std::size_t budget);
  std::size_t serve_inbox(CommandRunner& runner, std::size_t budget);
  std::size_t serve_ticket(layout::TicketWord ticket, CommandRunner& runner);
  std::size_t serve_backlog(CommandRunner& runner, std::size_t budget);

  void move_in(std::string_view label) noexcept;
  void say_order() noexcept;
  void end_settling() noexcept;
  void await_turn(OwnerLane& lane) noexcept;
  void look_again(OwnerLane& lane) noexcept;
  void leave_ticketed() noexcept;
  void learns_order(OwnerLane& lane) noexcept;
  [[nodiscard]] bool waits_without_ticket() noexcept;
  [[nodiscard]] std::size_t turn_of(const OwnerLane& lane) const noexcept;
  OwnerLane* adopt(std::uint32_t lane) noexcept;
  void promote(OwnerLane& lane) noexcept;
  bool make_room_among_hot() noexcept;
  void demote(OwnerLane& lane) noexcept;
  void queue_again(OwnerLane& lane) noexcept;
  void drop_if_drained(OwnerLane& lane) noexcept;
  void forget(OwnerLane& lane) noexcept;
  void drop_pointers(OwnerLane& lane) noexcept;
  [[nodiscard]] std::size_t without_tickets(OwnerLane& lane) noexcept;
  void add_commands(std::size_t ran) noexcept { stats::add(shared_->owner.commands, ran); }

  const Attachment* bus_;
  layout::Endpoint* shared_;
  std::uint32_t index_;
  layout::ControlWord control_;
  bool ordered_;
  bool moving_in_ = false;
  bool settling_ = false;              ///< what was queued under the other order comes first
  std::uint64_t inherited_below_ = 0;  ///< settling without order of its own: tickets to follow
  std::uint32_t hot_max_;
  inbox::Consumer inbox_;
  std::uint64_t inbox_empties_ = 0;                ///< how often no ticket was found
  std::vector<std::unique_ptr<OwnerLane>> lanes_;  ///< by lane index
  std::vector<OwnerLane*> hot_;
  std::size_t next_hot_ = 0;  ///< whose turn it is
  bool cut_short_ = false;    ///< the budget was spent before the cold lanes had their turn
  std::vector<OwnerLane*> backlog_;
  std::vector<OwnerLane*> orphans_;
};

}  // namespace shmbus::serve
