// The routes that are in effect: which one a request belongs to, which side it goes to, and what
// came of it. A reload makes a new table; routes of the same path and method keep their counts, and
// services of the same configuration their connections and breakers. Requests under way hold what
// they use.
#pragma once

#include <array>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/bus_link.hpp"
#include "gateway/converge/route_config.hpp"
#include "gateway/http_reader.hpp"

namespace shmbus::gateway::converge {

enum class Side : std::uint8_t { upstream, bus };

/// Of one side of one route.
struct SideCounts {
  static constexpr std::array<double, 11> bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                 0.05,   0.1,   0.25,   1,     5};
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;
  std::uint64_t passed = 0;  ///< that went to the other side instead
  std::array<std::uint64_t, bounds.size() + 1> times{};
  double seconds = 0;

  void note(Time took, bool good) noexcept;
};

/// What outlives a reload of the configuration.
struct RouteCounts {
  std::array<SideCounts, 2> sides;
  std::uint64_t same = 0;       ///< of To::shadow: both answered alike
  std::uint64_t different = 0;  ///< or not
  Breaker bus;
  double share = 0;  ///< of requests for the bus: what is left of the last
  SideCounts& of(Side side) noexcept { return sides[static_cast<std::size_t>(side)]; }
};

struct Route {
  RouteConfig config;
  std::shared_ptr<Upstream> upstream;  ///< null: the bus alone
  std::shared_ptr<RouteCounts> counts;

  /// The side that `head` goes to. Moves the share on.
  Side choose(const RequestHead& head) const;
  /// Whether that side takes a request now; then its breaker waits for the outcome.
  [[nodiscard]] bool take(Side side, Time at) const noexcept { return breaker(side).take(at); }
  [[nodiscard]] Breaker& breaker(Side side) const noexcept {
    return side == Side::bus ? counts->bus : upstream->breaker();
  }
};

/// One request that was sent to both sides, until both have answered.
struct Shadow {
  explicit Shadow(std::shared_ptr<const Route> of) noexcept : route(std::move(of)) {}
  Shadow(const Shadow&) = delete;
  Shadow& operator=(const Shadow&) = delete;
  ~Shadow();
  void bus_answered(Time took, bool well, std::string json);

  std::shared_ptr<const Route> route;
  std::shared_ptr<PendingCall> call;
  std::optional<std::string> bus;    ///< the reply as JSON; empty: an error
  std::optional<std::string> older;  ///< likewise
  void compare();
};

class RouteTable {
 public:
  explicit RouteTable(EventLoop& loop) : loop_(loop) {}

  void configure(const RoutesConfig& config);
  struct Found {
    std::shared_ptr<const Route> route;
    Parameters parameters;
    std::string methods;  ///< that the path takes, when there is no route for this one
    [[nodiscard]] bool known() const noexcept { return route != nullptr || !methods.empty(); }
  };
  [[nodiscard]] Found find(std::string_view method, std::string_view path) const;
  void tick(Time at);
  void watch(std::shared_ptr<Shadow> shadow) { shadows_.push_back(std::move(shadow)); }
  [[nodiscard]] bool busy() const noexcept { return !shadows_.empty(); }
  /// For Prometheus.
  [[nodiscard]] std::string metrics() const;

 private:
  EventLoop& loop_;
  std::vector<std::shared_ptr<const Route>> routes_;
  std::map<std::string, std::shared_ptr<Upstream>> upstreams_;
  std::vector<std::weak_ptr<Upstream>> former_;
  std::map<std::string, std::shared_ptr<RouteCounts>> counts_;  ///< by "METHOD path"
  std::list<std::shared_ptr<Shadow>> shadows_;
};

/// Whether two JSON texts are the same value: the order of members does not count.
bool same_json(std::string_view a, std::string_view b);

}  // namespace shmbus::gateway::converge
