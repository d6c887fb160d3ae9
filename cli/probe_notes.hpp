// The static probes of a program: what the notes in its ELF file say. Users of the tool's command
// `probe`, to know which files to attach to, and the tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shmbus::cli {

struct ProbeNote {
  std::string name;       ///< "publish"
  std::string arguments;  ///< where they lie: "4@%eax 8@16(%rsp)"

  /// How many arguments it has.
  [[nodiscard]] std::size_t argument_count() const;
};

/// The notes of the provider `shmbus` in that file, one for each place of a probe; none when it
/// cannot be read or is no 64-bit ELF file.
[[nodiscard]] std::vector<ProbeNote> read_probe_notes(const std::string& path);

/// Files that the process has mapped to run and that have such notes.
[[nodiscard]] std::vector<std::string> files_with_probes(std::uint32_t pid);

}  // namespace shmbus::cli
