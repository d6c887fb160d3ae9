// Where one command's answer goes: the command's own cell, and the caller's block when the answer
// is large. Written by one thread, once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "layout/lane.hpp"
#include "layout/limits.hpp"
#include "layout/status_code.hpp"
#include "layout/words.hpp"
#include "os/fence.hpp"
#include "shmbus/context.hpp"
#include "shmbus/error.hpp"
#include "words/request.hpp"

namespace shmbus::serve {

/// What a refusal is called in the cell; ok for ok.
[[nodiscard]] StatusCode code_of(const Status& status) noexcept;

struct ReplyTarget : shmbus::detail::ReplyRoom {
  layout::LaneHead* lane = nullptr;
  layout::Cell* cell = nullptr;
  layout::Cell* second = nullptr;  ///< of a pair
  std::uint64_t seq = 0;
  std::uint32_t lane_index = 0;  ///< for the probes

  /// Each commits the answer by one store and wakes the caller if it sleeps.
  void commit() noexcept {
    if (needed != 0) [[unlikely]] {
      commit_code(StatusCode::reply_too_large, needed);
      return;
    }
    commit_words(StatusCode::ok, 0, size <= small_limit ? size : 0);
  }
  /// commit() of a plain command: it has one cell, and publishers need no fence.
  [[gnu::always_inline]] void commit_plain() noexcept {
    if ((needed | (size > one_cell ? 1U : 0U)) != 0) [[unlikely]] {
      commit();
      return;
    }
    const auto word = layout::CellWord::make(seq, layout::Phase::reply,
                                             static_cast<std::uint32_t>(StatusCode::ok));
    if (SHMBUS_MISTAKE("reply.early")) cell->word[0].store(word.bits, std::memory_order_release);
    lane::store_words<lane::reply_inline_offset / 8>(*cell, {small, size});
    cell->word[1].store(lane::ReplyHead{size, 0}.pack(), std::memory_order_relaxed);
    SHMBUS_TESTPOINT("reply.filled");
    probes::reply(lane_index, seq, size, static_cast<std::uint32_t>(StatusCode::ok));
    // SYNC lane.reply: the answer is committed.
    cell->word[0].store(word.bits, std::memory_order_release);
    SHMBUS_TESTPOINT("reply.committed");
    wait::light_publisher_fence();  // SYNC lane.park: the answer, then "does somebody sleep?"
    if (lane->caller.park.load(std::memory_order_acquire) != 0) [[unlikely]] {  // SYNC wait.parked
      wake_caller();
    }
  }
  void commit_status(const Status& status) noexcept {
    if (status.is_ok()) [[likely]] {
      commit();
    } else {
      commit_refusal(status);
    }
  }
  void commit_refusal(const Status& status) noexcept;
  void commit_code(StatusCode code, std::uint32_t detail = 0, std::string_view text = {}) noexcept;

 private:
  /// `inline_size` bytes of `small` go into the cell; `size` is the size that the caller gets.
  void commit_words(StatusCode code, std::uint32_t detail, std::size_t inline_size) noexcept {
    const auto word =
        layout::CellWord::make(seq, layout::Phase::reply, static_cast<std::uint32_t>(code));
    if (SHMBUS_MISTAKE("reply.early")) cell->word[0].store(word.bits, std::memory_order_release);
    if (inline_size <= one_cell) [[likely]] {
      lane::store_words<lane::reply_inline_offset / 8>(*cell, {small, inline_size});
    } else {
      lane::store_words<lane::reply_inline_offset / 8>(*cell, {small, one_cell});
      lane::store_words<lane::second_offset / 8>(*second,
                                                 {small + one_cell, inline_size - one_cell});
    }
    cell->word[1].store(lane::ReplyHead{size, detail}.pack(), std::memory_order_relaxed);
    SHMBUS_TESTPOINT("reply.filled");
    probes::reply(lane_index, seq, size, static_cast<std::uint32_t>(code));
    // SYNC lane.reply: the answer is committed.
    cell->word[0].store(word.bits, std::memory_order_release);
    SHMBUS_TESTPOINT("reply.committed");
    wait::publisher_fence();  // SYNC lane.park: the answer, then "does somebody sleep?"
    if (lane->caller.park.load(std::memory_order_acquire) != 0) [[unlikely]] {  // SYNC wait.parked
      wake_caller();
    }
  }
  void wake_caller() noexcept;
};

static_assert(shmbus::detail::ReplyRoom::one_cell == layout::inline_reply_bytes);
static_assert(shmbus::detail::ReplyRoom::small_bytes == layout::paired_reply_bytes);

}  // namespace shmbus::serve
