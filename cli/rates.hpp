// Rates of the names: the daemon's when it publishes them, else our own of a short look.
#pragma once

#include <chrono>
#include <vector>

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

/// Commands per second of each name of `now` since `before`.
std::vector<double> rates_between(const inspect::Snapshot& before, const inspect::Snapshot& now);

/// The same name in another snapshot; null when it had none yet.
const inspect::NameInfo* same_name(const inspect::Snapshot& in, const inspect::NameInfo& name);

}  // namespace shmbus::cli
