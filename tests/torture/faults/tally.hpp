// What every program here is told and tells: --quick or --full and a seed in, six counters out.
#pragma once

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "shmbus/shmbus.hpp"
#include "support/child.hpp"

namespace shmbus::torture {

using namespace std::chrono_literals;

struct Arguments {
  bool full = false;
  std::uint64_t count = 0;  ///< --count N, where something is repeated; 0: as --quick or --full say
  std::uint64_t seed = 0;
};

inline Arguments parse(int argc, char** argv) {
  Arguments out;
  out.seed = std::random_device{}();
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--full") out.full = true;
    if (word == "--count" && i + 1 < argc) out.count = std::strtoull(argv[++i], nullptr, 10);
    if (word == "--seed" && i + 1 < argc) out.seed = std::strtoull(argv[++i], nullptr, 10);
  }
  return out;
}

class Tally {
 public:
  explicit Tally(std::uint64_t seed) : seed_(seed) {}

  /// One more point; `ok` says whether all went as promised.
  bool point(bool ok, const std::string& what) {
    ++points;
    if (ok) {
      ++recovered;
    } else {
      std::printf("seed=%llu FAILED: %s\n", static_cast<unsigned long long>(seed_), what.c_str());
      std::fflush(stdout);
    }
    return ok;
  }
  /// Prints the summary; what main returns.
  [[nodiscard]] int finish(const std::string& more = {}) const {
    std::printf("points=%llu recovered=%llu lost=%llu duplicated=%llu hung=%llu leaked=%llu%s%s\n",
                points, recovered, lost, duplicated, hung, leaked, more.empty() ? "" : " ",
                more.c_str());
    return points == recovered && lost + duplicated + hung + leaked == 0 ? 0 : 1;
  }

  unsigned long long points = 0;
  unsigned long long recovered = 0;
  unsigned long long lost = 0;
  unsigned long long duplicated = 0;
  unsigned long long hung = 0;
  unsigned long long leaked = 0;

 private:
  std::uint64_t seed_;
};

/// A path of this process's own, gone at the end.
class Scratch {
 public:
  explicit Scratch(const std::string& folder = "/dev/shm") {
    static int counter = 0;
    path_ =
        folder + "/shmbus-torture." + std::to_string(::getpid()) + "." + std::to_string(counter++);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (::getpid() == maker_) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  pid_t maker_ = ::getpid();
};

inline std::string bin(const std::string& program) {
  const char* folder = std::getenv("SHMBUS_BIN");
  return (folder != nullptr ? std::string(folder) : std::string(SHMBUS_BIN_DIR)) + "/" + program;
}

/// Becomes a program of this build, its output thrown away unless `loud`.
[[noreturn]] inline void become(std::vector<std::string> words, bool loud = false) {
  words[0] = bin(words[0]);
  if (!loud) {
    (void)!std::freopen("/dev/null", "w", stdout);
    (void)!std::freopen("/dev/null", "w", stderr);
  }
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

inline test::Child program(const std::vector<std::string>& words, bool loud = false) {
  return test::Child([&]() -> int { become(words, loud); });
}

/// Exit codes of children: 0 fine, the number of an ErrorKind, 40 and up for what a test finds.
inline int code_of(const Error& error) { return static_cast<int>(error.kind); }

inline OpenOptions small_bus() {
  OpenOptions options;
  options.capacities = {.participants = 16,
                        .names = 16,
                        .endpoints = 8,
                        .lanes = 16,
                        .cells_per_lane = 8,
                        .inbox_slots = 16,
                        .extents = 16,
                        .extent_bytes = 4096};
  options.default_timeout = 200ms;
  return options;
}

}  // namespace shmbus::torture
