// The bpftrace scripts of packaging/bpftrace, which the build puts into the tool: it finds them
// wherever it was copied to.
#pragma once

#include <array>
#include <string_view>

namespace shmbus::cli {

struct ProbeScript {
  std::string_view name;
  std::string_view text;
};

extern const std::array<ProbeScript, 3> probe_scripts;

}  // namespace shmbus::cli
