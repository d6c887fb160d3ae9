// What happens to an endpoint whose owner has died.
//
// Anyone who proved the death does it, any number of processes at once, with no lease and no lock:
// every step is a CAS that moves a word only from what the dead owner left. A recoverer that is
// stopped or killed half-way holds up nobody, and one that wakes up an hour later can move nothing
// any more.
#pragma once

#include <cstdint>

#include "attach/attachment.hpp"
#include "layout/status_code.hpp"
#include "layout/words.hpp"

namespace shmbus::recovery {

/// True when this call found the owner dead and saw the endpoint through to vacant.
bool recover_endpoint(const Attachment& bus, std::uint32_t endpoint) noexcept;

/// The same for an endpoint that the leaving process itself still holds, because a failure kept it
/// from being served. REQUIRES: no thread of this process serves it.
void vacate_own_endpoint(const Attachment& bus, std::uint32_t endpoint) noexcept;

/// Tells the callers of commands that were started and not answered `why`, and lets go of the
/// lanes. The owner itself does the same when it leaves.
void release_lanes(const Attachment& bus, std::uint32_t endpoint, layout::ControlWord owner,
                   StatusCode why) noexcept;

/// For those who sleep on commands that nobody had started. After the endpoint is vacant, so that
/// they see it; a caller that misses that, because the waker died, sees it at the end of its slice.
void wake_callers(const segment::View& view, std::uint32_t endpoint) noexcept;

}  // namespace shmbus::recovery
