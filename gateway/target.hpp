// The target of a request, taken apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shmbus::gateway {

struct Target {
  std::string path;    ///< percent-encoding undone
  std::string prefix;  ///< "/call" of "/call/user.create"; the path where there is no more
  std::string name;    ///< "user.create" of it; may hold slashes
  std::string query;   ///< behind '?', as it was sent
  std::string sent;    ///< path and query as they were sent, without scheme and authority
};

/// Nothing for a broken percent-encoding, control characters, and what is no UTF-8.
std::optional<std::string> undo_percent(std::string_view text);

/// Whether a part of a path is "." or "..", or is that to a server which takes a backslash for a
/// slash, or leaves out what follows a semicolon: it may take the path for another one.
bool has_dot_segment(std::string_view path) noexcept;

/// "/path?query" or "http://host/path?query"; nothing for what is neither, has a broken
/// percent-encoding, or is too long.
std::optional<Target> parse_target(std::string_view target);

}  // namespace shmbus::gateway
