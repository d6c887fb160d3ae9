// An older HTTP service beside the bus: connections that are kept open, requests under way, and a
// circuit breaker. Nothing waits; answers come from the loop.
#pragma once

#include <sys/socket.h>

#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "gateway/converge/answer_reader.hpp"
#include "gateway/converge/breaker.hpp"
#include "gateway/event_loop.hpp"
#include "shmbus/error.hpp"

namespace shmbus::gateway::converge {

/// Where it listens.
struct UpstreamAddress {
  sockaddr_storage at{};
  socklen_t bytes = 0;
  std::string host;  ///< for the Host of requests
  friend bool operator==(const UpstreamAddress& a, const UpstreamAddress& b) noexcept {
    return a.host == b.host && a.bytes == b.bytes && std::memcmp(&a.at, &b.at, a.bytes) == 0;
  }
};
/// Looks the name of its host up, and waits for that.
Result<UpstreamAddress> resolve_upstream(const std::string& url);

struct UpstreamConfig {
  std::string name;
  std::string url;          ///< "http://127.0.0.1:9000" or "unix:/run/old.sock"
  UpstreamAddress address;  ///< of it, when the configuration was read
  std::uint32_t connections = 64;
  std::size_t answer_bytes = std::size_t{8} << 20U;
  Time timeout = 5 * second;
  BreakerConfig breaker;
  friend bool operator==(const UpstreamConfig&, const UpstreamConfig&) = default;
};

struct UpstreamError {
  int status = 502;
  bool sent = true;  ///< false: the service has certainly not seen the request
  const char* why = "";
};

struct UpstreamRequest {
  std::string bytes;
  bool head_only = false;
  bool repeatable = false;  ///< by its method
};
using UpstreamResult = std::variant<UpstreamAnswer, UpstreamError>;
using UpstreamDone = std::function<void(UpstreamResult)>;

class UpstreamCall;
class UpstreamConnection;

class Upstream : public std::enable_shared_from_this<Upstream> {
 public:
  Upstream(EventLoop& loop, UpstreamConfig config);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  /// Its answer comes from the loop, never before this returns. Destroyed before, the request is
  /// given up. REQUIRES: breaker().take() said yes.
  std::shared_ptr<UpstreamCall> start(UpstreamRequest request, UpstreamDone done);
  /// Looks at time limits. To be called every few milliseconds while requests are under way.
  void tick(Time at);

  [[nodiscard]] const UpstreamConfig& config() const noexcept { return config_; }
  [[nodiscard]] const std::string& host() const noexcept { return config_.address.host; }
  [[nodiscard]] Breaker& breaker() noexcept { return breaker_; }
  [[nodiscard]] bool busy() const noexcept;

 private:
  friend class UpstreamCall;
  friend class UpstreamConnection;
  void assign();
  bool place(const std::shared_ptr<UpstreamCall>& call);

  EventLoop& loop_;
  UpstreamConfig config_;
  Breaker breaker_;
  std::list<std::shared_ptr<UpstreamConnection>> connections_;
  std::deque<std::weak_ptr<UpstreamCall>> waiting_;
};

class UpstreamCall {
 public:
  UpstreamCall(std::shared_ptr<Upstream> upstream, UpstreamRequest request, UpstreamDone done)
      : upstream_(std::move(upstream)),
        request_(std::move(request)),
        done_(std::move(done)),
        until_(now() + upstream_->config().timeout) {}
  UpstreamCall(const UpstreamCall&) = delete;
  UpstreamCall& operator=(const UpstreamCall&) = delete;
  ~UpstreamCall();

 private:
  friend class Upstream;
  friend class UpstreamConnection;
  void end(UpstreamResult result);

  std::shared_ptr<Upstream> upstream_;
  UpstreamRequest request_;
  UpstreamDone done_;
  Time until_;
  std::weak_ptr<UpstreamConnection> connection_;
  bool again_ = false;  ///< a second attempt, on a connection of its own
};

}  // namespace shmbus::gateway::converge
