#include "cli/bench_parts.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "common/standard_output.hpp"
#include "os/clock.hpp"

namespace shmbus::cli {
namespace {

constexpr std::uint64_t spread = 0x9E3779B97F4A7C15ULL;  // any odd number would do

}  // namespace

BenchBlock BenchBlock::request(std::uint64_t sequence) noexcept {
  BenchBlock block{sequence, {}};
  for (std::size_t i = 0; i < block.words.size(); ++i) block.words[i] = (sequence + i) * spread;
  return block;
}

BenchBlock BenchBlock::reply(std::uint64_t sequence) noexcept {
  BenchBlock block = request(sequence);
  for (auto& word : block.words) word = ~word;
  return block;
}

std::vector<int> two_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> found;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return found;
  for (int i = 0; i < CPU_SETSIZE && found.size() < 2; ++i) {
    if (CPU_ISSET(static_cast<std::size_t>(i), &allowed)) found.push_back(i);
  }
  if (found.size() < 2) found.clear();
  return found;
}

void run_on(std::span<const int> processors) noexcept {
  if (processors.empty()) return;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  for (const int processor : processors) CPU_SET(static_cast<std::size_t>(processor), &allowed);
  (void)::sched_setaffinity(0, sizeof allowed, &allowed);
}

Child::Child(const std::function<int()>& body) : pid_(::fork()) {
  if (pid_ < 0) throw Failure(ErrorKind::limit_reached, "cannot start a second process");
  if (pid_ != 0) return;
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  int result = 1;
  try {
    result = body();
  } catch (const std::exception& e) {
    print_error(
        fmt::format("shmbus: the second process of the benchmark: {}\n", printable(e.what())));
  }
  ::_exit(result);
}

Child::~Child() {
  if (pid_ <= 0) return;
  (void)::kill(pid_, SIGKILL);
  (void)::waitpid(pid_, nullptr, 0);
}

void Child::wait(const char* what) {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw Failure(ErrorKind::corrupted,
                  fmt::format("{}: the second process found a fault or died", what));
  }
}

double Samples::quantile_ns(double share) {
  if (ticks_.empty()) return 0;
  std::sort(ticks_.begin(), ticks_.end());
  const auto last = static_cast<double>(ticks_.size() - 1);
  const auto at = static_cast<std::size_t>(share * last);
  return static_cast<double>(ticks_[at]) * 1e9 / static_cast<double>(wait::ticks_per_second());
}

}  // namespace shmbus::cli
