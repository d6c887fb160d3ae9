// Posts a document to an HTTP server, bounded in time. One connection, kept open between posts.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "shmbus/error.hpp"

namespace shmbus::telemetry {

class HttpPost {
 public:
  struct Outcome {
    int status = 0;     ///< of the server; 0: none was reached
    std::string error;  ///< why not, in words; empty when the server took it
    [[nodiscard]] bool taken() const noexcept { return error.empty(); }
    /// The server says, or may be expected, to take it another time.
    [[nodiscard]] bool worth_another_try() const noexcept {
      return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
    }
  };

  /// invalid_argument for anything but http:// or https:// and a host.
  static Result<HttpPost> make(std::string url);

  /// Blocks for `limit` at most.
  Outcome post(const std::string& body, std::chrono::milliseconds limit);
  [[nodiscard]] const std::string& url() const noexcept { return url_; }

 private:
  struct Close {
    void operator()(void* handle) const noexcept;
  };
  HttpPost(std::string url, void* handle) : url_(std::move(url)), handle_(handle) {}
  std::string url_;
  std::unique_ptr<void, Close> handle_;
};

}  // namespace shmbus::telemetry
