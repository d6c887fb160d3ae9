#include "common/listen_socket.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "os/descriptor.hpp"

#include "common/escape.hpp"
#include "common/units.hpp"

namespace shmbus::program {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr int backlog = 64;
constexpr std::uint64_t port_max = 65'535;
constexpr mode_t unix_mode = 0660;

tl::unexpected<Error> refused(std::string_view address, int error) {
  return fail(ErrorKind::bus_unusable,
              fmt::format("cannot listen at {}: {}", address, std::strerror(error)), error);
}

Descriptor new_socket(int family) noexcept {
  return Descriptor{descriptor::socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0)};
}

bool somebody_answers(const sockaddr_un& at) noexcept {
  const Descriptor probe = new_socket(AF_UNIX);
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 ||
         errno != ECONNREFUSED;
}

Result<ListenSocket> listen_at_path(std::string_view address, std::string_view path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof at.sun_path) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("the path of a socket has 1 to {} bytes", sizeof at.sun_path - 1));
  }
  path.copy(at.sun_path, path.size());
  ListenSocket out{new_socket(AF_UNIX), std::string(address), std::string(path)};
  struct stat status {};
  const bool is_socket = ::lstat(at.sun_path, &status) == 0 && S_ISSOCK(status.st_mode);
  if (is_socket && !somebody_answers(at)) ::unlink(at.sun_path);
  if (::bind(out.fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    return refused(address, errno);
  }
  (void)::chmod(at.sun_path, unix_mode);
  if (::listen(out.fd.get(), backlog) != 0) return refused(address, errno);
  return out;
}

std::string name_of(int fd, const std::string& host) {
  sockaddr_storage at{};
  socklen_t bytes = sizeof at;
  char port[NI_MAXSERV] = "";  // NOLINT: what getnameinfo takes
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &bytes) == 0) {
    (void)::getnameinfo(reinterpret_cast<sockaddr*>(&at), bytes, nullptr, 0, port, sizeof port,
                        NI_NUMERICSERV);
  }
  return fmt::format(fmt::runtime(host.find(':') == std::string::npos ? "{}:{}" : "[{}]:{}"), host,
                     static_cast<const char*>(port));
}

Result<ListenSocket> listen_at_host(std::string_view address, const std::string& host,
                                    const std::string& port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int why = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found); why != 0) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("cannot listen at {}: {}", address, ::gai_strerror(why)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Descriptor fd = new_socket(one->ai_family);
    const int yes = 1;
    // A daemon that was started again must not wait until connections of the old one are forgotten.
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (::bind(fd.get(), one->ai_addr, one->ai_addrlen) == 0 && ::listen(fd.get(), backlog) == 0) {
      std::string name = name_of(fd.get(), host);
      return ListenSocket{std::move(fd), std::move(name), {}};
    }
    error = errno;
  }
  return refused(address, error);
}

}  // namespace

Result<ListenSocket> listen_at(std::string_view address) {
  if (address.starts_with(unix_prefix)) {
    return listen_at_path(address, address.substr(unix_prefix.size()));
  }
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == address.size()) {
    return fail(
        ErrorKind::invalid_argument,
        fmt::format("'{}' is neither ADDRESS:PORT, as 127.0.0.1:9464, nor unix:PATH", address));
  }
  const auto port = address.substr(colon + 1);
  if (!parse_whole_number(port, port_max)) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("'{}' is no port: a whole number from 0 to {}, where 0 lets the system "
                            "choose",
                            escape::terminal(port), port_max));
  }
  std::string host(address.substr(0, colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return listen_at_host(address, host, std::string(port));
}

}  // namespace shmbus::program
