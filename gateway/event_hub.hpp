// Events of the bus for any number of readers over HTTP. A topic is subscribed to once, whatever
// the number of readers: a bus has room for 16 subscribers of a name.
//
// Each event gets an id that says where all publishers stood when it came: "2a:17,3c:5" is the 17th
// event of publisher 2a and the 5th of publisher 3c. A reader that comes back with the id of the
// last event that it saw goes on behind it, also at another gateway, as long as the events are
// kept; what is not is counted.
//
// A reader that is slower than the events misses some, and gets their number. Nothing waits for it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/bus_link.hpp"

namespace shmbus::gateway {

/// Where each publisher stands.
class Positions {
 public:
  static constexpr std::size_t publishers_max = 64;

  /// Of an id; nothing when it is none.
  static std::optional<Positions> parse(std::string_view id);
  [[nodiscard]] std::string id() const;
  void advance(std::uint32_t publisher, std::uint64_t sequence);
  /// 0: nothing of this publisher.
  [[nodiscard]] std::uint64_t of(std::uint32_t publisher) const noexcept;
  [[nodiscard]] const std::map<std::uint32_t, std::uint64_t>& all() const noexcept { return last_; }

 private:
  std::map<std::uint32_t, std::uint64_t> last_;
};

/// One reader. Called from the loop; false means that it has no room now: missed() then counts what
/// it did not get.
class EventReader {
 public:
  virtual ~EventReader() = default;
  virtual bool event(std::string_view id, std::string_view data) = 0;
  virtual bool missed(std::uint64_t count) = 0;
  /// The topic cannot be read any more.
  virtual void ended(const Error& error) = 0;

 protected:
  EventReader() = default;
  EventReader(const EventReader&) = default;
  EventReader& operator=(const EventReader&) = default;
};

class Topic;

/// A reader's endpoint at a topic. Leaves when destroyed.
class Reading {
 public:
  Reading(std::shared_ptr<Topic> topic, EventReader& reader) noexcept;
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading();
  /// There is room again.
  void go_on();
  /// What is kept behind `last`; without it, the id from which this reader begins.
  void begin(const std::optional<Positions>& last);

 private:
  std::shared_ptr<Topic> topic_;
  EventReader& reader_;
};

class EventHub {
 public:
  EventHub(EventLoop& loop, BusLink::Where where);

  /// already_registered when the name is a command's.
  Result<std::unique_ptr<Reading>> join(std::string_view name, EventReader& reader);
  /// Topics that nobody reads are left.
  void check();
  [[nodiscard]] bool leads_to(std::string_view bus, std::int64_t trust) const noexcept {
    return link_.leads_to(bus, trust);
  }

 private:
  EventLoop& loop_;
  BusLink link_;
  std::unordered_map<std::string, std::weak_ptr<Topic>> topics_;
};

}  // namespace shmbus::gateway
