// The directory of lanes: one word each, moved by CAS.
//
//   free(g) ──caller──► allocating(g, me) ──caller──► attached(g, me, ep)
//   attached ──caller leaves, or anyone who proved it dead──► orphan
//   attached | orphan, served 0 ──owner of ep adopts──► served = gen of the owner
//   served = gen of a dead owner ──the process that recovers the endpoint──► served 0
//   orphan ──the owner that serves it, when nothing is under way──► free(g + 1)
//   orphan, served 0, nothing in it to be run ──anyone──► free(g + 1)
//   attached(me), served 0 ──caller, when all in it is withdrawn──► allocating(g + 1, me)
//   allocating ──anyone who proved the caller dead──► free(g + 1)
//
// `served` is what makes the two ways to free exclusive: a lane that an owner looks at privately is
// freed by that owner alone.
#pragma once

#include <cstdint>
#include <optional>

#include "attach/attachment.hpp"
#include "layout/words.hpp"

namespace shmbus::lane {

layout::LaneWord load_word(const segment::View& view, std::uint32_t lane) noexcept;

/// Moves the word from exactly `expected`.
bool move_word(const segment::View& view, std::uint32_t lane, layout::LaneWord expected,
               layout::LaneWord next) noexcept;

struct Attached {
  std::uint32_t lane = 0;
  std::uint64_t first_seq = 0;
};

/// A lane from this participant to `endpoint`. Nothing when all are taken, or as many as its user
/// may have. Sequence numbers go on from lease to lease, so that no cell word ever comes back: a
/// recoverer that was stopped before its CAS must not win it against a later lessee.
std::optional<Attached> attach(const Attachment& bus, std::uint32_t endpoint) noexcept;

/// A new lease of a lane of ours that nobody serves: what lies in it is gone. Nothing when somebody
/// serves it, or may still answer what was started there; then it stays as it is.
/// REQUIRES: nothing in it is waited for or still to be run.
std::optional<Attached> attach_anew(const Attachment& bus, std::uint32_t lane) noexcept;

/// The caller is done with it. What it published still runs.
void detach(const Attachment& bus, std::uint32_t lane) noexcept;

/// Whether the next command in order is there, unstarted.
bool has_queued(const segment::View& view, std::uint32_t lane) noexcept;

/// The sequence number after the last command that is queued there.
std::uint64_t queued_end(const segment::View& view, std::uint32_t lane) noexcept;

/// Whether an owner would still run something of what is queued in a lane whose caller has gone:
/// what that one had withdrawn, or whose deadline is over, or what was to go with it, is not run.
bool anything_wanted(const segment::View& view, std::uint32_t lane) noexcept;

/// Whether a former owner of the lane's endpoint, one that was replaced, still owes answers here.
/// A lane that says yes must not go free: its cells and memory are in use.
bool owed_by_replaced(const segment::View& view, std::uint32_t endpoint,
                      std::uint32_t lane) noexcept;

/// Frees an orphan that no owner serves, unless something in it is still to be run. With
/// `drop_queued`, even then.
bool free_unserved_orphan(const segment::View& view, std::uint32_t lane, bool drop_queued) noexcept;

}  // namespace shmbus::lane
