// An owner that has given its endpoint away and still owes answers: it is draining.
//
//   0 ──the holder, before it gives the endpoint away──► {holder, its journal slot}
//   {p, slot} ──p, after its last answer──► 0
//   {p, slot} ──anyone who proved p dead and has told those who wait──► 0
//
// What p owes are the calls below the cursor of its slot that have no answer. Nobody else writes
// that slot while the word stands: every owner meanwhile takes the other one. So the cursor, read
// while the word stood still, is p's last, and p's debts and its successors' are told apart by
// sequence number alone, whatever becomes of the endpoint.
#pragma once

#include <cstdint>

#include "attach/attachment.hpp"
#include "layout/status_code.hpp"
#include "layout/words.hpp"

namespace shmbus::recovery {

layout::DrainingWord draining_at(const segment::View& view, std::uint32_t endpoint) noexcept;

/// The journal slot that the next owner may write.
std::uint32_t next_slot(const segment::View& view, std::uint32_t endpoint,
                        layout::ControlWord last) noexcept;

/// 0 ──► {party, slot}. False when somebody else is still draining.
bool start_draining(const segment::View& view, std::uint32_t endpoint,
                    layout::DrainingWord word) noexcept;
/// Back to 0, from exactly `word`. REQUIRES: nothing is owed under it any more.
bool stop_draining(const segment::View& view, std::uint32_t endpoint,
                   layout::DrainingWord word) noexcept;

/// Tells everybody who waits for an answer of that party `why`, then stops the draining and rings
/// the owner. REQUIRES: the party answers nothing any more, and is not the holder of the endpoint.
void end_draining(const Attachment& bus, std::uint32_t endpoint, layout::DrainingWord word,
                  StatusCode why) noexcept;

/// The same when the party is found dead; true when this call did it.
bool recover_draining(const Attachment& bus, std::uint32_t endpoint) noexcept;

}  // namespace shmbus::recovery
