// The owner's end of a lane. Like the caller's, it decides by private memory alone: which cell
// comes next, with which sequence number. The journal in the segment is written, never read back,
// by a living owner.
//
// take: copy the cell, check it, store the cursor: started. That one plain store, in a line that
// nobody else writes, is what tells a successor that this command must not run again.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/line.hpp"
#include "base/probes.hpp"
#include "layout/lane.hpp"
#include "layout/words.hpp"
#include "os/fence.hpp"
#include "segment/view.hpp"
#include "words/request.hpp"

namespace shmbus::serve {

/// A command that was just started.
struct Taken {
  lane::RequestWords words;  // filled by take(), as all of this
  std::uint32_t cell = 0;
  layout::Cell* second = nullptr;  ///< of a pair

  [[nodiscard]] layout::CellWord word() const noexcept { return {words[0]}; }
  [[nodiscard]] lane::RequestHead head() const noexcept {
    return lane::RequestHead::unpack(words[1]);
  }
};

enum class TakeResult : std::uint8_t { nothing, taken, poisoned };

class OwnerLane {
 public:
  OwnerLane(const segment::View& view, std::uint32_t index, layout::LaneWord word,
            std::uint32_t slot) noexcept;

  /// The next command in order is there: take() would look at it.
  [[nodiscard]] bool waiting() const noexcept {
    // SYNC lane.publish: take() loads it again before it believes.
    return layout::CellWord{cells_[next_cell_].word[0].load(std::memory_order_relaxed)}.seq() ==
           next_seq_;
  }
  /// The name that the next command is for; none when there is no next command.
  [[nodiscard]] std::optional<std::uint32_t> next_name() const noexcept {
    // SYNC lane.publish
    const layout::CellWord word{cells_[next_cell_].word[0].load(std::memory_order_acquire)};
    if (word.seq() != next_seq_) return std::nullopt;
    return word.code();
  }
  TakeResult take(Taken& out, layout::CellWord& word, lane::RequestHead& head) noexcept;
  TakeResult take(Taken& out) noexcept {
    layout::CellWord word;
    lane::RequestHead head;
    return take(out, word, head);
  }
  /// What take() finds most often, in half its instructions: a command of that phase, in one cell
  /// or two, that asks for nothing. False: take() says what there is. Of `out.words`, 0, 1 and
  /// those from 3 on are filled. REQUIRES: !wait::publishers_fence()
  template <layout::Phase Wanted, bool Paired>
  bool take_plain(Taken& out, std::uint64_t& word, std::uint32_t& bytes) noexcept;
  /// Which take_plain() is worth trying for what comes next; free: none is.
  struct Shape {
    layout::Phase phase;
    bool paired;
  };
  [[nodiscard]] Shape next_shape() const noexcept {
    const layout::Cell& cell = cells_[next_cell_];
    // SYNC lane.publish: take_plain() loads it again before it believes.
    const layout::CellWord word{cell.word[0].load(std::memory_order_acquire)};
    // HINT: of a cell that the caller may be writing
    const std::uint64_t flags = cell.word[1].load(std::memory_order_relaxed) & flag_bits;
    if (flags == 0) return {word.phase(), false};
    return {flags == paired_alone ? word.phase() : layout::Phase::free, true};
  }
  /// What take_plain() would take is a one-way command of that name and size.
  [[nodiscard]] bool next_is_plain_send(std::uint32_t name, std::size_t bytes) const noexcept {
    const layout::Cell& cell = cells_[next_cell_];
    const auto wanted = layout::CellWord::make(next_seq_, layout::Phase::send, name);
    // SYNC lane.publish
    return cell.word[0].load(std::memory_order_acquire) == wanted.bits &&
           cell.word[1].load(std::memory_order_relaxed) >> 32U == bytes;
  }
  /// Commands that wait, by the caller's own count.
  [[nodiscard]] std::uint32_t queued() const noexcept {
    const std::uint64_t newest = head_->counters.published.load(std::memory_order_relaxed);
    if (newest < next_seq_) return waiting() ? 1 : 0;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(newest - next_seq_ + 1, mask_ + 1));
  }
  [[nodiscard]] std::uint32_t next_cell() const noexcept { return next_cell_; }
  /// The command taken last is all that its caller has under way: it named the cell of the one
  /// before, whose answer it has read. Nothing follows before it has read this answer too.
  [[nodiscard]] bool lockstep() const noexcept { return one_by_one_; }
  /// What was taken last is started.
  void note_started() noexcept {
    journal_->cursor.store(layout::CursorWord::make(next_seq_, next_cell_).bits,
                           std::memory_order_release);  // SYNC lane.cursor
  }
  /// A one-way command has finished: its cell and memory are the caller's again.
  void mark_done(std::uint64_t seq) noexcept {
    journal_->done.store(seq + 1, std::memory_order_release);  // SYNC lane.done
  }

