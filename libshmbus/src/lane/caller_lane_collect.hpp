// What a caller takes back from its lane: cells and memory of commands that have ended, or that it
// withdraws. The rest of caller_lane.hpp, which includes this.
#pragma once

#include "lane/caller_lane.hpp"

namespace shmbus::lane {

template <class OnBlock>
void CallerLane::free_blocks(CellUse& use, OnBlock& on_block) noexcept {
  if (use.blocks == LentBlocks{}) return;
  if (use.blocks.request != none) on_block(use.blocks.request);
  if (use.blocks.reply != none) on_block(use.blocks.reply);
  use.blocks = {};
}

template <class OnLost>
void CallerLane::withdraw(std::uint32_t command, OnLost on_lost) noexcept {
  cancel_all(command);
  // As in ask_to_cancel(): what the owner had not started before this fence it will not start.
  const bool certain = wait::sleeper_fence();
  std::uint32_t kept = sends_head_;
  for (std::uint32_t i = sends_head_; i != sends_tail_; ++i) {
    const Place sent = sends_[i & mask_];
    if (is_waiting(sent, command) && certain && !maybe_started({sent.cell(), sent.seq()})) {
      on_lost(LostSend{sent.seq(), StatusCode::not_registered});
      quarantined_[quarantined_count_++] = sent;
      continue;
    }
    clear_cancel(sent.cell());
    sends_[kept++ & mask_] = sent;
  }
  sends_tail_ = kept;
}

/// Everything below `done` has finished. What was lost or refused has an answer in its cell. Each
/// such answer is counted before it is stored, so a command that was published after the last count
/// has none: its cell is not read, which would fetch a line that is only to be overwritten.
template <class OnLost, class OnBlock>
void CallerLane::collect_sends(OnLost& on_lost, OnBlock& on_block) noexcept {
  // SYNC lane.done: everything below has finished, also with the memory it was sent in.
  const std::uint64_t done = std::max(head_->journal[0].done.load(std::memory_order_acquire),
                                      head_->journal[1].done.load(std::memory_order_acquire));
  // After `done`: an owner that answers counts before it stores `done`. SYNC lane.send_answers
  const std::uint32_t answers = head_->events.send_answers.load(std::memory_order_acquire);
  if (answers != seen_send_answers_) [[unlikely]] {
    seen_send_answers_ = answers;
    read_sends_below_ = next_.seq();
  }
  for (; sends_tail_ != sends_head_; ++sends_head_) {
    const Place sent = sends_[sends_head_ & mask_];
    if (sent.seq() < read_sends_below_) [[unlikely]] {
      const layout::CellWord seen{word(sent.cell())};
      const bool answered = is_reply(seen.bits, sent.seq());
      if (!answered && sent.seq() >= done) break;
      if (answered) on_lost(LostSend{sent.seq(), static_cast<StatusCode>(seen.code())});
    } else if (sent.seq() >= done) {
      break;
    }
    fetch_to_write(&cells_[sent.cell()]);  // not read, but to be written soon: see base/line.hpp
    free_blocks(use_[sent.cell()], on_block);
    give_back(sent.cell());
  }
}

template <class OnLost, class OnBlock>
void CallerLane::collect(OnLost on_lost, OnBlock on_block) noexcept {
  if (sends_tail_ != sends_head_) collect_sends(on_lost, on_block);
  for (std::uint32_t i = 0; i < quarantined_count_;) {
    const Place place = quarantined_[i];
    if (!is_reply(word(place.cell()), place.seq())) {
      ++i;
      continue;
    }
    free_blocks(use_[place.cell()], on_block);
    clear_cancel(place.cell());
    give_back(place.cell());
    quarantined_[i] = quarantined_[--quarantined_count_];
  }
}

template <class OnBlock>
void CallerLane::take_back_withdrawn(const Attachment& bus, OnBlock on_block) noexcept {
  if (!holds_only_withdrawn()) return;
  const auto again = attach_anew(bus, index_);
  if (!again) return;
  for (CellUse& use : use_) free_blocks(use, on_block);
  start_at(again->first_seq);
}

}  // namespace shmbus::lane
