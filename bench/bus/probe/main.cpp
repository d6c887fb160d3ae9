// shmbus_bench_probe WHAT BUS: one measurement in a process that has nothing else in it. Prints one
// line of numbers. Started by shmbus_bench.

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <string_view>

#include "bus/commands.hpp"
#include "bus/private_bus.hpp"
#include "bus/probe/allocations.hpp"
#include "harness/measure.hpp"

namespace {

using namespace shmbus;
using namespace shmbus::bench;

constexpr std::size_t kBytes = 40;

double monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Prints the nanoseconds from Bus::open to the first reply of a handler that is there already.
void first_reply(const char* path) {
  const double start_ns = monotonic_ns();
  Bus bus = value_of("open", Bus::open(path, {.create = false}));
  auto caller = value_of("caller", bus.caller<Echo<kBytes>>());
  EchoCaller<kBytes> echo;
  Block<kBytes> request;
  echo.fill(request.bytes());
  const auto reply = value_of("call", caller.call(request));
  const double took_ns = monotonic_ns() - start_ns;
  echo.check(reply.bytes());
  std::printf("%.0f\n", took_ns);
}

/// A handler that says that it runs, and never ends.
void hang(const char* path) {
  Bus bus = value_of("open", Bus::open(path));
  Server server = value_of("serve", bus.serve());
  value_of("on", server.on("bench.hang", [](Context&) {
    (void)!::write(STDOUT_FILENO, "running\n", 8);
    for (;;) {
      ::pause();
    }
    return Status::ok();
  }));
  value_of("run", server.run({}));
}

struct Memory {
  double own_kb = 0;
  double program_kb = 0;
};

Memory memory_of_this_process() {
  std::FILE* status = std::fopen("/proc/self/status", "r");
  if (status == nullptr) {
    throw std::runtime_error("no /proc/self/status");
  }
  Memory memory;
  char line[256];
  while (std::fgets(line, sizeof line, status) != nullptr) {
    (void)std::sscanf(line, "RssAnon: %lf", &memory.own_kb);
    (void)std::sscanf(line, "RssFile: %lf", &memory.program_kb);
  }
  std::fclose(status);
  return memory;
}

/// Prints the bytes of a default segment and how many of them are in memory; then this process's
/// own and those of its program and libraries.
void resident(const char* path) {
  Bus bus = value_of("open", Bus::open(path));
  Server server = value_of("serve", bus.serve());
  value_of("on", server.on<Echo<kBytes>>([](const Block<kBytes>&, Block<kBytes>&) {}));
  struct stat file {};
  if (::stat(path, &file) != 0) {
    throw std::runtime_error("the bus has no file");
  }
  constexpr double kBlockBytes = 512;
  const Memory memory = memory_of_this_process();
  std::printf("%.0f %.0f %.0f %.0f\n", static_cast<double>(bus.segment_bytes()),
              static_cast<double>(file.st_blocks) * kBlockBytes, memory.own_kb * 1024,
              memory.program_kb * 1024);
}

int run(std::string_view what, const char* path) {
  if (what == "first-reply") {
    first_reply(path);
  } else if (what == "hang") {
    hang(path);
  } else if (what == "resident") {
    resident(path);
  } else if (what == "allocations") {
    count_allocations(path);
  } else {
    return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: shmbus_bench_probe first-reply|hang|resident|allocations BUS\n");
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "shmbus_bench_probe: %s\n", error.what());
    return 1;
  }
}
