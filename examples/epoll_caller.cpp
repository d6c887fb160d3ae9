// A caller in an event loop that the program owns, without coroutines: epoll_caller [BUS] NAME...
// All greetings are under way at once; they are printed as they come.
#include <sys/epoll.h>
#include <unistd.h>

#include <deque>
#include <string>

#include "greet.hpp"
#include "report.hpp"

namespace {

using Answer = shmbus::TypedPending<shmbus::String<64>>;

/// Prints what has come and forgets it, in the order of asking.
void print_ready(std::deque<Answer>& under_way) {
  for (; !under_way.empty() && under_way.front().ready(); under_way.pop_front()) {
    const auto greeting = under_way.front().wait();
    if (greeting) {
      std::printf("%.*s\n", static_cast<int>((*greeting)->size()), (*greeting)->view().data());
    } else {
      report(greeting.error());
    }
  }
}

}  // namespace

shmbus::Result<void> loop(shmbus::RawCaller& caller, std::deque<Answer>& under_way) {
  const auto bus_fd = caller.fd();  // readable when an answer may have come
  if (!bus_fd) return tl::unexpected(bus_fd.error());
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll, EPOLL_CTL_ADD, *bus_fd, &event);  // and whatever else the program watches
  while (!under_way.empty()) {
    // The time limit is for deadlines, and for deaths where no shmbusd runs.
    epoll_wait(epoll, &event, 1, 10);
    if (auto polled = caller.poll(); !polled) return polled;  // first this, then ready()
    print_ready(under_way);
  }
  close(epoll);
  return {};
}

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  if (auto there = bus->wait_until_available("greet", std::chrono::seconds(5)); !there) {
    return report(there.error());
  }
  auto greet = bus->caller<Greet>();
  if (!greet) return report(greet.error());
  std::deque<Answer> under_way;
  for (int i = 2; i < argc; ++i) {
    // An explicit timeout: a default one would begin with wait() alone.
    const auto name = shmbus::String<32>::make(argv[i]);
    if (!name) return report(name.error());
    auto answer = greet->start({.name = *name}, std::chrono::seconds(2));
    if (!answer) return report(answer.error());
    under_way.push_back(std::move(*answer));
  }
  if (auto done = loop(greet->raw(), under_way); !done) return report(done.error());
  return 0;
}
