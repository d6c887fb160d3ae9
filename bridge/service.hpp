// The engine's convention for services: $SRV.PING, $SRV.INFO and $SRV.STATS, answered so that tools
// that know nothing of shmbus show its commands (`nats micro ls`, `nats micro stats shmbus`).
#pragma once

#include <string>
#include <vector>

#include "bridge/directory.hpp"
#include "bridge/exports.hpp"

namespace shmbus::bridge {

class Service {
 public:
  Service(Engine& engine, const Directory& directory, const Exports& exports, std::string prefix,
          std::string bus);
  Result<void> open();

 private:
  [[nodiscard]] std::string ping() const;
  [[nodiscard]] std::string info() const;
  [[nodiscard]] std::string stats() const;

  Engine& engine_;
  const Directory& directory_;
  const Exports& exports_;
  std::string prefix_;
  std::string bus_;
  std::string started_;
  std::vector<std::shared_ptr<Engine::Subscription>> subscriptions_;
};

}  // namespace shmbus::bridge
