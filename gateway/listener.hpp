// A socket that takes connections in.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/listen_socket.hpp"
#include "gateway/config.hpp"
#include "gateway/event_loop.hpp"
#include "gateway/exchange.hpp"
#include "gateway/stream.hpp"

namespace shmbus::gateway {

class Listener final : public Watcher {
 public:
  using Accepted =
      std::function<void(Stream stream, Peer peer, std::shared_ptr<const TlsCredentials> tls)>;

  /// Binds, or takes over what systemd has bound, and loads certificate and key.
  static Result<std::unique_ptr<Listener>> open(EventLoop& loop, const ListenerConfig& config,
                                                Accepted accepted);
  ~Listener() override;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void ready(std::uint32_t events) override;
  [[nodiscard]] const ListenerConfig& config() const noexcept { return config_; }
  /// As it turned out: port 0 becomes the one that the kernel chose.
  [[nodiscard]] const std::string& address() const noexcept { return socket_.address; }
  /// Accepts again, after there was no descriptor for another connection.
  void go_on();
  /// What another configuration of the same address needs; null without TLS.
  [[nodiscard]] Result<std::shared_ptr<const TlsCredentials>> prepare(
      const ListenerConfig& config) const;
  /// Another configuration of the same address, for connections from now on.
  void adopt(ListenerConfig config, std::shared_ptr<const TlsCredentials> tls) noexcept;
  /// Reads certificate and key anew, for connections from now on.
  Result<void> reload_tls();

 private:
  Listener(EventLoop& loop, ListenerConfig config, program::ListenSocket socket, Accepted accepted);
  EventLoop& loop_;
  ListenerConfig config_;
  program::ListenSocket socket_;
  Accepted accepted_;
  std::shared_ptr<const TlsCredentials> tls_;
  bool watched_ = false;
  bool paused_ = false;
};

}  // namespace shmbus::gateway
