// A terminal that is drawn on again and again and read key by key, put back as it was at the end;
// and waiting that a key or an interruption (SIGINT, SIGTERM) ends.
#pragma once

#include <termios.h>

#include <chrono>
#include <string_view>

namespace shmbus::cli {

/// From now on SIGINT and SIGTERM make interrupted() true instead of ending the program, so that a
/// command can show what it has and put the terminal back.
void catch_interruptions();
[[nodiscard]] bool interrupted() noexcept;

struct ScreenSize {
  int rows = 24;
  int columns = 80;
};

class Terminal {
 public:
  /// Takes the screen over when that is wanted and both sides are a terminal; else does nothing.
  explicit Terminal(bool wanted);
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  [[nodiscard]] bool live() const noexcept { return live_; }
  [[nodiscard]] static ScreenSize size() noexcept;
  /// Replaces what is on the screen; without one, prints the text.
  void show(std::string_view text) const;

  /// The next key, or 0 when `until` came first or the program was interrupted.
  [[nodiscard]] char key(std::chrono::steady_clock::time_point until) const;

 private:
  bool live_ = false;
  termios before_{};
};

}  // namespace shmbus::cli
