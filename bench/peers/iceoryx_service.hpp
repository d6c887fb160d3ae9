#pragma once
// RouDi, and the name under which the two roles of a round meet.

#include <unistd.h>

#include <fstream>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/capro/service_description.hpp>
#include <iceoryx_posh/iceoryx_posh_types.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <string>

#include "peers/daemon_process.hpp"
#include "peers/socket_path.hpp"

namespace shmbus::bench {

// RouDi's own pools, and one for chunks of 4 MiB, which do not fit its largest once headers are
// added.
inline constexpr const char* kRoudiConfig = R"([general]
version = 1
[[segment]]
[[segment.mempool]]
size = 128
count = 10000
[[segment.mempool]]
size = 1024
count = 5000
[[segment.mempool]]
size = 16384
count = 1000
[[segment.mempool]]
size = 131072
count = 200
[[segment.mempool]]
size = 524288
count = 50
[[segment.mempool]]
size = 1048576
count = 30
[[segment.mempool]]
size = 4198400
count = 10
)";

inline const std::string& roudi_config_file() {
  static const SocketPath folder;
  static const std::string path = folder.folder() + "/roudi.toml";
  std::ofstream(path) << kRoudiConfig;
  return path;
}

inline void need_roudi() {
  static const DaemonProcess roudi({SHMBUS_BENCH_ROUDI, "--config-file", roudi_config_file()},
                                   "RouDi is ready for clients");
}

// Ports of different rounds must not meet while RouDi still cleans up after the last one.
class IceoryxService {
 public:
  IceoryxService() {
    static unsigned rounds = 0;
    instance_ = std::to_string(getpid()) + "-" + std::to_string(++rounds);
  }
  [[nodiscard]] iox::capro::ServiceDescription description() const {
    return {"shmbus-bench", id(instance_), "payload"};
  }
  void join(const char* role) const {
    iox::log::LogManager::GetLogManager().SetDefaultLogLevel(
        iox::log::LogLevel::kWarn, iox::log::LogLevelOutput::kHideLogLevel);
    iox::runtime::PoshRuntime::initRuntime(
        iox::RuntimeName_t(iox::cxx::TruncateToCapacity, std::string(role) + "-" + instance_));
  }

 private:
  static iox::capro::IdString_t id(const std::string& text) {
    return {iox::cxx::TruncateToCapacity, text};
  }
  std::string instance_;
};

}  // namespace shmbus::bench