  /// A one-way command will be answered by the next store into its cell: its sender has to look.
  void count_send_answer() noexcept {
    // SYNC lane.send_answers: counted before it is there.
    head_->events.send_answers.fetch_add(1, std::memory_order_acq_rel);
  }

  [[nodiscard]] bool cancel_asked(std::uint32_t cell) const noexcept {
    if (SHMBUS_MISTAKE("cancel.early")) return cancelled_early_;
    return cancel_bit(cell);
  }
  [[nodiscard]] bool cancel_bit(std::uint32_t cell) const noexcept {
    // SYNC lane.cancel
    return ((head_->caller.cancel[cell / 64].load(std::memory_order_acquire) >> (cell % 64)) &
            1U) != 0;
  }
  /// False: cancel_asked() would say no. Of many cells at once, since hardly any is ever cancelled.
  [[nodiscard]] bool cancels_near(std::uint32_t cell) const noexcept {
    if (SHMBUS_MISTAKE("cancel.early")) return cancelled_early_;
    // SYNC lane.cancel
    return head_->caller.cancel[cell / 64].load(std::memory_order_acquire) != 0;
  }
  [[nodiscard]] bool ordered() const noexcept {
    return head_->owner.mode.load(std::memory_order_relaxed) ==
           static_cast<std::uint32_t>(layout::LaneMode::ordered);
  }
  void set_mode(layout::LaneMode mode) noexcept {
    head_->owner.mode.store(static_cast<std::uint32_t>(mode), std::memory_order_relaxed);
  }
  /// From now on a caller that rings puts a new ticket.
  void clear_rung() noexcept {
    head_->events.rung.exchange(0, std::memory_order_acq_rel);  // SYNC lane.rung
  }

  /// When its caller says that it was published. REQUIRES: the cell says that it is stamped.
  [[nodiscard]] std::uint64_t published_at(const Taken& taken) const noexcept {
    return stamps_[taken.cell].load(std::memory_order_relaxed);  // SYNC lane.publish
  }

  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] layout::ParticipantId party() const noexcept { return word_.party(); }
  [[nodiscard]] layout::LaneWord adopted_word() const noexcept { return word_; }
  [[nodiscard]] layout::LaneHead& head() const noexcept { return *head_; }
  [[nodiscard]] layout::Cell& cell(std::uint32_t i) const noexcept { return cells_[i]; }
  [[nodiscard]] std::uint64_t next_seq() const noexcept { return next_seq_; }
  [[nodiscard]] bool poisoned() const noexcept { return poisoned_; }

  /// Commands of this lane that are deferred: answered later, perhaps by other threads.
  std::shared_ptr<std::atomic<std::uint32_t>> deferred;
  bool hot = false;
  bool queued_again = false;  ///< in the endpoint's backlog
  bool orphan = false;        ///< its caller has gone
  std::uint32_t idle_sweeps = 0;
  // Global order: the command that was queued at an earlier sweep, what was published last, and how
  // far the inbox was then.
  std::uint64_t waiting_at_sweep = 0;
  std::uint64_t published_at_sweep = 0;
  std::uint64_t tickets_at_sweep = 0;
  std::uint64_t empties_at_sweep = 0;
  /// Global order: what lies below was published when its caller put no tickets yet.
  std::uint64_t ticketless_below = 0;
  /// In ticks: look again until then, since a caller may still have read the former mode. 0: none.
  std::uint64_t look_until = 0;

 private:
  /// For the stream behind it: see base/line.hpp. The cell is of a one-way command that was copied
  /// and started; the word is one that nobody reads any more.
  void own_line(layout::Cell& cell) const noexcept {
    // SYNC lane.done, which gives the cell back.
    cell.word[lane::deadline_word].store(0, std::memory_order_relaxed);
    const auto index = static_cast<std::size_t>(&cell - cells_.data());
    lane::fetch_to_write(&cells_[(index + lines_ahead) & mask_]);
  }
  static constexpr std::uint32_t lines_ahead = 2;
  static constexpr std::uint64_t flag_bits = 0xFFFF0000;  // of word 1
  static constexpr std::uint64_t paired_alone = std::uint64_t{layout::cell_flags::paired} << 16U;

  /// No correct caller links beyond its lane: leave it alone from here on.
  [[gnu::cold]] TakeResult poison() noexcept {
    poisoned_ = true;
    return TakeResult::poisoned;
  }

  /// `named`, which a line names that may be still on its way. Streams walk the cells in order:
  /// taking the neighbour's number from here lets the processor fetch that cell meanwhile.
  [[nodiscard]] std::uint32_t expected(std::uint32_t named, std::uint32_t after) const noexcept {
    std::uint32_t neighbour = after & mask_;
    if (named != neighbour) return named;
    asm volatile("" : "+r"(neighbour));  // keep the compiler from using `named` here after all
    return neighbour;
  }

  layout::LaneHead* head_;
  layout::LaneJournal* journal_;
  std::span<layout::Cell> cells_;
  std::span<layout::Word64> stamps_;
  std::uint64_t next_seq_;
  std::uint32_t next_cell_;
  std::uint32_t mask_;
  std::uint32_t index_;
  std::uint32_t endpoint_;  // this and the next: for the probe, in words of its own
  std::uint32_t caller_;
  layout::LaneWord word_;
  bool poisoned_ = false;
  bool one_by_one_ = false;
  bool cancelled_early_ = false;  ///< for the mistake of that name
  std::uint32_t last_cell_ = ~0U;
};

