// What goes into the supervisor (events) and what it wants done (actions): plain values, no
// handles.
//
// Sources turn the kernel's notices into events, the performer turns actions into deeds and their
// outcomes into events again. A test puts a simulated world in the place of both.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/program.hpp"

namespace shmbus::daemon {

using Nanos = std::uint64_t;
inline constexpr Nanos never = ~0ULL;
inline constexpr Nanos microsecond = 1'000;
inline constexpr Nanos millisecond = 1'000'000;
inline constexpr Nanos second = 1'000'000'000;

/// One generation of a participant's slot.
struct SlotId {
  std::uint32_t index = 0;
  std::uint32_t epoch = 0;
  friend bool operator==(const SlotId&, const SlotId&) noexcept = default;
};

/// A taken slot as a census found it. All of it is hearsay: it came from the segment.
struct Slot {
  SlotId id;
  std::uint32_t pid = 0;     ///< 0: of no use here (another pid namespace, or not a pid)
  std::uint64_t joined = 0;  ///< tells two holders of one epoch apart, 4095 generations later
  bool left = false;         ///< marked dead: it left, or somebody began to reclaim it
};

namespace event {

struct Started {};
/// Somebody joined.
struct Arrival {};
/// Every taken slot but our own.
struct Census {
  std::vector<Slot> slots;
};
enum class WatchResult : std::uint8_t {
  watching,
  no_such_process,
  refused,  ///< no pidfd to be had: old kernel, sandbox, no descriptor left
};
struct Watch {
  SlotId slot;
  WatchResult result = WatchResult::watching;
};
/// The pidfd of this slot says that its process has gone. Not a verdict.
struct Exit {
  SlotId slot;
};
/// The verdict of the kernel about the token.
struct Verdict {
  SlotId slot;
  bool dead = false;
};
enum class ReclaimResult : std::uint8_t {
  freed,
  pending,  ///< a living owner has yet to drain a lane of the dead
  gone,     ///< somebody else freed the slot
};
struct Reclaim {
  SlotId slot;
  ReclaimResult result = ReclaimResult::freed;
};
enum class FileState : std::uint8_t { ours, missing, replaced };
/// What the path of the bus leads to now.
struct BusFile {
  FileState state = FileState::ours;
};
struct StopSignal {};

}  // namespace event

using Event = std::variant<event::Started, event::Arrival, event::Census, event::Watch, event::Exit,
                           event::Verdict, event::Reclaim, event::BusFile, event::StopSignal>;

enum class Ending : std::uint8_t {
  stopped,   ///< asked to, by a signal
  removed,   ///< the bus has no name any more and nobody is on it
  replaced,  ///< its name leads to another bus and nobody is on this one
};

namespace action {

struct TakeCensus {};
/// Open a pidfd and report its readiness; answered by event::Watch.
struct Watch {
  SlotId slot;
  std::uint32_t pid = 0;
};
/// Close the pidfd of this slot, if there is one.
struct Unwatch {
  SlotId slot;
};
/// Answered by event::Verdict.
struct Probe {
  SlotId slot;
};
/// Answered by event::Reclaim.
struct Reclaim {
  SlotId slot;
};
struct PublishStatistics {};
/// Answered by event::BusFile.
struct CheckBusFile {};
struct NotifyReady {};
struct NotifyWatchdog {};
struct Stop {
  Ending ending = Ending::stopped;
};
struct Log {
  Level level = Level::info;
  std::string_view text;  ///< a literal
};
/// A log line about one slot.
struct LogSlot {
  Level level = Level::info;
  std::string_view text;  ///< a literal
  SlotId slot;
  std::uint32_t pid = 0;
  Nanos took = never;  ///< since its end was first heard of
};

}  // namespace action

using Action =
    std::variant<action::TakeCensus, action::Watch, action::Unwatch, action::Probe, action::Reclaim,
                 action::PublishStatistics, action::CheckBusFile, action::NotifyReady,
                 action::NotifyWatchdog, action::Stop, action::Log, action::LogSlot>;

}  // namespace shmbus::daemon
