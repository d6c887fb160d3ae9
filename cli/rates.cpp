#include "cli/rates.hpp"

#include <thread>

namespace shmbus::cli {

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
  out.per_s = inspect::rates_between(first, out.snapshot);
  return out;
}

}  // namespace shmbus::cli
