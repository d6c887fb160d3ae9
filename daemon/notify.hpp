// The sd_notify protocol, spoken by hand: datagrams of KEY=VALUE lines to the socket that systemd
// names in $NOTIFY_SOCKET. Silent when there is none.
#pragma once

#include <string>
#include <string_view>

#include "daemon/descriptor.hpp"
#include "daemon/messages.hpp"

namespace shmbus::daemon {

class Notifier {
 public:
  /// From $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID.
  static Notifier from_environment();

  Notifier() = default;
  /// A path, or '@' and a name in the abstract namespace.
  explicit Notifier(std::string_view socket);

  void send(std::string_view state) const noexcept;
  /// Wanted between two signs of life; 0 when nobody waits for any.
  [[nodiscard]] Nanos watchdog() const noexcept { return watchdog_; }

 private:
  std::string address_;  ///< as in sockaddr_un; empty: nobody listens
  Descriptor socket_;
  Nanos watchdog_ = 0;
};

}  // namespace shmbus::daemon
