#include "cli/terminal.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>

#include "cli/output.hpp"
#include "common/standard_output.hpp"

namespace shmbus::cli {
namespace {

volatile std::sig_atomic_t interruptions = 0;

// The alternate screen, no cursor, no wrapping of long lines.
constexpr const char* take_screen = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr const char* give_screen = "\x1b[?7h\x1b[?25h\x1b[?1049l";

int milliseconds_until(std::chrono::steady_clock::time_point then) {
  const auto left = then - std::chrono::steady_clock::now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<std::int64_t>(ms, 0, 3'600'000));
}

}  // namespace

void catch_interruptions() {
  struct sigaction action {};
  action.sa_handler = [](int) { interruptions = 1; };  // no SA_RESTART: waiting ends
  (void)::sigaction(SIGINT, &action, nullptr);
  (void)::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() noexcept { return interruptions != 0; }

Terminal::Terminal(bool wanted) {
  if (!wanted || !on_terminal() || ::isatty(STDIN_FILENO) != 1) return;
  if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  if (::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) return;
  live_ = true;
  fmt::print("{}", take_screen);
}

Terminal::~Terminal() {
  if (!live_) return;
  std::fputs(give_screen, stdout);
  (void)flush_output_now();
  (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
}

ScreenSize Terminal::size() noexcept {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
    return {};
  }
  return {size.ws_row, size.ws_col};
}

void Terminal::show(std::string_view text) const {
  if (!live_) {
    fmt::print("{}", text);
    (void)flush_output_now();
    return;
  }
  // Line by line, each wiped to its end: clearing the whole screen first would flicker.
  std::string out = "\x1b[H";
  const int rows = size().rows;
  for (int row = 0; row < rows && !text.empty(); ++row) {
    const auto end = std::min(text.find('\n'), text.size());
    if (row != 0) out += "\r\n";
    out.append(text.substr(0, end)).append("\x1b[K");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  fmt::print("{}\x1b[J", out);
  (void)flush_output_now();
}

char Terminal::key(std::chrono::steady_clock::time_point until) const {
  pollfd input{live_ ? STDIN_FILENO : -1, POLLIN, 0};
  while (!interrupted()) {
    const int ready = ::poll(&input, 1, milliseconds_until(until));
    if (ready == 0) return 0;
    char pressed = 0;
    if (ready > 0 && ::read(STDIN_FILENO, &pressed, 1) != 1) input.fd = -1;  // it hung up
    if (pressed != 0) return pressed;
  }
  return 0;
}

}  // namespace shmbus::cli
