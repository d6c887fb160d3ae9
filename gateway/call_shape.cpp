#include "gateway/call_shape.hpp"

#include <algorithm>

#include "shmbus/stream.hpp"

namespace shmbus::gateway {
namespace {

constexpr std::size_t two_cells = 104;  ///< replies up to this size need no payload memory
constexpr std::size_t record_head = 64;

}  // namespace

std::size_t reply_capacity(const KnownName& known, const Limits& limits) noexcept {
  if (!known.typed && known.registered.reply_bytes == 0) return limits.reply_bytes;
  if (known.typed && known.reply.has_tail()) {
    return std::max(limits.reply_bytes, known.reply.size());
  }
  // A later version of the type may have more members at its end.
  return std::max<std::size_t>(known.registered.reply_bytes, two_cells);
}

std::size_t stream_window(const std::vector<std::vector<std::byte>>& requests) noexcept {
  std::size_t window = StreamOptions{}.window;
  for (const auto& one : requests) window = std::max(window, one.size() + record_head);
  return window;
}

}  // namespace shmbus::gateway
