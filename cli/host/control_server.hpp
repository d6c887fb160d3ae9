// Answers `shmbus plugins` and `shmbus reload`, over the bus itself, on a thread and an endpoint of
// its own: the plug-ins may be busy.
#pragma once

#include <string>
#include <thread>

#include "cli/host/permission.hpp"
#include "cli/host/reloader.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli::host {

class ControlServer {
 public:
  /// Anybody may ask for the list; who may reload, `permission` says. Failure when another host of
  /// that label lives.
  ControlServer(Bus& bus, const std::string& label, Host& host, Reloader& reloader,
                Permission permission);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

 private:
  Server server_;
  std::stop_source stop_;
  std::thread thread_;
};

}  // namespace shmbus::cli::host
