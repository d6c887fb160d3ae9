// The route table of a configuration: which paths are commands, and which side answers them, a
// handler on the bus or an older HTTP service.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/converge/upstream.hpp"

namespace shmbus::gateway::converge {

/// Where the requests of a route go.
enum class To : std::uint8_t {
  upstream,  ///< all to the older service
  share,     ///< so many of a hundred to the bus
  header,    ///< those with a value of a field to the bus
  shadow,    ///< to both; the older one answers, and the bus is compared
  bus,       ///< all to the bus
};

struct RouteConfig {
  std::string path;    ///< "/users/{id}"; a last segment "*" stands for any rest
  std::string method;  ///< empty: any
  std::string command;
  std::string upstream;  ///< its name; empty: there is none
  To to = To::bus;
  double percent = 0;  ///< of To::share
  std::string header;  ///< of To::header, in lower case
  std::string value;
  bool fallback =
      false;  ///< a side that fails before it has seen the request, or is open, is passed
  friend bool operator==(const RouteConfig&, const RouteConfig&) = default;
};

struct RoutesConfig {
  std::vector<UpstreamConfig> upstreams;
  std::vector<RouteConfig> routes;  ///< the first that fits
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Whether `path`, percent-encoding undone, is one of `pattern`; its parameters go to `out`.
bool path_fits(std::string_view pattern, std::string_view path, Parameters& out);
/// What is wrong with a pattern; empty: nothing.
std::string why_no_pattern(std::string_view pattern);
std::string_view word_of(To to) noexcept;

}  // namespace shmbus::gateway::converge
