// A collector for tests: an HTTP server that keeps what is posted, and answers as it is told to.
#pragma once

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "support/http.hpp"

namespace shmbus::test {

struct Posted {
  std::string head;
  std::string body;
};

class Collector {
 public:
  /// Starts a thread: fork before. Port 0: one that is free.
  explicit Collector(std::uint16_t port = 0) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    socklen_t bytes = sizeof at;
    const bool listens = ::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 &&
                         ::listen(listener_, 8) == 0;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &bytes);
    port_ = listens ? ntohs(at.sin_port) : 0;
    thread_ = std::thread([this] { run(); });
  }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;
  ~Collector() {
    stop_ = true;
    thread_.join();
    ::close(listener_);
  }

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/v1/traces";
  }
  [[nodiscard]] std::vector<Posted> posted() {
    const std::scoped_lock lock(mutex_);
    return posted_;
  }
  std::atomic<int> status{200};

 private:
  void run() {
    while (!stop_) {
      pollfd ready{listener_, POLLIN, 0};
      if (::poll(&ready, 1, 20) <= 0) continue;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      serve(fd);
      ::close(fd);
    }
  }
  /// One request after the other on one connection, until the other side closes it.
  void serve(int fd) {
    std::string text;
    std::array<char, 65536> part{};
    while (!stop_) {
      pollfd ready{fd, POLLIN, 0};
      if (::poll(&ready, 1, 20) <= 0) continue;
      const ssize_t n = ::recv(fd, part.data(), part.size(), 0);
      if (n <= 0) return;
      text.append(part.data(), static_cast<std::size_t>(n));
      while (take(text)) {
        const std::string answer = "HTTP/1.1 " + std::to_string(status.load()) +
                                   " X\r\nContent-Type: application/json\r\n"
                                   "Content-Length: 2\r\n\r\n{}";
        (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    }
  }
  bool take(std::string& text) {
    const auto end = text.find("\r\n\r\n");
    const auto length = text.find("Content-Length: ");
    if (end == std::string::npos || length == std::string::npos || length > end) return false;
    const std::size_t bytes = std::strtoul(text.c_str() + length + 16, nullptr, 10);
    if (text.size() < end + 4 + bytes) return false;
    {
      const std::scoped_lock lock(mutex_);
      posted_.push_back({text.substr(0, end), text.substr(end + 4, bytes)});
    }
    text.erase(0, end + 4 + bytes);
    return true;
  }

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<Posted> posted_;
  std::thread thread_;
};

}  // namespace shmbus::test
