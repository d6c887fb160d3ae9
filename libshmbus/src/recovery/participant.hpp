// Taking back everything that a dead participant held, until its slot is free again. Lock-free,
// idempotent, and open to everybody: the daemon on a pidfd, the process that opens the bus, a
// waiting caller, an owner that has just drained an orphaned lane.
//
//   alive(e) ─► dead(e)
//   its endpoints: recover_endpoint; where it stood by, not any more; where it owed answers, told
//   its lanes: allocating ─► free, attached ─► orphan, and the owner is rung to drain them
//   its unpublished names: back to the table
//   no lane names it any more: its extents ─► free, dead(e) ─► free(e + 1)
#pragma once

#include <cstddef>
#include <cstdint>

#include "attach/attachment.hpp"

namespace shmbus::recovery {

/// True when the slot was freed by this call. Does nothing for the living.
bool reclaim_participant(const Attachment& bus, std::uint32_t index) noexcept;

/// All slots; returns how many were freed.
std::size_t reclaim_all(const Attachment& bus) noexcept;

/// The same for oneself, as the last thing before unmapping. Whatever must wait for an owner to
/// drain a lane is finished by others, once the kernel has released our token.
void leave(const Attachment& bus) noexcept;

/// Frees lanes whose caller has gone and whose endpoint has no owner, together with what is still
/// queued in them. Only when one of the living would find none otherwise. `uid`: of callers of that
/// user. Returns how many.
inline constexpr std::uint32_t of_any_user = ~0U;
std::size_t drop_stranded_lanes(const Attachment& bus, std::uint32_t uid = of_any_user) noexcept;

/// The same for the callers of one participant alone, one that holds payload memory if
/// `with_memory`: what it held is free then. False when there is none.
bool drop_one_stranded(const Attachment& bus, std::uint32_t uid, bool with_memory) noexcept;

}  // namespace shmbus::recovery
