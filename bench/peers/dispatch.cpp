// peer.dispatch: no communication at all. One thread looks a command name up in a
// std::unordered_map of functions under a shared lock and calls what it finds, the way a program
// dispatches to itself.

#include <functional>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "harness/measure.hpp"
#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 40;
constexpr int kNames = 100;

using Handler = std::function<void(const std::byte*, std::byte*)>;

class Dispatcher {
 public:
  void add(const std::string& name, Handler handler) {
    handlers_.emplace(name, std::move(handler));
  }

  void call(const std::string& name, const std::byte* request, std::byte* reply) const {
    const std::shared_lock lock(mutex_);
    handlers_.at(name)(request, reply);
  }

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Handler> handlers_;
};

RoundResult run_dispatch(const RoundBudget& budget) {
  RoleGroup group(budget);
  group.add("self", 0, [](RoleContext& context) {
    Dispatcher dispatcher;
    EchoServer<kBytes> server;
    for (int i = 0; i < kNames; ++i) {
      dispatcher.add("user.command." + std::to_string(i), [&](const std::byte* in, std::byte* out) {
        server.take(in);
        server.reply(out);
      });
    }
    const std::string name = "user.command.42";
    EchoCaller<kBytes> caller;
    std::byte request[kBytes];
    std::byte reply[kBytes];
    measure_calls(context, [&] {
      caller.fill(request);
      dispatcher.call(name, request, reply);
      caller.check(reply);
    });
  });
  return group.run(0);
}

}  // namespace

void register_peer_dispatch(Registry& registry) {
  add_peer_echo(registry, "dispatch", kBytes, "in process", run_dispatch);
}

}  // namespace shmbus::bench
