#include "gateway/converge/route_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/escape.hpp"

namespace shmbus::gateway::converge {
namespace {

constexpr double all = 100;
constexpr std::array<std::string_view, 2> side_words{"upstream", "bus"};
constexpr std::array<std::string_view, 3> state_words{"closed", "open", "half_open"};

std::string labels_of(const Route& route, std::size_t side) {
  return fmt::format("path=\"{}\",method=\"{}\",command=\"{}\",side=\"{}\"",
                     escape::prometheus(route.config.path), escape::prometheus(route.config.method),
                     escape::prometheus(route.config.command), side_words[side]);
}

void append_times(std::string& out, const SideCounts& side, const std::string& labels) {
  constexpr std::string_view name = "shmbus_gateway_route_seconds";
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < side.times.size(); ++i) {
    sum += side.times[i];
    const auto bound = i < SideCounts::bounds.size() ? fmt::format("{}", SideCounts::bounds[i])
                                                     : std::string("+Inf");
    // patterns: bounds are numbers of ours, labels are escaped already
    out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bound, sum);
  }
  out += fmt::format("{0}_sum{{{1}}} {2}\n{0}_count{{{1}}} {3}\n", name, labels, side.seconds, sum);
}

}  // namespace

void SideCounts::note(Time took, bool good) noexcept {
  ++requests;
  failures += good ? 0 : 1;
  const double time = static_cast<double>(took) / static_cast<double>(second);
  seconds += time;
  const auto* bound = std::lower_bound(bounds.begin(), bounds.end(), time);
  ++times[static_cast<std::size_t>(bound - bounds.begin())];
}

Side Route::choose(const RequestHead& head) const {
  switch (config.to) {
    case To::bus:
      return Side::bus;
    case To::header:
      return head.field(config.header) == std::string_view(config.value) ? Side::bus
                                                                         : Side::upstream;
    case To::share:
      counts->share += config.percent;
      if (counts->share < all) return Side::upstream;
      counts->share -= all;
      return Side::bus;
    default:
      return Side::upstream;
  }
}

Shadow::~Shadow() {
  if (!bus) route->breaker(Side::bus).gave_up(now());
}

void Shadow::bus_answered(Time took, bool well, std::string json) {
  route->counts->of(Side::bus).note(took, well);
  auto& breaker = route->breaker(Side::bus);
  if (well) {
    breaker.succeeded(now());
  } else {
    breaker.failed(now());
  }
  bus = std::move(json);
  compare();
}

void Shadow::compare() {
  if (!bus || !older) return;
  const bool both_failed = bus->empty() && older->empty();
  auto& counts = *route->counts;
  ++(both_failed || same_json(*bus, *older) ? counts.same : counts.different);
}

void RouteTable::configure(const RoutesConfig& config) {
  std::map<std::string, std::shared_ptr<Upstream>> upstreams;
  for (const auto& wanted : config.upstreams) {
    auto& one = upstreams[wanted.name];
    const auto before = upstreams_.find(wanted.name);
    if (before != upstreams_.end() && before->second->config() == wanted) {
      one = before->second;
    } else {
      one = std::make_shared<Upstream>(loop_, wanted);
    }
  }
  std::map<std::string, std::shared_ptr<RouteCounts>> counts;
  std::vector<std::shared_ptr<const Route>> routes;
  for (const auto& wanted : config.routes) {
    auto route = std::make_shared<Route>();
    route->config = wanted;
    if (!wanted.upstream.empty()) route->upstream = upstreams[wanted.upstream];
    const auto key = wanted.method + " " + wanted.path;
    const auto before = counts_.find(key);
    route->counts = before != counts_.end() ? before->second : std::make_shared<RouteCounts>();
    counts[key] = route->counts;
    routes.push_back(std::move(route));
  }
  for (auto& [name, one] : upstreams_) former_.push_back(one);
  routes_ = std::move(routes);
  upstreams_ = std::move(upstreams);
  counts_ = std::move(counts);
}

RouteTable::Found RouteTable::find(std::string_view method, std::string_view path) const {
  Found out;
  for (const auto& route : routes_) {
    if (!path_fits(route->config.path, path, out.parameters)) continue;
    if (route->config.method.empty() || route->config.method == method) {
      out.route = route;
      return out;
    }
    out.methods += (out.methods.empty() ? "" : ", ") + route->config.method;
  }
  return out;
}

void RouteTable::tick(Time at) {
  for (const auto& [name, one] : upstreams_) one->tick(at);
  std::erase_if(former_, [&](const auto& weak) {
    const auto one = weak.lock();
    if (one == nullptr) return true;
    const auto now_there = upstreams_.find(one->config().name);
    if (now_there != upstreams_.end() && now_there->second == one) return true;
    one->tick(at);
    return false;
  });
  for (const auto& route : routes_) route->counts->bus.look(at);
  std::erase_if(shadows_, [](const auto& one) {
    return (one->bus && one->older) || (!one->older && one.use_count() == 1);
  });
}

std::string RouteTable::metrics() const {
  std::string requests =
      "# HELP shmbus_gateway_route_requests_total Requests by route, side and outcome.\n"
      "# TYPE shmbus_gateway_route_requests_total counter\n";
  std::string times =
      "# HELP shmbus_gateway_route_seconds Time until a side answered.\n"
      "# TYPE shmbus_gateway_route_seconds histogram\n";
  std::string shadows =
      "# HELP shmbus_gateway_route_shadow_total Requests sent to both sides, by comparison.\n"
      "# TYPE shmbus_gateway_route_shadow_total counter\n";
  std::string breakers =
      "# HELP shmbus_gateway_route_breaker Whether the breaker of a side is in this state.\n"
      "# TYPE shmbus_gateway_route_breaker gauge\n";
  for (const auto& route : routes_) {
    for (std::size_t i = 0; i < side_words.size(); ++i) {
      const auto side = static_cast<Side>(i);
      if (side == Side::upstream && route->upstream == nullptr) continue;
      const auto& counts = route->counts->sides[i];
      const auto labels = labels_of(*route, i);
      constexpr std::string_view name = "shmbus_gateway_route_requests_total";
      requests += fmt::format(
          "{0}{{{1},outcome=\"ok\"}} {2}\n{0}{{{1},outcome=\"failed\"}} {3}\n"
          "{0}{{{1},outcome=\"passed\"}} {4}\n",
          name, labels, counts.requests - counts.failures, counts.failures, counts.passed);
      append_times(times, counts, labels);
      const auto state = static_cast<std::size_t>(route->breaker(side).state());
      for (std::size_t s = 0; s < state_words.size(); ++s) {
        // patterns: state_words are ours, labels are escaped already
        breakers += fmt::format("shmbus_gateway_route_breaker{{{},state=\"{}\"}} {}\n", labels,
                                state_words[s], s == state ? 1 : 0);
      }
    }
    const auto labels =
        fmt::format("path=\"{}\",method=\"{}\"", escape::prometheus(route->config.path),
                    escape::prometheus(route->config.method));
    shadows += fmt::format(
        "shmbus_gateway_route_shadow_total{{{0},result=\"same\"}} {1}\n"
        "shmbus_gateway_route_shadow_total{{{0},result=\"different\"}} {2}\n",
        labels, route->counts->same, route->counts->different);
  }
  return requests + times + breakers + shadows;
}

}  // namespace shmbus::gateway::converge
