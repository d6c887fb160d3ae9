// The scripts of packaging/completions, as texts in the program. They ask `shmbus complete` (see
// complete.hpp) whenever a word is completed, and therefore never grow old.
#pragma once

#include <array>
#include <string_view>

namespace shmbus::cli {

struct CompletionScript {
  std::string_view shell;
  std::string_view text;
};

extern const std::array<CompletionScript, 3> completion_scripts;

}  // namespace shmbus::cli
