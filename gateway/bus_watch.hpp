// What the page sees of the bus: one look after the other, shared by all who watch, so that ten
// open pages cost no more looks than one. Reads only; nobody on the bus notices it.
//
// Threads   The gateway's one, but for the doctor, whose questions to the machine take a while: it
//           works on a thread of its own, at most one at a time, and never waits for anybody.
#pragma once

#include <future>
#include <optional>
#include <string>
#include <vector>

#include "gateway/event_loop.hpp"
#include "inspect/doctor.hpp"
#include "inspect/reader.hpp"
#include "inspect/snapshot.hpp"

namespace shmbus::gateway {

class BusWatch {
 public:
  explicit BusWatch(std::string bus) : bus_(std::move(bus)) {}

  struct Look {
    inspect::Snapshot before;  ///< what rates are counted from, when `number` is above 1
    inspect::Snapshot now;
    std::uint64_t number = 0;  ///< grows with each look
    Time at = 0;
    [[nodiscard]] bool has_rates() const noexcept { return before.bus.taken_at_ns != 0; }
  };

  /// The newest look; a new one when that is a second old (the second one comes sooner).
  Result<const Look*> look(Time at);
  /// The bus as it is open now.
  Result<const inspect::Reader*> reader();

  /// Spans that stand in the flight recorder, as JSON.
  Result<std::string> traces(Time at);

  /// Begins an examination, unless one is under way or its result is still new.
  void begin_examination(Time at);
  /// What it found; nothing while it is under way.
  [[nodiscard]] const std::vector<inspect::Finding>* findings(Time at);

 private:
  std::string bus_;
  std::optional<inspect::Reader> reader_;
  Look look_;
  std::string traces_;
  Time traced_at_ = 0;
  std::future<std::vector<inspect::Finding>> examination_;
  std::vector<inspect::Finding> findings_;
  Time examined_at_ = 0;
};

}  // namespace shmbus::gateway
