// Runs a traced child instruction by instruction and stops it after a given one.
//
// A kill leaves the segment as it is at that moment, and what the kernel did for the process until
// then. Two instructions between which neither a byte of the segment changed nor a system call was
// made leave the same: killing after either is the same experiment. So the moments that differ are
// counted, "events": the segment changed, a system call returned, the process went to sleep in one.
// Payload memory is left out of the comparison: it means nothing before a cell names it, unless the
// operation is on events, which lie there with their words. The test kills after each event, and,
// to try this argument too, after instructions picked at random.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "torture/step/world.hpp"

namespace shmbus::torture {

/// A read-only look at the words of a segment, which may not exist yet.
class SegmentWatch {
 public:
  explicit SegmentWatch(std::string path, bool payload = false)
      : path_(std::move(path)), payload_(payload) {}
  SegmentWatch(const SegmentWatch&) = delete;
  SegmentWatch& operator=(const SegmentWatch&) = delete;
  ~SegmentWatch();
  /// Whether something is different since the last time.
  bool changed();
  void look_for_file();

 private:
  std::string path_;
  bool payload_;  ///< compare what lies in extents too
  const std::byte* base_ = nullptr;
  std::size_t mapped_ = 0;
  std::size_t words_ = 0;  ///< bytes that are compared
  std::vector<std::byte> last_;
};

struct Walk {
  std::uint64_t instructions = 0;
  std::uint64_t events = 0;
  bool finished = false;  ///< the operation was over first
  bool stuck = false;     ///< it slept for longer than it may
};

/// The place to stop at: after that many events, or after that many instructions.
struct Target {
  std::uint64_t events = ~0ULL;
  std::uint64_t instructions = ~0ULL;
};

/// Steps the child, which has stopped itself before its operation, to the target. It is then alive
/// and stands still, or sleeps in the system call of its last step.
Walk walk(pid_t child, const Ledger& ledger, SegmentWatch& watch, const Target& target);

}  // namespace shmbus::torture
