// Where a program listens for HTTP: ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH.
#pragma once

#include <string>
#include <string_view>

#include "common/descriptor.hpp"
#include "shmbus/error.hpp"

namespace shmbus::program {

struct ListenSocket {
  Descriptor fd;
  std::string address;    ///< as it turned out: port 0 becomes the one that the kernel chose
  std::string unix_path;  ///< to be removed at the end; empty for TCP
};

/// Binds and listens. invalid_argument for a text that is no address, bus_unusable with the reason
/// when the system refuses. A socket file that nobody answers at any more is replaced.
Result<ListenSocket> listen_at(std::string_view address);

}  // namespace shmbus::program
