#include "common/log.hpp"

#include <fmt/chrono.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include "common/escape.hpp"

namespace shmbus::program {
namespace {

struct LevelName {
  std::string_view name;
  char syslog;
};
constexpr std::array<LevelName, 4> levels{{
    {"error", '3'},
    {"warning", '4'},
    {"info", '6'},
    {"debug", '7'},
}};

bool plain(char c) noexcept { return c > ' ' && c != '"' && c != '=' && c != '\\'; }

/// Values may hold what peers wrote: a line stays a line, and a value one value.
void append_value(std::string& line, std::string_view value) {
  const auto visible = escape::terminal(value);
  if (visible == value && !value.empty() && std::all_of(value.begin(), value.end(), plain)) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : visible) {
    if (c == '"' || c == '\\') line += '\\';
    line += c;
  }
  line += '"';
}

/// $JOURNAL_STREAM names the device and inode of the journal's socket; stderr may be redirected.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace

Log Log::to_stderr(Level threshold) { return {threshold, stderr_is_journal()}; }

std::string Log::line(Level level, std::string_view message, std::initializer_list<Field> fields,
                      std::int64_t unix_ms) const {
  const auto& named = levels[static_cast<std::size_t>(level)];
  std::string text;
  if (journal_) {
    text = fmt::format("<{}>{}", named.syslog, escape::terminal(message));
  } else {
    const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
    text = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z {:<7} {}", fmt::gmtime(seconds), unix_ms % 1000,
                       named.name, escape::terminal(message));
  }
  for (const Field& field : fields) {
    text.append(" ").append(field.key).append("=");
    append_value(text, field.value);
  }
  return text;
}

void Log::write(Level level, std::string_view message, std::initializer_list<Field> fields) const {
  if (level > threshold_) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::string text = line(level, message, fields, unix_ms) + '\n';
  (void)!::write(STDERR_FILENO, text.data(), text.size());  // nobody to tell if it fails
}

std::optional<Level> level_from(std::string_view name) noexcept {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (levels[i].name == name) return static_cast<Level>(i);
  }
  return std::nullopt;
}

}  // namespace shmbus::program
