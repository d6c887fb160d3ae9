#include "gateway/host_names.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>

#include "gateway/http_reader.hpp"

namespace shmbus::gateway {
namespace {

bool is_address(int family, std::string_view text) {
  in6_addr out{};  // has room for both
  return ::inet_pton(family, std::string(text).c_str(), &out) == 1;
}

/// "Name:8080" -> "name". What stands between brackets is no name.
std::string name_of(std::string_view host) {
  auto out = lowered(host.substr(0, host.find(':')));
  if (out.ends_with('.')) out.pop_back();
  return out;
}

}  // namespace

bool names_gateway(std::string_view host, const Config& config) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    return end != std::string_view::npos && is_address(AF_INET6, host.substr(1, end - 1));
  }
  const auto name = name_of(host);
  if (name.empty()) return false;
  if (name == "localhost" || is_address(AF_INET, name)) return true;
  const auto listens_at = [&](const ListenerConfig& one) {
    return one.kind == ListenerConfig::Kind::tcp && name_of(one.address) == name;
  };
  return std::any_of(config.listeners.begin(), config.listeners.end(), listens_at) ||
         std::any_of(config.hosts.begin(), config.hosts.end(),
                     [&](const auto& pattern) { return matches(pattern, name); });
}

}  // namespace shmbus::gateway
