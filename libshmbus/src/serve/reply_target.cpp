#include "serve/reply_target.hpp"

#include <algorithm>

#include "lane/request.hpp"
#include "testpoint.hpp"
#include "wait/fence.hpp"
#include "wait/futex.hpp"

namespace shmbus::serve {

using layout::CellWord;
using layout::Phase;

namespace {

constexpr std::size_t first_inline_word = lane::reply_inline_offset / 8;

void wake_caller(layout::LaneHead& lane) noexcept {
  wait::publisher_fence();  // SYNC lane.park: the answer, then "does somebody sleep?"
  if (lane.caller.park.load(std::memory_order_acquire) != 0) {  // SYNC wait.parked
    wait::wake_sleeper(lane.events.count, lane.caller.parked_at);
  }
}

}  // namespace

std::span<std::byte> ReplyTarget::buffer(std::size_t bytes) noexcept {
  if (bytes <= small.size()) {
    size = static_cast<std::uint32_t>(bytes);
    return {small.data(), bytes};
  }
  if (block != nullptr && bytes <= capacity) {
    size = static_cast<std::uint32_t>(bytes);
    return {block, bytes};
  }
  needed = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, ~0U));
  return {};
}

void ReplyTarget::commit() noexcept {
  if (needed != 0) {
    commit_code(StatusCode::reply_too_large, needed);
    return;
  }
  if (size <= small.size()) lane::store_words(*cell, first_inline_word, {small.data(), size});
  const auto code = static_cast<std::uint32_t>(StatusCode::ok);
  cell->word[1].store(lane::ReplyHead{size, 0}.pack(), std::memory_order_relaxed);
  SHMBUS_TESTPOINT("reply.filled");
  // SYNC lane.reply: the answer is committed.
  cell->word[0].store(CellWord::make(seq, Phase::reply, code).bits, std::memory_order_release);
  SHMBUS_TESTPOINT("reply.committed");
  wake_caller(*lane);
}

void ReplyTarget::commit_status(const Status& status) noexcept {
  if (status.is_ok()) {
    commit();
  } else {
    commit_code(StatusCode::rejected, static_cast<std::uint32_t>(status.code()), status.message());
  }
}

void ReplyTarget::commit_code(StatusCode code, std::uint32_t detail,
                              std::string_view text) noexcept {
  const std::size_t bytes = std::min(text.size(), small.size());
  std::copy_n(reinterpret_cast<const std::byte*>(text.data()), bytes, small.data());
  lane::store_words(*cell, first_inline_word, {small.data(), bytes});
  cell->word[1].store(lane::ReplyHead{static_cast<std::uint32_t>(bytes), detail}.pack(),
                      std::memory_order_relaxed);
  // SYNC lane.reply
  cell->word[0].store(CellWord::make(seq, Phase::reply, static_cast<std::uint32_t>(code)).bits,
                      std::memory_order_release);
  wake_caller(*lane);
}

}  // namespace shmbus::serve
