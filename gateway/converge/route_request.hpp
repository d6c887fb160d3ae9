// A request of a route as each side wants it: as JSON for the command, as HTTP for the service.
#pragma once

#include <string>
#include <string_view>

#include "codec/type.hpp"
#include "gateway/converge/route_config.hpp"
#include "gateway/exchange.hpp"
#include "gateway/http_reader.hpp"

namespace shmbus::gateway::converge {

/// "a=1&b=x%20y", undone; pieces with a broken encoding are left out.
Parameters query_parameters(std::string_view query);

/// The JSON of the request: parameters and the members of the body together; or, where the type has
/// a member "body", the body there, as `shmbus gen` makes types of operations with parameters.
/// Parameters that the type does not have are left out.
std::string request_json(const codec::Type& type, const Parameters& parameters,
                         std::string_view body);

struct UpstreamHop {
  std::string_view host;  ///< as the service is called
  bool plain = false;     ///< its answer is read here, too: it must not be compressed
};
/// The request as it came, without what concerns the connection of the client.
UpstreamRequest upstream_request(const RequestHead& head, const Peer& peer, const UpstreamHop& hop,
                                 std::string_view body);
/// The answer of the service, likewise.
Response upstream_response(UpstreamAnswer answer);

}  // namespace shmbus::gateway::converge
