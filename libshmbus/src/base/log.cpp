#include "base/log.hpp"

#include <atomic>

namespace shmbus {
namespace {

std::atomic<const Log*> current{nullptr};

}  // namespace

void set_log(const Log* log) noexcept {
  current.store(log, std::memory_order_release);  // SYNC log.current
}

namespace logging {

bool wanted(LogLevel level) noexcept {
  const Log* const log = current.load(std::memory_order_acquire);  // SYNC log.current
  return log != nullptr && log->write != nullptr && level <= log->threshold;
}

void write(LogLevel level, std::string_view event, const Text& text) noexcept {
  const Log* const log = current.load(std::memory_order_acquire);  // SYNC log.current
  if (log == nullptr || log->write == nullptr || level > log->threshold) return;
  log->write(log->user, {level, event, text.view()});
}

}  // namespace logging
}  // namespace shmbus
