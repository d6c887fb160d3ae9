// What the other bridges serve, and what their clocks say.
//
// A bridge introduces itself (P.hello) when it begins, when it has a connection anew, when what it
// serves has changed, when it is asked, and every few seconds in short. One that ended says so
// (P.bye). That one was killed or cut off is the engine's word: nobody has subscribed to its
// subject any more (no responders). A bridge that merely says nothing is asked, never given up.
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
  /// How old something is at most that was sent at `sent` there.
  [[nodiscard]] Time age_of(Time sent) const noexcept {
    const Time since = now() - asked_at;
    return their_time + since > sent ? their_time + since - sent : 0;
  }
};

struct Peer {
  std::string id;
  std::string machine;
  std::string epoch;
  bool known = false;  ///< its offer is
  Offer offer;
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
  /// Somebody had no responders: who is still there?
  void doubt();

  std::function<void()> on_change;  ///< what the others serve has changed
  std::function<void(const std::string& id)> on_clock;
  std::function<void(std::string_view event, const Peer& peer)> on_peer;

 private:
  void heard_hello(const Message& message);
  void heard_pong(const Message& message);
  void ask(Peer& peer);
  void remove(const std::string& id, std::string_view why);
  void say(bool in_full, bool ask);

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
