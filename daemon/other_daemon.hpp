// Who else is the daemon of a bus: asked only to name it in the message of a refusal.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shmbus::daemon {

/// What the living daemon of that bus wrote as its pid; nothing when it cannot be read.
std::optional<std::uint32_t> daemon_pid_of(std::string_view bus);

}  // namespace shmbus::daemon
