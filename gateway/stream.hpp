// A connected socket, plain or under TLS, that never blocks.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "common/descriptor.hpp"
#include "gateway/peer_certificate.hpp"
#include "shmbus/error.hpp"

namespace shmbus::gateway {

enum class Io : unsigned char {
  done,         ///< `bytes` were moved
  would_block,  ///< nothing now: wait until the socket is ready
  ended,        ///< the other side has sent all that it will send
  broken,
};
struct Moved {
  Io io = Io::broken;
  std::size_t bytes = 0;
};

/// Files in PEM.
struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string clients;  ///< authorities of clients' certificates; empty: none is asked for
  bool need_certificate = false;  ///< a client without one is refused
};

/// Certificate and key of a listener. Shared by its connections, also after a reload.
class TlsCredentials {
 public:
  /// invalid_argument says what is wrong with the files.
  static Result<std::shared_ptr<const TlsCredentials>> load(const TlsFiles& files);
  struct State;
  explicit TlsCredentials(std::unique_ptr<State> state) noexcept;
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;
  ~TlsCredentials();
  [[nodiscard]] const State& state() const noexcept { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

class TlsSession;

class Stream {
 public:
  explicit Stream(program::Descriptor socket) noexcept;
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  /// From here on all goes through TLS. False: no memory.
  bool begin_tls(std::shared_ptr<const TlsCredentials> credentials);
  /// Until `done`; without TLS it is at once. `wants_write` says what to wait for.
  Io handshake(bool& wants_write) noexcept;
  /// Behind the handshake: the client's certificate, which one of the authorities has signed; null
  /// when it has shown none.
  [[nodiscard]] std::shared_ptr<const PeerCertificate> peer_certificate() const;

  /// Bytes have come that the socket does not tell of any more.
  [[nodiscard]] bool pending() const noexcept;
  Moved read(std::span<char> into) noexcept;
  Moved write(std::string_view bytes) noexcept;
  /// No more will be written; what the other side sends can still be read.
  void end_writing() noexcept;
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  program::Descriptor socket_;
  std::unique_ptr<TlsSession> tls_;
};

/// SHA-256 in lower-case hexadecimal digits.
std::string sha256_hex(std::string_view text);
/// `bytes` random ones, for a token.
std::string random_token();

}  // namespace shmbus::gateway
