// A bus in memory that has no name, for inputs by the thousand.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "shmbus/shmbus.hpp"

namespace shmbus::fuzz {

inline OpenOptions tiny_bus() {
  OpenOptions options;
  options.capacities = {.participants = 4,
                        .names = 4,
                        .endpoints = 2,
                        .lanes = 4,
                        .cells_per_lane = 4,
                        .inbox_slots = 16,
                        .extents = 4,
                        .extent_bytes = 4096};
  options.create = false;
  return options;
}

class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("shmbus-fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(fd_); }
  void fill(std::span<const std::uint8_t> bytes) const {
    if (::pwrite(fd_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      std::abort();
    }
  }
  void grow(std::uint64_t bytes) const {
    if (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0) std::abort();
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace shmbus::fuzz
