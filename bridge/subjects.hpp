// Where things stand in the engine's space of subjects, below a prefix that all bridges of a fleet
// share. docs/fleet.md lists them.
#pragma once

#include <string>
#include <string_view>

namespace shmbus::bridge {

/// A name as tokens of a subject: what no token can hold, and '%', becomes %XX.
std::string subject_of(std::string_view name);

/// Letters, digits, '-', '_' and single dots: it can be published to as it is.
bool is_plain_subject(std::string_view subject) noexcept;

}  // namespace shmbus::bridge
