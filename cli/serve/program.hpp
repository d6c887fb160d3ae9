// One run of a program as the handler of a command: started without a shell, fed, listened to, and
// ended with its whole process group.
//
// Threads   A Program belongs to one thread; several may run theirs at the same time.
// Lifetime  run() returns when the program has ended and nothing of its process group is left. A
//           process that leaves the group (setsid) is nobody's any more. When this process is
//           killed, the kernel kills the program (PR_SET_PDEATHSIG), but not what that has started.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/serve/descriptors.hpp"

namespace shmbus::cli::serve {

using Clock = std::chrono::steady_clock;

/// A command line whose program was looked up, so that nothing has to be searched at each start.
struct CommandLine {
  std::string file;
  std::vector<std::string> words;
};
/// Looks for words[0] as execvp would. Throws Failure when there is no such program.
CommandLine look_up(const std::vector<std::string>& words);

struct Limits {
  std::size_t output_bytes = 0;      ///< on standard output
  std::chrono::nanoseconds grace{};  ///< between SIGTERM and SIGKILL
};

/// Why a program was ended before it had ended by itself.
enum class Ended : unsigned char { by_itself, time, cancelled, output, leaving };

struct Outcome {
  int start_error = 0;  ///< errno; it was not started
  Ended ended = Ended::by_itself;
  int exit_code = 0;  ///< 128 + the signal that killed it
  std::string output;
  std::string errors;  ///< the end of what it wrote to standard error

  [[nodiscard]] bool good() const noexcept {
    return start_error == 0 && ended == Ended::by_itself && exit_code == 0;
  }
};

class Program {
 public:
  /// `environment` is added to this process's own. The rest has to outlive the program.
  Program(const CommandLine& line, const Limits& limits, std::vector<std::string> environment);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  /// Ends it at `until`, or as soon as `cancelled` or `leaving` can be read.
  Outcome run(std::span<const std::byte> input, std::optional<Clock::time_point> until,
              int cancelled, int leaving);

 private:
  bool start(Outcome& outcome);
  void feed(std::span<const std::byte>& input);
  void listen(Outcome& outcome);
  static bool drain(Descriptor& from, std::string& into, std::size_t most, bool keep_end);
  void tell_to_end(Outcome& outcome, Ended why);
  [[nodiscard]] std::optional<Clock::time_point> next_moment(
      const std::optional<Clock::time_point>& until) const;
  bool wait(bool input_left, const std::optional<Clock::time_point>& until, int cancelled,
            int leaving, Outcome& outcome);
  void reap(Outcome& outcome);

  const CommandLine& line_;
  const Limits& limits_;
  std::vector<std::string> environment_;
  pid_t pid_ = -1;
  Descriptor process_;
  Descriptor in_;
  Descriptor out_;
  Descriptor err_;
  std::optional<Clock::time_point> kill_at_;
  bool told_ = false;
};

}  // namespace shmbus::cli::serve
