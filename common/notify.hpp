// The sd_notify protocol, spoken by hand: datagrams of KEY=VALUE lines to the socket that systemd
// names in $NOTIFY_SOCKET. Silent when there is none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/descriptor.hpp"

namespace shmbus::program {

class Notifier {
 public:
  /// From $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID.
  static Notifier from_environment();

  Notifier() = default;
  /// A path, or '@' and a name in the abstract namespace.
  explicit Notifier(std::string_view socket);

  void send(std::string_view state) const noexcept;
  /// Nanoseconds wanted between two signs of life; 0 when nobody waits for any.
  [[nodiscard]] std::uint64_t watchdog() const noexcept { return watchdog_; }

 private:
  std::string address_;  ///< as in sockaddr_un; empty: nobody listens
  Descriptor socket_;
  std::uint64_t watchdog_ = 0;
};

}  // namespace shmbus::program
