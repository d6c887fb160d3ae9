// What one principal sees of the bus, as JSON for the page. Who may `inspect` sees all of it;
// others see the names that they may use, and neither processes nor callers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/bus_watch.hpp"
#include "gateway/principals.hpp"
#include "inspect/described.hpp"

namespace shmbus::gateway {

class Sight {
 public:
  explicit Sight(const Principal& who) : who_(who) {}

  [[nodiscard]] bool all() const noexcept { return who_.config().inspect; }
  [[nodiscard]] bool shows(std::string_view name) const noexcept;

  /// Names, topics, processes with rates. Of more rows than fit into `bytes_max` the rest is
  /// counted.
  [[nodiscard]] std::string overview(const BusWatch::Look& look, std::size_t bytes_max) const;
  /// How one name fares, with the latencies of the last interval by octave.
  [[nodiscard]] std::string live(const BusWatch::Look& look, std::string_view name) const;
  /// Everything else about a name: types, histogram, callers, members, policy.
  [[nodiscard]] std::string details(const inspect::Reader& reader, const inspect::Snapshot& now,
                                    const inspect::DescribedName& name) const;

 private:
  const Principal& who_;
};

std::string findings_json(const std::vector<inspect::Finding>& findings);

}  // namespace shmbus::gateway
