#include "lane/reply_target.hpp"

#include <algorithm>

#include "base/probes.hpp"
#include "os/futex.hpp"

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
  const std::size_t bytes = std::min(text.size(), one_cell);
  std::copy_n(reinterpret_cast<const std::byte*>(text.data()), bytes, small);
  size = static_cast<std::uint32_t>(bytes);
  commit_words(code, detail, bytes);
}

StatusCode code_of(const Status& status) noexcept {
  if (status.is_ok()) return StatusCode::ok;
  if (status.kind() == ErrorKind::not_permitted) return StatusCode::not_permitted;
  if (status.kind() == ErrorKind::overloaded) return StatusCode::overloaded;
  if (status.kind() == ErrorKind::invalid_argument) return StatusCode::invalid_argument;
  return status.has_causes() ? StatusCode::rejected_because : StatusCode::rejected;
}

void ReplyTarget::commit_refusal(const Status& status) noexcept {
  commit_code(code_of(status), static_cast<std::uint32_t>(status.code()), status.body());
}

void ReplyTarget::wake_caller() noexcept {
  probes::wake(probes::Sleeper::caller, lane_index, seq);
  wait::wake_sleeper(lane->events.count, lane->caller.parked_at);
}

}  // namespace serve
}  // namespace shmbus
