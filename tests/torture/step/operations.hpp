// The public operations that are cut off, and what each needs around it.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "torture/step/world.hpp"

namespace shmbus::torture {

using Act = std::function<void()>;

/// Who is there beside an operation on events.
struct EventScene {
  bool readers = false;          ///< one that holds and one that skips, from the beginning
  bool publisher = false;        ///< one that publishes when it is asked to
  bool dead_publisher = false;   ///< one was killed when it had published
  bool dead_subscriber = false;  ///< one was killed that holds everything
  bool no_free_lane = false;     ///< dead publishers have all of them
};

/// Who is there beside an operation on streams.
struct StreamScene {
  bool handler = false;      ///< one that works all the time
  bool callers = false;      ///< one that reads and one that puts, when the subject serves them
  bool dead_caller = false;  ///< one was killed in a stream
};

struct Operation {
  const char* name;
  bool handler_beside = false;  ///< a handler of "run" works all the time
  bool predecessor = false;     ///< one got stuck in a command and was killed before the operation
  bool caller_beside = false;   ///< a caller has commands under way
  bool dead_caller = false;     ///< one was killed with a lane, memory and commands
  bool no_bus = false;          ///< there is no file yet
  bool takes_over = false;  ///< the handler beside gives its slot to the subject, or is asked to
  bool gives_up = false;    ///< the subject's own calls may end by their time limit
  std::optional<EventScene> events = std::nullopt;    ///< an operation on events, and its peers
  std::optional<StreamScene> streams = std::nullopt;  ///< the same on streams
  /// Run in the subject before it stops; what it returns is what is cut off. Empty: it failed.
  std::function<Act(World&)> prepare;
};

std::span<const Operation> operations();
std::span<const Operation> event_operations();
std::span<const Operation> stream_operations();

}  // namespace shmbus::torture
