// What the other bridges serve, and what their clocks say.
//
// A bridge publishes P.hello with its names when it starts, reconnects, is asked, or its names
// change, and a short hello with only their version every few seconds. It publishes P.bye when it
// ends. If it was killed or cut off, its subject has no subscriber: the engine reports that in
// answer to a request (no responders), and the bridge is removed. Silence alone only causes such a
// request.
//
// Clocks    Machines have different monotonic clocks. A bridge that runs calls asks the caller's
//           bridge for its clock and takes the answer with the shortest round trip of late. So it
//           knows how old a call is at most, whatever held it up on the way, and runs none that has
//           passed its deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/engine.hpp"
#include "bridge/loop.hpp"
#include "shmbus/schema.hpp"

namespace shmbus::bridge {

struct OfferedName {
  std::uint64_t hash = 0;
  std::uint32_t request_bytes = 0;
  std::uint32_t reply_bytes = 0;
  std::string schema;
  friend bool operator==(const OfferedName&, const OfferedName&) = default;
};
using Offer = std::map<std::string, OfferedName>;

struct PeerClock {
  Time asked_at = 0;  ///< here; 0: not known
  Time their_time = 0;
  Time round_trip = 0;
  /// How old something is at most that was sent at `sent` there. NTP may make a clock 0.05 % fast
  /// or slow: two drift apart by 0.1 %.
  [[nodiscard]] Time age_of(Time sent) const noexcept {
    const Time passed = now() - asked_at;
    const Time since = passed + passed / 1000;
    return their_time + since > sent ? their_time + since - sent : 0;
  }
};

/// A list of names that comes in several messages.
struct PartialOffer {
  std::string epoch;
  std::size_t count = 0;  ///< of names so far, with those that are malformed
  Offer names;
};

struct Peer {
  std::string id;
  std::string machine;
  std::string epoch;
  bool known = false;  ///< its offer is
  Offer offer;
  PartialOffer coming;
  PeerClock clock;
  Time heard_at = 0;
  Time asked_at = 0;   ///< whether it is there, or for its clock; 0: no answer is awaited
  Time called_at = 0;  ///< the last time it called something here
};

class Directory {
 public:
  Directory(Engine& engine, std::string prefix, std::string machine);

  Result<void> open();
  /// What this bridge serves, from now on.
  void offer(Offer names);
  /// To be called when there is a connection anew.
  void introduce(bool ask);
  void leave();
  void tick(Time at);
  /// Answers of others, to be called with each turn of the loop.
  void look();

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] const std::string& machine() const noexcept { return machine_; }
  [[nodiscard]] const std::map<std::string, Peer>& peers() const noexcept { return peers_; }
  /// Of the bridge that a call came from; null until its clock is known: then on_clock is called.
  const PeerClock* clock_of(const std::string& id);
  /// Asks every peer for a sign of life: a call to a name that one of them offers had no
  /// responders.
  void doubt();

  std::function<void()> on_change;  ///< what the others serve has changed
  std::function<void(const std::string& id)> on_clock;
  std::function<void(std::string_view event, const Peer& peer)> on_peer;

 private:
  void heard_hello(const Message& message);
  bool gather(Peer& peer, const nlohmann::json& hello, const std::string& epoch);
  void heard_pong(const Message& message);
  void ask(Peer& peer);
  void remove(const std::string& id, std::string_view why);
  void say_version();
  void say_names(bool ask);
  [[nodiscard]] nlohmann::json hello(bool ask) const;
  void publish_hello(const nlohmann::json& hello);

  Engine& engine_;
  std::string prefix_;
  std::string machine_;
  std::string id_;
  std::string inbox_;
  Offer mine_;
  std::uint64_t version_ = 1;
  Time said_at_ = 0;
  std::map<std::string, Peer> peers_;
  std::mutex mutex_;
  std::vector<Message> pongs_;  ///< that came; the next tick looks at them
  std::vector<std::shared_ptr<Engine::Subscription>> subscriptions_;
};

}  // namespace shmbus::bridge
