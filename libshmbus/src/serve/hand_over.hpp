// Paying what a replaced server owes.
#pragma once

#include "serve/server_core.hpp"

namespace shmbus::detail {

/// Tells those who still wait that nobody will answer. REQUIRES: the gate is closed.
void abort_drain(const Attachment& bus, ReplyGate& gate) noexcept;

}  // namespace shmbus::detail
