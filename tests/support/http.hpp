// A plain HTTP client for tests: one GET to 127.0.0.1 or to a socket file, and raw connections that
// behave as badly as a test wants.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace shmbus::test {

class Connection {
 public:
  /// "127.0.0.1:PORT" or "unix:PATH".
  explicit Connection(const std::string& address) {
    if (address.starts_with("unix:")) {
      sockaddr_un at{};
      at.sun_family = AF_UNIX;
      address.copy(at.sun_path, sizeof at.sun_path - 1, 5);
      open(AF_UNIX, reinterpret_cast<sockaddr*>(&at), sizeof at);
    } else {
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      at.sin_port = htons(static_cast<std::uint16_t>(
          std::strtoul(address.c_str() + address.rfind(':') + 1, nullptr, 10)));
      open(AF_INET, reinterpret_cast<sockaddr*>(&at), sizeof at);
    }
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] bool connected() const { return connected_; }
  bool send(const std::string& text) const {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  /// Everything until the other side closes, or nothing came for ten seconds.
  [[nodiscard]] std::string receive() const {
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string out;
    std::array<char, 65536> part{};
    for (ssize_t n = 0; (n = ::recv(fd_, part.data(), part.size(), 0)) > 0;) {
      out.append(part.data(), static_cast<std::size_t>(n));
    }
    return out;
  }

 private:
  void open(int family, const sockaddr* at, socklen_t bytes) {
    fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connected_ = fd_ >= 0 && ::connect(fd_, at, bytes) == 0;
  }
  int fd_ = -1;
  bool connected_ = false;
};

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
};

inline Answer http_get(const std::string& address, const std::string& path,
                       const std::string& method = "GET") {
  const Connection connection(address);
  if (!connection.send(method + " " + path +
                       " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")) {
    return {};
  }
  const std::string all = connection.receive();
  const auto end = all.find("\r\n\r\n");
  if (end == std::string::npos || !all.starts_with("HTTP/1.1 ")) return {};
  return {std::atoi(all.c_str() + 9), all.substr(0, end), all.substr(end + 4)};
}

/// A port that was free a moment ago.
inline std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof at;
  ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &bytes);
  ::close(fd);
  return ntohs(at.sin_port);
}

}  // namespace shmbus::test
