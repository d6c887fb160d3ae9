#include "cli/serve/program.hpp"

#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "cli/serve/spawn.hpp"
#include "os/descriptor.hpp"

namespace shmbus::cli::serve {
namespace {

constexpr std::size_t errors_kept = 4096;
constexpr int code_of_signal = 128;
constexpr std::size_t piece = 16384;
constexpr int pieces_in_a_row = 16;  // then deadlines and the other stream have their turn

void signal_group(pid_t leader, int number) noexcept { ::kill(-leader, number); }

int left_ms(std::optional<Clock::time_point> moment) {
  if (!moment) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*moment - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

}  // namespace

Program::Program(const CommandLine& line, const Limits& limits,
                 std::vector<std::string> environment)
    : line_(line), limits_(limits), environment_(std::move(environment)) {}

Program::~Program() {
  if (pid_ <= 0) return;  // run() was left by an exception
  signal_group(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool Program::start(Outcome& outcome) {
  auto spawned = spawn(line_, environment_);
  outcome.start_error = spawned.error;
  if (spawned.error != 0) return false;
  pid_ = spawned.pid;
  in_ = std::move(spawned.in);
  out_ = std::move(spawned.out);
  err_ = std::move(spawned.err);
  process_ = Descriptor(descriptor::process(pid_));
  if (process_.open()) return true;
  outcome.start_error = errno;
  signal_group(pid_, SIGKILL);
  return false;  // ~Program waits for it
}

void Program::feed(std::span<const std::byte>& input) {
  while (in_.open() && !input.empty()) {
    const ssize_t n = ::write(in_.get(), input.data(), input.size());
    if (n > 0) {
      input = input.subspan(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      break;  // it does not read: that is its own affair
    }
  }
  in_.close();
}

/// Takes what is there. False when there was more than `most`, which is dropped: at the end, or
/// with `keep_end` at the beginning.
bool Program::drain(Descriptor& from, std::string& into, std::size_t most, bool keep_end) {
  std::array<char, piece> some{};  // NOLINT: read() fills it
  for (int left = pieces_in_a_row; left > 0 && from.open(); --left) {
    const ssize_t n = ::read(from.get(), some.data(), some.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) {
      from.close();
      break;
    }
    into.append(some.data(), static_cast<std::size_t>(n));
    if (into.size() <= most) continue;
    if (keep_end) {
      into.erase(0, into.size() - most);
    } else {
      into.resize(most);
      return false;
    }
  }
  return true;
}

void Program::listen(Outcome& outcome) {
  (void)drain(err_, outcome.errors, errors_kept, true);
  if (!drain(out_, outcome.output, limits_.output_bytes, false)) {
    out_.close();
    tell_to_end(outcome, Ended::output);
  }
}

void Program::tell_to_end(Outcome& outcome, Ended why) {
  if (std::exchange(told_, true)) return;
  outcome.ended = why;
  if (pid_ <= 0) return;  // it has ended
  kill_at_ = Clock::now() + limits_.grace;
  signal_group(pid_, SIGTERM);
}

std::optional<Clock::time_point> Program::next_moment(
    const std::optional<Clock::time_point>& until) const {
  return told_ ? kill_at_ : until;
}

/// False once the program has ended.
bool Program::wait(bool input_left, const std::optional<Clock::time_point>& until, int cancelled,
                   int leaving, Outcome& outcome) {
  enum : std::size_t { ended, in, out, err, cancel, leave, count };
  std::array<pollfd, count> on{};
  on[ended] = {process_.get(), POLLIN, 0};
  on[in] = {input_left ? in_.get() : -1, POLLOUT, 0};
  on[out] = {out_.get(), POLLIN, 0};
  on[err] = {err_.get(), POLLIN, 0};
  on[cancel] = {told_ ? -1 : cancelled, POLLIN, 0};
  on[leave] = {told_ ? -1 : leaving, POLLIN, 0};
  const auto moment = next_moment(until);
  if (::poll(on.data(), on.size(), left_ms(moment)) < 0 && errno != EINTR) return false;
  if (on[ended].revents != 0) return false;
  if (on[cancel].revents != 0) tell_to_end(outcome, Ended::cancelled);
  if (on[leave].revents != 0) tell_to_end(outcome, Ended::leaving);
  if (moment && Clock::now() >= *moment) {
    if (told_) {
      signal_group(pid_, SIGKILL);
      kill_at_.reset();
    } else {
      tell_to_end(outcome, Ended::time);
    }
  }
  return true;
}

/// The group goes before its leader is taken away: until then its number is nobody else's.
void Program::reap(Outcome& outcome) {
  signal_group(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  outcome.exit_code = WIFSIGNALED(status) ? code_of_signal + WTERMSIG(status) : WEXITSTATUS(status);
}

Outcome Program::run(std::span<const std::byte> input, std::optional<Clock::time_point> until,
                     int cancelled, int leaving) {
  Outcome outcome;
  if (!start(outcome)) return outcome;
  do {
    feed(input);
    listen(outcome);
  } while (wait(!input.empty(), until, cancelled, leaving, outcome));
  reap(outcome);
  // What it had written before it ended: a pipe holds no more than this takes.
  for (int turn = 0; turn < pieces_in_a_row && (out_.open() || err_.open()); ++turn) {
    listen(outcome);
  }
  return outcome;
}

}  // namespace shmbus::cli::serve
