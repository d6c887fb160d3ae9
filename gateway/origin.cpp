#include "gateway/origin.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>

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

}  // namespace

bool is_from_another_site(const RequestHead& head) noexcept {
  const auto origin = head.field("origin");
  if (!origin) {
    // Images, scripts and frames are fetched without an Origin.
    const auto site = head.field("sec-fetch-site").value_or("none");
    const bool follows_link = head.field("sec-fetch-dest") == std::string_view("document");
    return (site == "cross-site" || site == "same-site") && !follows_link;
  }
  const auto scheme = origin->find("://");
  return scheme == std::string_view::npos ||
         !same_word(origin->substr(scheme + 3), head.field("host").value_or(""));
}

bool is_for_another_host(const RequestHead& head, const Peer& peer, const Config& config) {
  const auto host = head.field("host");  // browsers always send one
  return peer.plain_tcp && host && head.count("authorization") == 0 &&
         !names_gateway(*host, config);
}

}  // namespace shmbus::gateway
