#include "serve/reply_target.hpp"

#include <algorithm>

#include "wait/futex.hpp"

namespace shmbus {

std::span<std::byte> detail::ReplyRoom::large_buffer(std::size_t bytes) noexcept {
  if (block != nullptr && bytes <= capacity) {
    size = static_cast<std::uint32_t>(bytes);
    return {block, bytes};
  }
  needed = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, ~0U));
  return {};
}

namespace serve {

void ReplyTarget::commit_code(StatusCode code, std::uint32_t detail,
                              std::string_view text) noexcept {
  const std::size_t bytes = std::min(text.size(), small_bytes);
  std::copy_n(reinterpret_cast<const std::byte*>(text.data()), bytes, small);
  size = static_cast<std::uint32_t>(bytes);
  commit_words(code, detail, bytes);
}

void ReplyTarget::commit_refusal(const Status& status) noexcept {
  StatusCode code = status.has_causes() ? StatusCode::rejected_because : StatusCode::rejected;
  if (status.kind() == ErrorKind::not_permitted) code = StatusCode::not_permitted;
  if (status.kind() == ErrorKind::overloaded) code = StatusCode::overloaded;
  if (status.kind() == ErrorKind::invalid_argument) code = StatusCode::invalid_argument;
  commit_code(code, static_cast<std::uint32_t>(status.code()), status.body());
}

void ReplyTarget::wake_caller() noexcept {
  wait::wake_sleeper(lane->events.count, lane->caller.parked_at);
}

}  // namespace serve
}  // namespace shmbus
