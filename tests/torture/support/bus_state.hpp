// What is left of a bus after everybody has gone, or while it rests: counted by looking at the
// words themselves, judged by the doctor.
#pragma once

#include <chrono>
#include <string>

#include "support/census.hpp"

namespace shmbus::torture {

/// What is in use, read without taking part. All zero when there is no bus.
test::Census census_of(const std::string& path);

/// The same of events.
struct EventCensus {
  std::uint32_t lanes = 0;
  std::uint32_t subscribers = 0;
  friend bool operator==(const EventCensus&, const EventCensus&) = default;
  friend std::ostream& operator<<(std::ostream& out, const EventCensus& c) {
    return out << "event lanes=" << c.lanes << " subscribers=" << c.subscribers;
  }
};
EventCensus event_census_of(const std::string& path);

/// The doctor's findings above a note, one a line; empty when it is content. Those that go away by
/// themselves within `pause` do not count.
std::string doctor_findings(const std::string& path,
                            std::chrono::milliseconds pause = std::chrono::milliseconds(50));

/// Files beside `path` that begin with its name, itself excepted: scratch files of a creator.
std::string files_left(const std::string& path);

}  // namespace shmbus::torture
