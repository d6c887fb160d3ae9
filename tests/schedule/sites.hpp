// Where the library's sources access shared words and where they fence, learnt while it runs; and
// which of these places are weakened, to see whether a scene finds it. A place is named by file and
// line, or by the name of the SYNC comment that stands at it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/scheduled.hpp"

namespace shmbus::schedule {

/// What a place gives up when it is weakened: `release` and `acquire` of an access, or a fence.
enum class Side : std::uint8_t { release = 1, acquire = 2, fence = 4 };

std::string_view name_of(Side side) noexcept;

/// As text, `release:lane.publish`, `release:lane.publish@lane/caller_lane.hpp`, or
/// `release:lane/caller_lane.hpp:323`: all places of that name, those in one file, or one line.
struct Weakening {
  Side side = Side::release;
  std::string sync;
  std::string file;
  unsigned line = 0;

  static std::optional<Weakening> parse(std::string_view text);
};

class Sites {
 public:
  struct Place {
    std::string file;  ///< below libshmbus/src
    unsigned line = 0;
    std::vector<std::string> syncs;
    bool hint = false;       ///< "HINT" stands there: what is read is not believed
    std::uint8_t sides = 0;  ///< those that it was seen to have
    std::uint8_t weakened = 0;
  };

  void weaken(std::optional<Weakening> what);
  /// The order that this access has now.
  std::memory_order order(scheduled::Site site, std::memory_order asked);
  /// What this access reads may be written at the same time.
  bool hint(scheduled::Site site) { return at(site).hint; }
  /// False when this fence is left out.
  bool fences(scheduled::Site site);

  /// By file and line.
  [[nodiscard]] std::vector<const Place*> all() const;

 private:
  Place& at(scheduled::Site site);
  void judge(Place& place) const;
  const std::vector<std::string>& lines_of(const std::string& file);

  struct Hash {
    std::size_t operator()(const std::pair<const char*, unsigned>& site) const noexcept {
      return reinterpret_cast<std::size_t>(site.first) * 31 + site.second;
    }
  };
  std::unordered_map<std::pair<const char*, unsigned>, Place*, Hash> known_;
  std::map<std::pair<std::string, unsigned>, Place> places_;
  std::map<std::string, std::vector<std::string>> sources_;
  std::optional<Weakening> weakening_;
};

}  // namespace shmbus::schedule
