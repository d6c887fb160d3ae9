// Delivers commands to the handlers of one bus: a caller for each name, attempts under way, and
// what an attempt's outcome means for its command.
//
// Threads   One. Nothing here blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shmbus/bus.hpp"
#include "shmbus/trace.hpp"
#include "spool/config.hpp"
#include "spool/queue.hpp"
#include "spool/store.hpp"

namespace shmbus::spool {

/// What becomes of a command after an attempt.
enum class Fate : std::uint8_t {
  done,    ///< it ran
  vacant,  ///< nobody has the name: it waits for somebody
  later,   ///< it was not run: again after a pause, and the attempt is not counted
  failed,  ///< it may have run: again after a pause, and the attempt counts
  dead,    ///< again would be of no use
};
Fate fate_of(const Error& error, const Retry& retry) noexcept;

struct Attempt {
  Queue::Work work;
  Fate fate = Fate::done;
  Error error;
};

class Deliverer {
 public:
  Deliverer(Bus& bus, const Config& config) noexcept : bus_(bus), config_(&config) {}
  void configure(const Config& config) noexcept { config_ = &config; }

  /// The number of a target; made when it is new.
  std::uint32_t target(std::string_view name, std::uint64_t type_hash);
  [[nodiscard]] bool known_types(std::uint64_t hash) const { return types_.count(hash) != 0; }
  void learn_types(std::uint64_t hash, StoredTypes types);
  [[nodiscard]] const StoredTypes* types(std::uint64_t hash) const;

  /// Begins an attempt; one that cannot even begin is among the finished at once.
  void start(const Queue::Work& work, const StoredCommand& command);
  /// Sends a one-way command that is not durable. False: it could not be sent.
  bool send_now(std::string_view name, std::span<const std::byte> body);
  Result<void> publish(std::string_view name, std::span<const std::byte> body);
  void finished(const std::function<void(const Attempt&)>& tell);

  /// Those that could not begin too, until finished() has told of them.
  [[nodiscard]] std::size_t under_way() const noexcept {
    return under_way_.size() + failed_.size();
  }
  /// Descriptors of callers that became known since the last call.
  std::vector<int> new_descriptors() { return std::exchange(new_fds_, {}); }
  [[nodiscard]] std::size_t targets() const noexcept { return targets_.size(); }
  [[nodiscard]] bool has_target(std::string_view name, std::uint64_t type_hash) const;
  [[nodiscard]] std::size_t type_count() const noexcept { return types_.size(); }
  [[nodiscard]] const std::string& name_of(std::uint32_t target) const {
    return targets_[target]->name;
  }
  /// Tells the numbers of a name's targets.
  void each_of(std::string_view name, const std::function<void(std::uint32_t)>& tell) const;

 private:
  struct Target {
    std::string name;
    std::uint64_t type_hash = 0;
    RawCaller caller;
    std::uint32_t under_way = 0;
    std::uint64_t used = 0;  ///< the number of its last attempt
    bool watched = false;
  };
  struct UnderWay {
    Queue::Work work;
    Pending pending;
  };
  Result<void> prepare(Target& target);
  void make_room_for_caller() noexcept;

  Bus& bus_;
  const Config* config_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::multimap<std::string, std::uint32_t, std::less<>> by_name_;
  std::map<std::uint64_t, StoredTypes> types_;
  std::size_t callers_ = 0;
  std::uint64_t starts_ = 0;
  std::vector<UnderWay> under_way_;
  std::vector<Attempt> failed_;
  std::vector<int> new_fds_;
  std::map<std::string, RawCaller, std::less<>> direct_;
  std::map<std::string, RawPublisher, std::less<>> publishers_;
};

}  // namespace shmbus::spool
