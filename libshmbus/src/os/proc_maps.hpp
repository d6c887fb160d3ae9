// What /proc/PID/maps shows of a file, for those who must know which process maps what.
#pragma once

#include <cstdint>
#include <string>

namespace shmbus::proc_maps {

/// How /proc names the file that is mapped at that address of this process, as "fe:01 1234"; empty
/// when it cannot be read. May throw std::bad_alloc.
std::string file_at(const void* address);

enum class Found : std::uint8_t {
  yes,
  no,
  unknown,  ///< /proc does not show the mappings of that process
};

/// Whether a process maps that file. May throw std::bad_alloc.
Found maps(std::uint32_t pid, const std::string& file);
/// The same, from that offset on.
Found maps(std::uint32_t pid, const std::string& file, std::uint64_t offset);

}  // namespace shmbus::proc_maps
