// Replies awaited in a program whose event loop is asio's: asio_caller [BUS] NAME...
#include <asio.hpp>
#include <string>
#include <vector>

#include "greet.hpp"
#include "report.hpp"

#include <shmbus/async.hpp>

/// Lets asio's loop drive the reactor: its descriptor is one among the program's others.
class BusInAsio {
 public:
  BusInAsio(asio::io_context& io, shmbus::Reactor& reactor)
      : reactor_(reactor), descriptor_(io, reactor.fd()) {
    wait();
  }
  ~BusInAsio() { descriptor_.release(); }  // the reactor closes it
  BusInAsio(const BusInAsio&) = delete;
  BusInAsio& operator=(const BusInAsio&) = delete;

 private:
  void wait() {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, [this](asio::error_code bad) {
      if (bad || !reactor_.poll()) return;
      wait();
    });
  }
  shmbus::Reactor& reactor_;
  asio::posix::stream_descriptor descriptor_;
};

namespace {

shmbus::Detached greet_one(shmbus::Reactor& reactor, shmbus::Caller<Greet>& greet, std::string name,
                           std::string& line, std::size_t& left, asio::io_context& io) {
  const Person person{.name = shmbus::String<32>::truncate(name)};
  const auto greeting = co_await reactor.call(greet, person, std::chrono::seconds(2));
  line = greeting ? (*greeting)->view() : shmbus::to_string(greeting.error().kind);
  if (--left == 0) io.stop();
}

}  // namespace

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  if (auto there = bus->wait_until_available("greet", std::chrono::seconds(5)); !there) {
    return report(there.error());
  }
  auto greet = bus->caller<Greet>();
  if (!greet) return report(greet.error());
  auto reactor = shmbus::Reactor::create();
  if (!reactor) return report(reactor.error());
  if (auto watched = reactor->watch(*greet); !watched) return report(watched.error());

  asio::io_context io;
  const BusInAsio driver(io, *reactor);
  std::vector<std::string> lines(static_cast<std::size_t>(std::max(argc - 2, 0)));
  std::size_t left = lines.size();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    greet_one(*reactor, *greet, argv[i + 2], lines[i], left, io);
  }
  if (left > 0) io.run();
  for (const auto& line : lines) std::printf("%s\n", line.c_str());
  return 0;
}
