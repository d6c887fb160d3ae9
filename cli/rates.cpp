#include "cli/rates.hpp"

#include <algorithm>
#include <thread>

namespace shmbus::cli {

const inspect::NameInfo* same_name(const inspect::Snapshot& in, const inspect::NameInfo& name) {
  const auto at =
      std::find_if(in.names.begin(), in.names.end(),
                   [&](const inspect::NameInfo& other) { return other.record == name.record; });
  return at == in.names.end() ? nullptr : &*at;
}

std::vector<double> rates_between(const inspect::Snapshot& before, const inspect::Snapshot& now) {
  const double seconds = static_cast<double>(now.bus.taken_at_ns - before.bus.taken_at_ns) / 1e9;
  std::vector<double> per_s;
  per_s.reserve(now.names.size());
  for (const auto& name : now.names) {
    const auto* earlier = same_name(before, name);
    const std::uint64_t from = earlier == nullptr ? 0 : earlier->commands;
    const bool grew = name.commands >= from && seconds > 0;
    per_s.push_back(grew ? static_cast<double>(name.commands - from) / seconds : 0);
  }
  return per_s;
}

Rated rated_snapshot(const inspect::Reader& reader) {
  Rated out;
  auto first = inspect::take_snapshot(reader);
  if (first.published.fresh) {
    for (const auto& name : first.names) {
      out.per_s.push_back(static_cast<double>(name.published_per_s));
    }
    out.by_daemon = true;
    out.snapshot = std::move(first);
    return out;
  }
  std::this_thread::sleep_for(own_sample);
  out.snapshot = inspect::take_snapshot(reader);
  out.per_s = rates_between(first, out.snapshot);
  return out;
}

}  // namespace shmbus::cli
