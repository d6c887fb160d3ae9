#include "gateway/converge/upstream.hpp"

#include <netdb.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "gateway/converge/upstream_connection.hpp"

namespace shmbus::gateway::converge {
namespace {

constexpr std::size_t waiting_per_connection = 4;
constexpr int first_server_error = 500;
constexpr int not_implemented = 501;

Result<UpstreamAddress> unix_address(const std::string& path) {
  UpstreamAddress out;
  auto& at = reinterpret_cast<sockaddr_un&>(out.at);
  if (path.empty() || path.size() >= sizeof at.sun_path) {
    return fail(ErrorKind::invalid_argument, "unix: takes the path of a socket");
  }
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, path.data(), path.size());
  out.bytes = sizeof at;
  out.host = "localhost";
  return out;
}

}  // namespace

Result<UpstreamAddress> resolve_upstream(const std::string& url) {
  constexpr std::string_view local = "unix:";
  constexpr std::string_view scheme = "http://";
  if (url.starts_with(local)) return unix_address(url.substr(local.size()));
  const auto host_port = url.starts_with(scheme) ? url.substr(scheme.size()) : std::string();
  const auto colon = host_port.rfind(':');
  auto host = host_port.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty() || colon == std::string::npos || host_port.find('/') != std::string::npos) {
    return fail(ErrorKind::invalid_argument, "a url is http://HOST:PORT or unix:PATH");
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const auto port = host_port.substr(colon + 1);
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0 || found == nullptr) {
    return fail(ErrorKind::invalid_argument, "the host of the url is not known");
  }
  UpstreamAddress out;
  std::memcpy(&out.at, found->ai_addr, found->ai_addrlen);
  out.bytes = found->ai_addrlen;
  out.host = host_port;
  ::freeaddrinfo(found);
  return out;
}

UpstreamCall::~UpstreamCall() {
  if (!done_) return;
  upstream_->breaker_.gave_up(now());
  if (const auto connection = connection_.lock()) connection->abandon();
}

void UpstreamCall::end(UpstreamResult result) {
  if (!done_) return;
  const auto* answer = std::get_if<UpstreamAnswer>(&result);
  const bool good = answer != nullptr &&
                    (answer->status < first_server_error || answer->status == not_implemented);
  if (good) {
    upstream_->breaker_.succeeded(now());
  } else {
    upstream_->breaker_.failed(now());
  }
  connection_.reset();
  const auto done = std::exchange(done_, {});
  done(std::move(result));
}

Upstream::Upstream(EventLoop& loop, UpstreamConfig config)
    : loop_(loop), config_(std::move(config)) {
  breaker_.configure(config_.breaker);
}
Upstream::~Upstream() = default;

std::shared_ptr<UpstreamCall> Upstream::start(UpstreamRequest request, UpstreamDone done) {
  auto call =
      std::make_shared<UpstreamCall>(shared_from_this(), std::move(request), std::move(done));
  waiting_.push_back(call);
  assign();
  return call;
}

/// Requests that wait get connections, as long as there are some. A failure is left for the tick:
/// start() never calls `done`.
void Upstream::assign() {
  std::erase_if(connections_, [](const auto& one) { return one->dead(); });
  while (!waiting_.empty()) {
    const auto call = waiting_.front().lock();
    if (call != nullptr && !place(call)) return;
    waiting_.pop_front();
  }
}

bool Upstream::place(const std::shared_ptr<UpstreamCall>& call) {
  const auto free = std::find_if(connections_.begin(), connections_.end(),
                                 [](const auto& one) { return one->idle(); });
  std::shared_ptr<UpstreamConnection> connection;
  if (free != connections_.end() && !call->again_) {
    connection = *free;
  } else if (connections_.size() < config_.connections) {
    connection = std::make_shared<UpstreamConnection>(*this);
    if (!connection->connect(config_.address)) return false;
    connections_.push_back(connection);
  } else {
    return false;
  }
  call->connection_ = connection;
  connection->take(call);
  return true;
}

void Upstream::tick(Time at) {
  const auto alive = shared_from_this();
  breaker_.look(at);
  const auto connections = connections_;
  for (const auto& one : connections) one->tick(at);
  assign();
  // What is left waits for a connection: too many, too long, or the service refuses at once.
  const bool refuses = connections_.empty();
  const auto most = config_.connections * waiting_per_connection;
  std::vector<std::shared_ptr<UpstreamCall>> over;
  std::erase_if(waiting_, [&](const auto& weak) {
    const auto call = weak.lock();
    if (call == nullptr) return true;
    const bool ends = refuses || at >= call->until_ || waiting_.size() - over.size() > most;
    if (ends) over.push_back(call);
    return ends;
  });
  for (const auto& call : over) {
    call->end(UpstreamError{refuses ? 502 : 503, false,
                            refuses ? "the older service cannot be reached"
                                    : "too many requests wait for the older service"});
  }
}

bool Upstream::busy() const noexcept { return breaker_.waiting() != 0; }

}  // namespace shmbus::gateway::converge
