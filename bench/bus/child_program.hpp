#pragma once
// shmbus_bench_probe, a program as small as a participant gets, for what must be measured in a
// fresh process: starting, memory, allocations, dying.

#include <sys/types.h>

#include <string>
#include <vector>

namespace shmbus::bench {

/// In the folder of this program.
[[nodiscard]] std::string sibling_program(const std::string& name);

class ChildProgram {
 public:
  /// Throws Unavailable when it cannot be started.
  explicit ChildProgram(const std::vector<std::string>& command);
  ~ChildProgram();  ///< killed, if it still runs
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  /// The next line of its output, without the end of line. Throws std::runtime_error when there is
  /// none.
  [[nodiscard]] std::string read_line();
  void kill() noexcept;
  /// Waits for its end; true when it was a good one.
  bool wait() noexcept;

 private:
  pid_t pid_ = -1;
  int output_ = -1;
};

}  // namespace shmbus::bench
