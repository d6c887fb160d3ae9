// A connection of the bridge's kind that publishes nothing: bridge_idle URL
// Prints a line for each connection that it makes, until it is killed.
#include <cstdio>

#include "bridge/engine.hpp"
#include "bridge/loop.hpp"

namespace {

using shmbus::bridge::Engine;
using shmbus::bridge::EngineConfig;
using shmbus::bridge::Loop;

class Socket final : public shmbus::bridge::Watcher {
 public:
  explicit Socket(Engine& engine) : engine_(engine) {}
  void ready(std::uint32_t events) override { (void)engine_.process(events, 16); }

 private:
  Engine& engine_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto loop = Loop::make();
  if (!loop) return 1;
  Engine engine;
  Socket socket(engine);
  EngineConfig config;
  config.servers = {argv[1]};
  config.name = "idle";
  if (!engine.open(config, loop->epoll(), &socket)) return 1;
  std::uint64_t seen = 0;
  for (;;) {
    if (engine.connections() != seen) {
      seen = engine.connections();
      std::fprintf(stderr, "connection %llu\n", static_cast<unsigned long long>(seen));
    }
    loop->run_once(500);
  }
}
