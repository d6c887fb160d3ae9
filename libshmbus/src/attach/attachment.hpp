// What one process holds of one bus: the mapping, its slot among the participants, and the means
// to judge the others. Everything that works on a segment takes one of these.
#pragma once

#include <cstdint>

#include "attach/prober.hpp"
#include "layout/header.hpp"
#include "layout/words.hpp"
#include "os/clock.hpp"
#include "os/handle_guard.hpp"
#include "segment/view.hpp"

namespace shmbus {

struct Attachment {
  segment::View view;
  const liveness::Prober* prober = nullptr;
  const liveness::HandleGuard* guard = nullptr;
  layout::ParticipantId me;
  wait::TickRate rate;
  std::uint64_t default_timeout_ns = 0;
  std::uint32_t creator_uid = 0;
  layout::Quotas quotas{};
  bool time_all = false;  ///< Timing::all

  /// Handles may be used: they are this process's own, and the segment is still mapped.
  [[nodiscard]] bool intact() const noexcept { return guard->intact(); }
  [[nodiscard]] bool forked() const noexcept { return guard->forked(); }
  /// A party that is not this one and whose process has gone.
  [[nodiscard]] bool dead(layout::ParticipantId party) const noexcept {
    return party != me && !party.nobody() && party.index() < view.capacities().participants &&
           (prober->dead(party.index()) || prober->exiting(party));
  }
  /// Makes sure that its death will be noticed early, if that can be; the first time it reads
  /// /proc.
  void meet(layout::ParticipantId party) const noexcept {
    if (party == me || party.nobody() || party.index() >= view.capacities().participants) return;
    prober->meet(party, view.participant(party.index()));
  }
};

}  // namespace shmbus
