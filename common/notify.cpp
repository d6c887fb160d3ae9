#include "common/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "os/descriptor.hpp"

namespace shmbus::program {
namespace {

std::uint64_t number_in(const char* variable) noexcept {
  const char* text = std::getenv(variable);
  if (text == nullptr) return 0;
  std::uint64_t value = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, value);
  return parsed.ec == std::errc{} && parsed.ptr == end ? value : 0;
}

}  // namespace

Notifier Notifier::from_environment() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  Notifier notifier = socket == nullptr ? Notifier() : Notifier(socket);
  const std::uint64_t pid = number_in("WATCHDOG_PID");
  if (pid == 0 || pid == static_cast<std::uint64_t>(::getpid())) {
    const std::uint64_t day_us = 86'400'000'000;  // longer ones need no answer sooner
    notifier.watchdog_ = std::min(number_in("WATCHDOG_USEC"), day_us) * 1'000;
  }
  return notifier;
}

Notifier::Notifier(std::string_view socket) {
  if (socket.size() < 2 || socket.size() >= sizeof(sockaddr_un::sun_path)) return;
  if (socket.front() != '/' && socket.front() != '@') return;
  address_ = socket;
  if (address_.front() == '@') address_.front() = '\0';
  socket_ = Descriptor{descriptor::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
}

void Notifier::send(std::string_view state) const noexcept {
  if (!socket_.valid()) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  (void)::sendto(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&to), length);
}

}  // namespace shmbus::program
