// Rates of the names: the daemon's when it publishes them, else our own of a short look.
#pragma once

#include <chrono>
#include <vector>

#include "inspect/rows.hpp"
#include "inspect/snapshot.hpp"

namespace shmbus::cli {

inline constexpr std::chrono::milliseconds own_sample{200};

struct Rated {
  inspect::Snapshot snapshot;
  std::vector<double> per_s;  ///< by position in snapshot.names
  bool by_daemon = false;
};

/// Takes own_sample when the daemon does not publish.
Rated rated_snapshot(const inspect::Reader& reader);

}  // namespace shmbus::cli
