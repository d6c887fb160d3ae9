// How the library's own parts tell the user's log something. Costs one load when nobody listens.
#pragma once

#include "shmbus/fixed_string.hpp"
#include "shmbus/log.hpp"

namespace shmbus::logging {

using Text = FixedText<232>;

/// Whether a text of that level is worth being made.
bool wanted(LogLevel level) noexcept;

void write(LogLevel level, std::string_view event, const Text& text) noexcept;

}  // namespace shmbus::logging
