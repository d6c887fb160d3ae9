#include "harness/machine.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#ifndef SHMBUS_BENCH_COMMIT
#define SHMBUS_BENCH_COMMIT "unknown"
#endif
#ifndef SHMBUS_BENCH_BUILD
#define SHMBUS_BENCH_BUILD "unknown"
#endif

namespace shmbus::bench {
namespace {

std::string cpuinfo_field(const std::string& field) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field)) {
      const auto colon = line.find(": ");
      return colon == std::string::npos ? "" : line.substr(colon + 2);
    }
  }
  return "";
}

std::string first_line_of(const char* path, const char* otherwise) {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) ? line : otherwise;
}

}  // namespace

Machine describe_machine() {
  Machine machine;
  utsname name{};
  uname(&name);
  machine.kernel = std::string(name.sysname) + " " + name.release + " " + name.machine;
  machine.cpu = cpuinfo_field("model name");
  const std::string family = cpuinfo_field("cpu family");
  if (!family.empty()) {
    machine.cpu += " (family " + family + " model " + cpuinfo_field("model\t") + ")";
  }
  machine.cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  machine.compiler =
#if defined(__clang__)
      "clang " __clang_version__;
#else
      "gcc " __VERSION__;
#endif
  machine.build = SHMBUS_BENCH_BUILD;
  // The configured commit may be older than the tree that was built, so scripts/bench says it anew.
  const char* commit = std::getenv("SHMBUS_BENCH_COMMIT");
  machine.commit = commit != nullptr ? commit : SHMBUS_BENCH_COMMIT;
  machine.governor = first_line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "none");
  machine.hypervisor = cpuinfo_field("flags").find(" hypervisor") != std::string::npos
                           ? "virtual machine"
                           : "bare metal";
  return machine;
}

}  // namespace shmbus::bench
