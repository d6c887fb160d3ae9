// What stands between a connection, which knows HTTP, and the routes, which know the bus.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/event_loop.hpp"
#include "gateway/peer_certificate.hpp"
#include "gateway/response.hpp"

namespace shmbus::gateway {

/// The other side of a connection.
struct Peer {
  std::string address;
  std::optional<uid_t> uid;                            ///< at a Unix socket
  std::shared_ptr<const PeerCertificate> certificate;  ///< under TLS, if it has shown one
  bool plain_tcp = false;  ///< TCP without TLS: no client has compared the name in Host
};

/// Where the answer to one request goes. It outlives the Work that uses it: no function here
/// destroys it.
class Exchange {
 public:
  virtual void answer(Response response) = 0;  ///< once, or:
  virtual void begin_stream(Response response) = 0;
  /// False: there is no room, and nothing was taken.
  virtual bool stream(std::string_view bytes) = 0;
  virtual void end_stream() = 0;
  /// In its place: the client sees that the body is not complete.
  virtual void break_stream() = 0;

 protected:
  Exchange() = default;
  Exchange(const Exchange&) = default;
  Exchange& operator=(const Exchange&) = default;
  ~Exchange() = default;
};

/// What goes on for a request. Destroyed when it has been answered, or when the client has gone.
class Work {
 public:
  virtual ~Work() = default;
  virtual void room() {}  ///< a stream has room again
  virtual void tick(Time /*at*/) {}

 protected:
  Work() = default;
  Work(const Work&) = default;
  Work& operator=(const Work&) = default;
};

}  // namespace shmbus::gateway
