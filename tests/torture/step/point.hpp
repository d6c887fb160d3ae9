// One kill: builds a world, cuts the subject off at the target, and sees how the others fare.
#pragma once

#include "torture/step/operations.hpp"
#include "torture/step/stepper.hpp"
#include "torture/support/summary.hpp"

namespace shmbus::torture {

struct PointResult {
  Summary summary;
  Walk walk;
  std::string problems;  ///< one a line
  double slowest_ms = 0;
};

PointResult try_point(const Operation& operation, Peers peers, const Target& target);
/// The same for an operation on events.
PointResult try_event_point(const Operation& operation, Peers peers, const Target& target);
/// The same for an operation on streams.
PointResult try_stream_point(const Operation& operation, Peers peers, const Target& target);

}  // namespace shmbus::torture
