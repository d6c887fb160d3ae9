// SIGKILL for a participant that does not give way. What stands in the segment says only which
// process to look at: before anything is sent, the kernel must say that this very process maps this
// very file, so that no word that a peer forged can aim at anybody else.
#pragma once

#include "attach/attachment.hpp"
#include "shmbus/error.hpp"

namespace shmbus::liveness {

/// Ok when the signal was sent, or the process has died meanwhile; death takes a moment. All that
/// the process does ends, on this bus and elsewhere. not_permitted says why it must not be.
Result<void> kill_process_of(const Attachment& bus, layout::ParticipantId party) noexcept;

}  // namespace shmbus::liveness
