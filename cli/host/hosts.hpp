// The hosts of plug-ins on a bus, as the tool finds and asks them.
#pragma once

#include <string>
#include <vector>

#include "cli/host/control.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli::host {

struct HostView {
  std::string label;
  std::uint32_t pid = 0;
  std::vector<PluginRow> plugins;
  std::string error;  ///< why it did not answer
};

/// All that are alive, by label.
std::vector<HostView> ask_hosts(const std::string& bus_name, Bus& bus, Duration timeout);

/// Which host has the plug-in NAME or HOST/NAME. Failure when none has, or several have.
struct PluginPlace {
  std::string host;
  std::string plugin;
};
PluginPlace find_plugin(const std::vector<HostView>& hosts, const std::string& name);

}  // namespace shmbus::cli::host
