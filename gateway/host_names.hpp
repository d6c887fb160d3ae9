// Whether a request means this gateway. A page can give its own name the address of this machine
// (DNS rebinding): a browser then takes the gateway for the page's own server, and its Origin is
// its Host.
#pragma once

#include <string_view>

#include "gateway/config.hpp"

namespace shmbus::gateway {

/// Whether a Host, with or without a port, is an address, localhost, the name at which a listener
/// of the configuration listens, or one of its `hosts`. Case does not matter.
bool names_gateway(std::string_view host, const Config& config);

}  // namespace shmbus::gateway
