// Commands of this bus for other machines: a subscription for each name that may go out and has a
// handler here, and the calls that come in.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "bridge/callers.hpp"
#include "bridge/config.hpp"
#include "bridge/directory.hpp"
#include "bridge/parts.hpp"
#include "codec/type.hpp"

namespace shmbus::bridge {

/// How the commands of one name fare.
struct NameCounts {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  Time time = 0;  ///< from the request to its answer, in all
  std::string last_error;
};

class Exports {
 public:
  Exports(Loop& loop, Engine& engine, Directory& directory, Bus& bus, const Config& config);

  /// A name has a handler here, or none any more; update() comes after the last of them.
  void local(const std::string& name, bool available, bool carried);
  void update();
  /// What may go out has changed.
  void allow(const std::vector<std::string>& patterns);
  void tick(Time at);
  void wait_shortly() { callers_.wait_shortly(std::chrono::microseconds(200)); }
  [[nodiscard]] bool busy() const noexcept {
    return callers_.under_way() != 0 || !assemblies_.empty() || !parked_.empty();
  }
  /// Calls of that bridge were waiting for its clock.
  void clock_known(const std::string& id);
  [[nodiscard]] const std::map<std::string, NameCounts>& counts() const noexcept { return counts_; }

 private:
  struct Name {
    RegisteredTypes types;
    std::shared_ptr<const codec::CommandTypes> sides;  ///< null when the name has no schema
    std::shared_ptr<Engine::Subscription> calls;
    std::shared_ptr<Engine::Subscription> cancels;
  };
  struct Arrived {
    Message message;
    std::string name;
    Time at = 0;
    std::vector<std::byte> whole;  ///< of a request in parts
    bool assembled = false;
  };
  struct Partial {
    Arrived first;
    Assembly assembly;
    Time until = 0;
    std::shared_ptr<Engine::Subscription> rest;
  };

  void add(const std::string& name);
  void arrived(Arrived call);
  void gather(Arrived call, std::size_t size);
  void part(const std::string& id, const Message& message);
  void run(Arrived call);
  std::optional<Error> refuse(const Arrived& call, const Name& name) const;
  Result<Duration> time_left(const Arrived& call, bool& parked);
  void answer(const std::string& to, const std::string& name, Time began,
              const Result<ReplyView>& reply, const codec::CommandTypes* json);
  void refused(const Message& message, const std::string& name, Error error);
  void park(Arrived call);
  [[nodiscard]] Message in_json(const std::string& to, const codec::CommandTypes& sides,
                                std::span<const std::byte> bytes) const;

  Engine& engine_;
  Directory& directory_;
  Bus& bus_;
  const Config& config_;
  std::vector<std::string> patterns_;
  Callers callers_;
  std::map<std::string, bool> local_;  ///< name: served by a carrier
  std::map<std::string, Name> names_;
  std::map<std::string, NameCounts> counts_;
  std::map<std::string, Partial> assemblies_;
  std::size_t in_parts_ = 0;
  std::uint64_t next_part_ = 1;
  std::deque<Arrived> parked_;
};

}  // namespace shmbus::bridge
