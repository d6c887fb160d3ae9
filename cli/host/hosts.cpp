#include "cli/host/hosts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/exit_codes.hpp"
#include "inspect/snapshot.hpp"

namespace shmbus::cli::host {
namespace {

constexpr std::size_t rows_max = 256;

std::vector<HostView> find_hosts(const std::string& bus_name) {
  std::vector<HostView> hosts;
  const auto snapshot = value_or_fail(inspect::take_snapshot(bus_name));
  for (const auto& name : snapshot.names) {
    const std::string_view text = name.name;
    if (name.state != inspect::NameState::active || !text.starts_with(control_prefix) ||
        !text.ends_with(list_suffix) || text.size() <= control_prefix.size() + list_suffix.size()) {
      continue;
    }
    const auto label = text.substr(control_prefix.size(),
                                   text.size() - control_prefix.size() - list_suffix.size());
    hosts.push_back({std::string(label), name.owner_pid, {}, {}});
  }
  std::sort(hosts.begin(), hosts.end(),
            [](const HostView& a, const HostView& b) { return a.label < b.label; });
  return hosts;
}

Result<void> ask(Bus& bus, HostView& host, Duration timeout) {
  const auto name = list_name(host.label);
  auto raw = bus.caller(std::string_view(name), {}, schema_of<ListPlugins>);
  if (!raw) return tl::unexpected<Error>(raw.error());
  Caller<ListPlugins> caller(std::move(*raw));
  auto loan = caller.loan(0, rows_max * sizeof(PluginRow));
  if (!loan) return tl::unexpected<Error>(loan.error());
  const auto reply = loan->call(timeout);
  if (!reply) return tl::unexpected<Error>(reply.error());
  const auto rows = (*reply)->plugins.view(reply->bytes());
  host.pid = (*reply)->pid;
  host.plugins.assign(rows.begin(), rows.end());
  return {};
}

}  // namespace

std::vector<HostView> ask_hosts(const std::string& bus_name, Bus& bus, Duration timeout) {
  auto hosts = find_hosts(bus_name);
  for (auto& host : hosts) {
    const auto asked = ask(bus, host, timeout);
    if (!asked) host.error = Failure(asked.error()).what();
  }
  return hosts;
}

PluginPlace find_plugin(const std::vector<HostView>& hosts, const std::string& name) {
  const auto slash = name.find('/');
  const auto wanted_host = slash == std::string::npos ? "" : name.substr(0, slash);
  const auto wanted = slash == std::string::npos ? name : name.substr(slash + 1);
  std::vector<PluginPlace> found;
  for (const auto& host : hosts) {
    if (!wanted_host.empty() && host.label != wanted_host) continue;
    const bool has = std::any_of(host.plugins.begin(), host.plugins.end(),
                                 [&](const PluginRow& row) { return row.name == wanted; });
    if (has) found.push_back({host.label, wanted});
  }
  if (found.empty()) {
    throw Failure(ErrorKind::not_registered,
                  fmt::format("no host has a plug-in '{}'; see `shmbus plugins`", name));
  }
  if (found.size() > 1) {
    throw Failure(
        ErrorKind::invalid_argument,
        fmt::format("'{}' is in several hosts: say which, as {}/{}", name, found[0].host, wanted));
  }
  return found.front();
}

}  // namespace shmbus::cli::host
