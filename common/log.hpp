// Structured lines on stderr: a message and key=value pairs, one write(2) each.
//
//   under systemd   <6>participant reclaimed slot=3 pid=71 took_us=84
//   elsewhere       2025-06-01T12:00:00.000Z info    participant reclaimed slot=3 pid=71 took_us=84
//
// Values are quoted when they hold more than plain characters, and control characters are
// replaced: some of them come from the segment.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace shmbus::program {

enum class Level : std::uint8_t { error, warning, info, debug };

struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view name, std::string_view text) : key(name), value(text) {}
  template <class Number>
  requires std::is_arithmetic_v<Number> Field(std::string_view name, Number number)
      : key(name), value(fmt::to_string(number)) {}
};

class Log {
 public:
  Log(Level threshold, bool journal) noexcept : threshold_(threshold), journal_(journal) {}
  /// For the journal when systemd says that stderr leads there.
  static Log to_stderr(Level threshold);

  void write(Level level, std::string_view message, std::initializer_list<Field> fields = {}) const;
  /// The line without its end, as write() would print it at that time.
  [[nodiscard]] std::string line(Level level, std::string_view message,
                                 std::initializer_list<Field> fields, std::int64_t unix_ms) const;

 private:
  Level threshold_;
  bool journal_;
};

std::optional<Level> level_from(std::string_view name) noexcept;

}  // namespace shmbus::program
