// What the library has to tell beside the results of its calls: who came and went, what was taken
// back from the dead. Off until a program asks for it; the library itself never prints.
//
//   void write(void*, const shmbus::LogRecord& r) noexcept {
//     std::fprintf(stderr, "%.*s\n", static_cast<int>(r.text.size()), r.text.data());
//   }
//   static const shmbus::Log log{write};
//   shmbus::set_log(&log);
//
// Nothing that happens once for each call is logged: the cost of a call is the same with and
// without.
//
// Threads   Called on whatever thread made the operation that found something, on several at once;
//           never on one of the library's own.
// Errors    The callback must not throw, and must not call into the library.
#pragma once

#include <cstdint>
#include <string_view>

#include "shmbus/export.hpp"

namespace shmbus {

enum class LogLevel : std::uint8_t {
  error,
  warning,  ///< somebody died, and what it held was taken back
  info,     ///< joined, left, registered, gave up a name
};

struct LogRecord {
  LogLevel level = LogLevel::info;
  std::string_view event;  ///< stable, for programs: "bus.joined", "participant.reclaimed", ...
  std::string_view text;   ///< for people; may hold what a peer wrote (labels, names)
};

/// Texts of a record are valid during the call alone.
using LogCallback = void (*)(void* user, const LogRecord& record) noexcept;

struct Log {
  LogCallback write = nullptr;
  void* user = nullptr;
  LogLevel threshold = LogLevel::info;  ///< the least urgent level that is logged
};

/// For the whole process; null turns it off again. `log` is not copied: another thread may be using
/// it even after it was replaced, so it must live until the process ends, as a static object does.
SHMBUS_API void set_log(const Log* log) noexcept;

}  // namespace shmbus
