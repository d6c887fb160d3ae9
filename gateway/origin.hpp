// Whether the page that made a request in a browser may make it: the browser lends it the rights
// that its user has at the gateway. Other programs may claim whatever they like in these fields,
// which gives them nothing.
#pragma once

#include "gateway/config.hpp"
#include "gateway/exchange.hpp"
#include "gateway/http_reader.hpp"

namespace shmbus::gateway {

/// By Origin, or by Sec-Fetch-Site where there is none. A link of another site may lead here.
bool is_from_another_site(const RequestHead& head) noexcept;

/// Whether a request with no token, over TCP without TLS, has a Host that is neither an address nor
/// localhost, the name at which a listener listens, or one of `hosts`. A page can give its own name
/// the address of this machine (DNS rebinding): its Origin is its Host then, and a browser takes
/// the gateway for the page's own server.
bool is_for_another_host(const RequestHead& head, const Peer& peer, const Config& config);

}  // namespace shmbus::gateway
