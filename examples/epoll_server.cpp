// A server in an event loop that the program owns: epoll_server [BUS]. Serves `greet` until
// SIGTERM.
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "greet.hpp"
#include "report.hpp"

namespace {

int fd_of_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/// The bus is one descriptor among others. It stays readable until poll() has nothing left to run.
shmbus::Result<std::size_t> loop(shmbus::Server& server, int bus_fd, int signal_fd) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, bus_fd);
  watch(epoll, signal_fd);
  std::size_t served = 0;
  for (;;) {
    std::array<epoll_event, 8> events{};
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<std::size_t>(i)].data.fd == signal_fd) return served;
      const auto ran = server.poll();
      if (!ran) return ran;
      served += *ran;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int signal_fd = fd_of_signals();  // before fd(), which starts a thread
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  auto server = bus->serve();
  if (!server) return report(server.error());
  const auto added = server->on<Greet>([](const Person& person, shmbus::String<64>& greeting) {
    greeting = shmbus::String<64>::truncate("hello from epoll, " + std::string(person.name.view()));
  });
  if (!added) return report(added.error());
  const auto bus_fd = server->fd();
  if (!bus_fd) return report(bus_fd.error());
  const auto served = loop(*server, *bus_fd, signal_fd);
  if (!served) return report(served.error());
  std::printf("served %zu\n", *served);
  return 0;
}
