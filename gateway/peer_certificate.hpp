// The certificate that a client has shown, checked against the authorities of its listener.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shmbus::gateway {

struct PeerCertificate {
  /// As principals name it: "sha256:" and its digest, "cn:", "dns:", "uri:", "email:" and what
  /// stands there in the certificate. At most 64.
  std::vector<std::string> names;
  std::int64_t until = 0;  ///< seconds since 1970: not valid any more
};

}  // namespace shmbus::gateway
