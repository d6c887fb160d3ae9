// Standard input line by line, within a budget, and without waiting where something else goes on
// meanwhile.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace shmbus::cli {

/// JSON takes up to six characters for a byte of a text, and names beside.
constexpr std::size_t line_bytes_of(std::size_t message) noexcept { return 8 * message + 65536; }

class InputLines {
 public:
  /// Of at most so many bytes each.
  explicit InputLines(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  /// True when next() has a line, or the end; false when neither has come within `limit`.
  bool wait(std::chrono::milliseconds limit);
  /// The next line; waits for it. Nothing at the end, and after an interruption (cli/terminal.hpp).
  /// Throws Failure (too_large), with `advice`, for a line that is too long.
  std::optional<std::string> next(std::string_view advice);

 private:
  [[nodiscard]] std::optional<std::string> take();
  void read_more();

  std::size_t line_bytes_max_;
  std::string read_;
  std::size_t begin_ = 0;      ///< of the next line in it
  std::size_t looked_at_ = 0;  ///< that line does not end before here
  bool ended_ = false;
};

}  // namespace shmbus::cli
