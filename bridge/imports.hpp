// Commands of other machines on this bus: for each machine a server whose label names it, with a
// thread of its own, and the calls that go out.
//
// A handler's thread (the server's) defers the command, writes it into the table and publishes it.
// A thread of the client's library takes answers, and the loop's thread ends calls that were
// cancelled or have passed their deadline. The table's mutex is between them; no thread holds it
// while it calls out.
//
// A call leaves the table once: by its answer, by the engine's notice that it had no responders, by
// its cancellation, or by its deadline. It is published once, never again.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>

#include "bridge/config.hpp"
#include "bridge/directory.hpp"
#include "bridge/parts.hpp"
#include "shmbus/bus.hpp"

namespace shmbus::bridge {

class Imports {
 public:
  Imports(Engine& engine, Directory& directory, Bus& bus, const Config& config);
  Imports(const Imports&) = delete;
  Imports& operator=(const Imports&) = delete;
  ~Imports();

  Result<void> open();
  /// A name has a handler here that is not ours, or none any more; update() comes after the last.
  void local(const std::string& name, bool available);
  void allow(const std::vector<std::string>& patterns);
  /// What the others serve has changed.
  void update();
  void tick(Time at);
  [[nodiscard]] bool busy() const;

  std::function<void(const std::string& name, const Error& why)> on_refused;

 private:
  struct Outstanding {
    Responder responder;
    std::string name;
    Time until = 0;
    std::size_t room = 0;         ///< for the reply
    std::vector<std::byte> rest;  ///< of a request in parts: all of it
    Assembly reply;
  };
  struct Wanted {
    std::string machine;
    OfferedName types;
    friend bool operator==(const Wanted&, const Wanted&) = default;
  };
  struct Offering {
    Server server;
    std::jthread thread;
  };

  struct Deadline {
    Time at = 0;  ///< read before `left`: if this process is stopped between, the call seems older
    Duration left{};
  };

  Status take(Context& context, const std::string& name, std::uint64_t hash);
  Status send_one_way(Context& context, const std::string& name, std::uint64_t hash);
  Message request_of(Context& context, const std::string& name, std::uint64_t hash,
                     std::uint64_t id, std::span<const std::byte> body,
                     const Deadline& deadline) const;
  void answered(Message message);
  bool go_on(const Message& message, std::uint64_t id);
  void finish(Outstanding call, const Message& message);
  std::optional<Outstanding> claim(std::uint64_t id);
  void place(const std::string& name, const Wanted& wanted);
  void displace(const std::string& name, const Wanted& wanted);
  Offering* offering_for(const std::string& machine);

  Engine& engine_;
  Directory& directory_;
  Bus& bus_;
  const Config& config_;
  std::vector<std::string> patterns_;
  std::string inbox_;
  Duration usual_time_;
  std::shared_ptr<Engine::Subscription> replies_;
  std::set<std::string> local_;
  std::map<std::string, Wanted> wanted_;
  std::map<std::string, std::unique_ptr<Offering>> offerings_;
  std::atomic<bool> doubt_{false};  ///< a call to an offered name had no responders
  std::atomic<std::uint64_t> next_id_{1};

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Outstanding> table_;
  std::map<std::string, Error> refused_;  ///< by name; the loop reports them
};

}  // namespace shmbus::bridge
