// The gateway: listeners, connections, signals, and the order in which they come to an end.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "common/log.hpp"
#include "common/notify.hpp"
#include "gateway/config.hpp"
#include "gateway/connection.hpp"
#include "gateway/listener.hpp"
#include "gateway/routes.hpp"

namespace shmbus::gateway {

class Server {
 public:
  Server(EventLoop loop, const program::Log& log, const program::Notifier& notifier);

  /// Listens. REQUIRES: SIGTERM, SIGINT and SIGHUP are blocked.
  Result<void> start(Config config);
  /// Until SIGTERM or SIGINT, and then until what is under way has ended or the time for it is
  /// over. SIGHUP reads `config_path`, if there is one, anew.
  void run(const std::string& config_path);

 private:
  class Signals;
  void reload(const std::string& config_path);
  Result<void> listen(const std::vector<ListenerConfig>& wanted);
  void accept(Stream stream, Peer peer, std::shared_ptr<const TlsCredentials> tls);
  bool make_room();
  void begin_to_drain();
  void tick(Time at);
  [[nodiscard]] int pause_ms() const noexcept;

  EventLoop loop_;
  const program::Log& log_;
  const program::Notifier& notifier_;
  Config config_;
  Limits limits_;
  Routes routes_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::list<std::unique_ptr<Connection>> connections_;
  Time ticked_at_ = 0;
  Time checked_at_ = 0;
  Time drained_by_ = never;
};

}  // namespace shmbus::gateway
