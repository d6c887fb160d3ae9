// The bridge: one bus, one connection to the engine, one loop; and the order in which they end.
#pragma once

#include <memory>
#include <string>

#include "bridge/config.hpp"
#include "bridge/exports.hpp"
#include "bridge/imports.hpp"
#include "bridge/service.hpp"
#include "common/log.hpp"
#include "common/notify.hpp"

namespace shmbus::bridge {

class Bridge {
 public:
  Bridge(Loop loop, Config config, const program::Log& log, const program::Notifier& notifier);
  ~Bridge();
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  /// Opens the bus, which need not be there yet, and begins to connect.
  Result<void> start();
  /// Until SIGTERM or SIGINT: then new calls are refused, and what is under way has `drain_time`.
  /// An error when the bus was removed or replaced, or the engine refuses the credentials.
  /// REQUIRES: the two are blocked.
  Result<void> run();

 private:
  class Socket;
  class Names;
  class Signals;
  void look_at_names();
  void tick(Time at);
  [[nodiscard]] int pause_ms() const;
  [[nodiscard]] bool bus_is_there() const;
  [[nodiscard]] Result<void> check() const;

  Loop loop_;
  Config config_;
  const program::Log& log_;
  const program::Notifier& notifier_;
  Bus bus_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  Engine engine_;
  std::unique_ptr<Socket> socket_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<Exports> exports_;
  std::unique_ptr<Imports> imports_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Names> names_;
  std::map<std::string, std::string> refusals_;
  std::uint64_t introduced_ = 0;
  bool said_away_ = false;
  bool more_ = false;
  Time ticked_at_ = 0;
  Time checked_at_ = 0;
};

}  // namespace shmbus::bridge