/// `word` and `head` are what the first two of `out.words` say, which the compiler would load
/// again.
[[gnu::always_inline]] inline TakeResult OwnerLane::take(Taken& out, layout::CellWord& word,
                                                         lane::RequestHead& head) noexcept {
  layout::Cell& cell = cells_[next_cell_];
  word = {cell.word[0].load(std::memory_order_acquire)};  // SYNC lane.publish
  if (word.seq() != next_seq_ || !word.is_command()) return TakeResult::nothing;
  lane::copy_cell(out.words, cell, word.bits);
  head = lane::RequestHead::unpack(out.words[1]);
  out.cell = next_cell_;
  std::uint32_t neighbour = next_cell_ + 1;
  out.second = nullptr;
  if (head.paired()) {
    const std::uint32_t second = expected(head.second, neighbour++);
    if (second > mask_) [[unlikely]]
      return poison();
    out.second = &cells_[second];
    lane::copy_second(out.words, *out.second);
  }
  const std::uint32_t next = expected(head.next, neighbour);
  if (poisoned_ || next > mask_) [[unlikely]]
    return poison();
  if (SHMBUS_MISTAKE("cancel.early")) cancelled_early_ = cancel_bit(next_cell_);
  ++next_seq_;
  one_by_one_ = next == last_cell_;
  last_cell_ = next_cell_;
  next_cell_ = next;
  // SYNC lane.cursor: started. Before any effect of the command, in program order, which is all
  // that a kill respects and all that is needed: see docs/architecture.md.
  if (!SHMBUS_MISTAKE("cursor.late")) note_started();
  if (word.phase() == layout::Phase::send) {
    own_line(cell);
    if (out.second != nullptr) own_line(*out.second);
  }
  probes::take(word.code(), index_, endpoint_, next_seq_ - 1, caller_);
  wait::publisher_fence();  // SYNC lane.cancel: the cursor, then "was it withdrawn?"
  return TakeResult::taken;
}

template <layout::Phase Wanted, bool Paired>
[[gnu::always_inline]] inline bool OwnerLane::take_plain(Taken& out, std::uint64_t& word,
                                                         std::uint32_t& bytes) noexcept {
  constexpr unsigned code_bits = 14;
  constexpr std::size_t most = Paired ? layout::paired_request_bytes : layout::inline_request_bytes;
  const std::uint32_t at = next_cell_;
  const std::uint64_t seq = next_seq_;
  layout::Cell& cell = cells_[at];
  word = cell.word[0].load(std::memory_order_acquire);  // SYNC lane.publish
  if (word >> code_bits != layout::CellWord::make(seq, Wanted, 0).bits >> code_bits) return false;
  const std::uint64_t word1 = cell.word[1].load(std::memory_order_relaxed);
  const auto high = static_cast<std::uint32_t>(word1 >> 32U);
  bytes = Paired ? high & 0xFFFFU : high;
  const std::uint32_t second = Paired ? expected(high >> 16U, at + 1) : 0;
  const std::uint32_t next =
      expected(static_cast<std::uint32_t>(word1 & 0xFFFFU), at + (Paired ? 2 : 1));
  if ((word1 & flag_bits) != (Paired ? paired_alone : 0) || bytes > most || next > mask_ ||
      second > mask_ || poisoned_) [[unlikely]] {
    return false;
  }
  out.words[0] = word;
  out.words[1] = word1;
  lane::copy_inline(out.words, cell);
  if constexpr (Paired) {
    out.second = &cells_[second];
    lane::copy_second(out.words, *out.second);
  }
  out.cell = at;
  if (SHMBUS_MISTAKE("cancel.early")) cancelled_early_ = cancel_bit(at);
  next_seq_ = seq + 1;
  one_by_one_ = next == last_cell_;
  last_cell_ = at;
  next_cell_ = next;
  // SYNC lane.cursor: as in take().
  if (!SHMBUS_MISTAKE("cursor.late")) {
    journal_->cursor.store(layout::CursorWord::make(seq + 1, next).bits, std::memory_order_release);
  }
  if constexpr (Wanted == layout::Phase::send) {
    own_line(cell);  // SYNC lane.done
    if constexpr (Paired) own_line(*out.second);
  }
  probes::take(layout::CellWord{word}.code(), index_, endpoint_, seq, caller_);
  wait::light_publisher_fence();  // SYNC lane.cancel: the cursor, then "was it withdrawn?"
  return true;
}

}  // namespace shmbus::serve
