// OpenOptions::trust as people write it, for the daemon's and the tool's command lines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace shmbus::inspect {

/// "own", "anybody", a uid or the name of a user. Nothing for anything else.
std::optional<std::int64_t> trust_from(const std::string& text);

}  // namespace shmbus::inspect
