// How a caller's commands get into its lane, in each shape that has a short path. One function
// commits all of them. The rest of caller_lane.hpp, which includes this.
#pragma once

#include <algorithm>

#include "lane/caller_lane.hpp"

namespace shmbus::lane {

// The compiler takes the lines of a probe's note for instructions, and would not inline it.
[[gnu::always_inline]] inline Ticket CallerLane::commit(Place at, const RequestHead& head,
                                                        layout::Phase phase,
                                                        std::uint32_t command) noexcept {
  layout::LaneHead* const shared = head_;  // once: no store below changes it
  layout::Cell& cell = cells_[at.cell()];
  cell.word[1].store(head.pack(), std::memory_order_relaxed);
  SHMBUS_TESTPOINT("lane.filled");
  const auto word = layout::CellWord::make(at.seq(), phase, command);
  probes::publish(command & layout::CellWord::code_mask, index_, endpoint_, at.seq(), head.bytes,
                  phase == layout::Phase::send);
  // SYNC lane.publish: the commit point.
  cell.word[0].store(word.bits, std::memory_order_release);
  SHMBUS_TESTPOINT("lane.published");
  next_ = Place::make(at.seq() + 1, head.next);
  shared->counters.published.store(at.seq(), std::memory_order_relaxed);
  note_outstanding(at, phase);
  return {at.cell(), at.seq()};
}

[[gnu::always_inline]] inline Ticket CallerLane::publish_cell(std::uint32_t command,
                                                              layout::Phase phase,
                                                              std::span<const std::byte> request,
                                                              std::uint64_t stamp) noexcept {
  const Place at = next_;
  RequestHead head{pop_free(), 0, static_cast<std::uint32_t>(request.size())};
  if (stamp != 0) [[unlikely]]
    head.flags = put_stamp(at, stamp);
  store_words<inline_offset / 8>(cells_[at.cell()], request);
  return commit(at, head, phase, command);
}

[[gnu::always_inline]] inline std::uint32_t CallerLane::put_second(
    std::uint32_t cell, std::span<const std::byte> request) noexcept {
  const std::uint32_t second = pop_free();
  use_[cell].second = static_cast<std::uint16_t>(second);
  if (request.size() > layout::inline_request_bytes) {
    store_words<second_offset / 8>(cells_[second], request.subspan(layout::inline_request_bytes));
  }
  return second;
}

[[gnu::always_inline]] inline Ticket CallerLane::publish_pair(std::uint32_t command,
                                                              layout::Phase phase,
                                                              std::span<const std::byte> request,
                                                              std::uint64_t stamp) noexcept {
  const Place at = next_;
  const std::uint32_t second = put_second(at.cell(), request);
  RequestHead head{pop_free(), layout::cell_flags::paired,
                   static_cast<std::uint32_t>(request.size()), second};
  if (stamp != 0) [[unlikely]]
    head.flags |= put_stamp(at, stamp);
  store_words<inline_offset / 8>(
      cells_[at.cell()], request.first(std::min(request.size(), layout::inline_request_bytes)));
  return commit(at, head, phase, command);
}

inline void CallerLane::publish_run(std::uint32_t command, const std::byte* requests,
                                    std::size_t each, std::size_t count) noexcept {
  layout::Cell* const cells = cells_.data();
  const std::uint32_t mask = mask_;
  Place at = next_;
  for (std::size_t i = 0; i < count; ++i, requests += each) {
    layout::Cell& cell = cells[at.cell()];
    const std::uint32_t next = free_[free_head_++ & mask];
    store_words<inline_offset / 8>(cell, {requests, each});
    cell.word[1].store(next | (std::uint64_t{each} << 32U), std::memory_order_relaxed);
    SHMBUS_TESTPOINT("lane.filled");
    probes::publish(command & layout::CellWord::code_mask, index_, endpoint_, at.seq(), each, 1U);
    // SYNC lane.publish: the commit point of this one.
    cell.word[0].store(layout::CellWord::make(at.seq(), layout::Phase::send, command).bits,
                       std::memory_order_release);
    SHMBUS_TESTPOINT("lane.published");
    sends_[sends_tail_++ & mask] = at;
    at = Place::make(at.seq() + 1, next);
  }
  next_ = at;
  head_->counters.published.store(at.seq() - 1, std::memory_order_relaxed);
}

[[gnu::always_inline]] inline Ticket CallerLane::publish_block(std::uint32_t command,
                                                               const InBlock& in,
                                                               std::uint64_t stamp) noexcept {
  const Place at = next_;
  RequestHead head{pop_free(), layout::cell_flags::request_block, in.request_bytes};
  if (in.reply_capacity != 0) head.flags |= layout::cell_flags::reply_block;
  if (stamp != 0) [[unlikely]]
    head.flags |= put_stamp(at, stamp);
  use_[at.cell()].blocks = {in.offset64, none};
  layout::Cell& cell = cells_[at.cell()];
  cell.word[3].store(in.request64 | (std::uint64_t{in.reply64} << 32U), std::memory_order_relaxed);
  cell.word[4].store(in.reply_capacity, std::memory_order_relaxed);
  return commit(at, head, layout::Phase::request, command);
}

}  // namespace shmbus::lane
