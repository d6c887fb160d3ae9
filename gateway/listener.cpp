#include "gateway/listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "common/escape.hpp"
#include "common/units.hpp"
#include "os/descriptor.hpp"

namespace shmbus::gateway {
namespace {

constexpr int accepts_in_a_round = 64;
constexpr int first_of_systemd = 3;  // SD_LISTEN_FDS_START
constexpr std::uint64_t systemd_max = 1024;

/// A descriptor that systemd has handed over under this name (LISTEN_FDS, LISTEN_FDNAMES). A
/// duplicate: a reload may ask again.
Result<program::ListenSocket> from_systemd(const std::string& name) {
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  const char* names = std::getenv("LISTEN_FDNAMES");
  const bool ours = pid != nullptr && count != nullptr && std::to_string(::getpid()) == pid;
  const auto all = ours ? parse_whole_number(count, systemd_max).value_or(0) : 0;
  std::istringstream list(names == nullptr ? "" : names);
  for (std::uint64_t i = 0; i < all; ++i) {
    std::string one = "unknown";
    (void)std::getline(list, one, ':');
    if (one != name) continue;
    program::Descriptor fd{descriptor::duplicate(first_of_systemd + static_cast<int>(i))};
    // What systemd hands over may block, and accepting must not.
    const int flags = ::fcntl(fd.get(), F_GETFL);
    (void)::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK);
    int listening = 0;
    socklen_t bytes = sizeof listening;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes) != 0 ||
        listening == 0) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("what systemd hands over as '{}' is no listening socket", name));
    }
    return program::ListenSocket{std::move(fd), "systemd:" + name, {}};
  }
  return fail(ErrorKind::invalid_argument,
              fmt::format("systemd hands over no socket named '{}': it needs a socket unit with "
                          "FileDescriptorName={}",
                          escape::terminal(name), escape::terminal(name)));
}

/// "127.0.0.1:8080", "::1:8080".
std::string address_text(const sockaddr_storage& at, socklen_t bytes) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&at), bytes, host.data(), host.size(),
                    port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  return fmt::format("{}:{}", host.data(), port.data());
}

/// why_not_plain() of the address that a socket has.
std::string why_not_plain_socket(int fd) {
  sockaddr_storage at{};
  socklen_t bytes = sizeof at;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &bytes) != 0) return {};
  if (at.ss_family == AF_UNIX) return {};
  const auto text = address_text(at, bytes);
  return why_not_plain(text.starts_with("::1:") ? "[::1]:0" : std::string_view(text));
}

Peer peer_of(int fd, const sockaddr_storage& at, socklen_t bytes) {
  if (at.ss_family == AF_UNIX) {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
      return {"unix", std::nullopt, nullptr};
    return {fmt::format("uid={} pid={}", who.uid, who.pid), who.uid, nullptr};
  }
  return {address_text(at, bytes), std::nullopt, nullptr};
}

}  // namespace

Listener::Listener(EventLoop& loop, ListenerConfig config, program::ListenSocket socket,
                   Accepted accepted)
    : loop_(loop),
      config_(std::move(config)),
      socket_(std::move(socket)),
      accepted_(std::move(accepted)) {}

Listener::~Listener() {
  if (watched_) loop_.forget(socket_.fd.get(), *this);
  if (!socket_.unix_path.empty()) ::unlink(socket_.unix_path.c_str());
}

Result<std::unique_ptr<Listener>> Listener::open(EventLoop& loop, const ListenerConfig& config,
                                                 Accepted accepted) {
  using Kind = ListenerConfig::Kind;
  auto socket = config.kind == Kind::systemd       ? from_systemd(config.address)
                : config.kind == Kind::unix_socket ? program::listen_at("unix:" + config.address)
                                                   : program::listen_at(config.address);
  if (!socket) return tl::unexpected<Error>(socket.error());
  std::unique_ptr<Listener> out(
      new Listener(loop, config, std::move(*socket), std::move(accepted)));
  if (const auto loaded = out->reload_tls(); !loaded) return tl::unexpected<Error>(loaded.error());
  out->watched_ = loop.watch(out->socket_.fd.get(), EPOLLIN, *out);
  if (!out->watched_) return fail(ErrorKind::limit_reached, "cannot watch a listening socket");
  return out;
}

Result<std::shared_ptr<const TlsCredentials>> Listener::prepare(
    const ListenerConfig& config) const {
  if (!config.tls()) {
    // Where it leads is known of an address in the configuration, not of a socket of systemd.
    const auto why = config.plain ? std::string() : why_not_plain_socket(socket_.fd.get());
    if (why.empty()) return std::shared_ptr<const TlsCredentials>();
    return fail(ErrorKind::invalid_argument,
                fmt::format("the listener {}: {}", escape::terminal(config.address), why));
  }
  return TlsCredentials::load(
      {config.certificate, config.key, config.clients, config.need_certificate});
}

void Listener::adopt(ListenerConfig config, std::shared_ptr<const TlsCredentials> tls) noexcept {
  config_ = std::move(config);
  tls_ = std::move(tls);
}

Result<void> Listener::reload_tls() {
  auto loaded = prepare(config_);
  if (!loaded) return tl::unexpected<Error>(loaded.error());
  tls_ = std::move(*loaded);
  return {};
}

void Listener::ready(std::uint32_t /*events*/) {
  for (int i = 0; i < accepts_in_a_round; ++i) {
    sockaddr_storage at{};
    socklen_t bytes = sizeof at;
    program::Descriptor fd{descriptor::accept(socket_.fd.get(), SOCK_NONBLOCK)};
    if (!fd.valid()) {
      const bool exhausted =
          errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      // The socket stays readable: without a pause the loop would not sleep any more.
      if (exhausted) loop_.change(socket_.fd.get(), 0, *this);
      paused_ = paused_ || exhausted;
      return;
    }
    (void)::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&at), &bytes);
    int family = 0;
    socklen_t size = sizeof family;
    (void)::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
    at.ss_family = static_cast<sa_family_t>(family);
    if (family != AF_UNIX) {
      const int yes = 1;  // answers are small: they must not wait for more to be sent
      (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    auto peer = peer_of(fd.get(), at, bytes);
    peer.plain_tcp = family != AF_UNIX && tls_ == nullptr;
    accepted_(Stream(std::move(fd)), std::move(peer), tls_);
  }
}

void Listener::go_on() {
  if (std::exchange(paused_, false)) loop_.change(socket_.fd.get(), EPOLLIN, *this);
}

}  // namespace shmbus::gateway
