// What a server knows of the names that it serves together with others.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "shmbus/options.hpp"
#include "shmbus/schema.hpp"
#include "words/members.hpp"

namespace shmbus::serve {

/// A name in this server's table.
struct ServedName {
  std::uint32_t record = 0;
  Schema schema;
  Sharing sharing = Sharing::exclusive;
  /// What the last look found stale and could not tell from a takeover that was just under way.
  std::array<std::uint64_t, names::places> stale{};
};

/// An endpoint that this server owns for the sake of one shared name, and nothing else.
struct SharedEndpoint {
  std::uint32_t record = 0;
  std::uint32_t endpoint = 0;
  bool retiring = false;       ///< drained, then given back
  bool at_once = false;        ///< its name was given up inside a handler
  std::uint64_t commands = 0;  ///< run there, at the last look
  std::uint64_t quiet_since = 0;
};

}  // namespace shmbus::serve
