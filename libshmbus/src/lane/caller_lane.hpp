// The caller's end of a lane. Everything it decides by is private memory: which cells are free,
// which sequence number comes next, what is outstanding. The segment is written for the owner to
// read and read only for the owner's answers, each word once.
//
// publish: fill the cell (nobody looks before its word says so), store the word: committed. A kill
// before that store leaves nothing; after it nothing more is needed for the command to run, only
// for the owner to hear of it sooner.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "attach/attachment.hpp"
#include "base/line.hpp"
#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "layout/status_code.hpp"
#include "layout/words.hpp"
#include "os/fence.hpp"
#include "shmbus/caller.hpp"
#include "words/directory.hpp"
#include "words/request.hpp"

namespace shmbus::lane {

/// What to publish. A block with data == nullptr is absent.
struct Outgoing {
  std::uint32_t command = 0;  ///< index of the name record
  bool one_way = false;
  std::span<const std::byte> inline_bytes;  ///< copied into the cell
  detail::Block request;                    ///< or: in place, `request_bytes` of it
  std::uint32_t request_bytes = 0;
  detail::Block reply;  ///< memory for a large reply, `reply_capacity` of it
  std::uint32_t reply_capacity = 0;
  std::uint64_t deadline_ticks = 0;              ///< 0: the owner need not look at the clock
  std::uint64_t stamp = 0;                       ///< the time, when this one is timed
  bool with_caller = false;                      ///< not wanted once the caller has gone
  const layout::CellContext* context = nullptr;  ///< then nothing is inline
};

/// Which command: its cell and its sequence number.
struct Ticket {
  std::uint32_t cell = 0;
  std::uint64_t seq = 0;
};

/// A one-way command that was not done, reported when its cell is taken back.
struct LostSend {
  std::uint64_t seq = 0;
  StatusCode why = StatusCode::ok;
};

class CallerLane {
 public:
  CallerLane(const Attachment& bus, Attached attached, std::uint32_t endpoint) noexcept;

  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] std::uint32_t endpoint_index() const noexcept { return endpoint_; }
  [[nodiscard]] layout::LaneHead& head() const noexcept { return *head_; }
  [[nodiscard]] layout::Endpoint& endpoint() const noexcept { return *target_; }

  /// Whether publish() would find a cell and, under global order, a ticket slot.
  [[nodiscard]] bool has_room() const noexcept;
  /// REQUIRES: has_room(). Does not notify.
  Ticket publish(const Outgoing& out) noexcept;
  /// Global order: others filled the inbox after has_room(), so what was published last has no
  /// ticket yet. It has no place in the order until pay_ticket() has returned true.
  [[nodiscard]] bool owes_ticket() const noexcept { return owes_ticket_; }
  bool pay_ticket() noexcept;
  /// After publish_small(). False: it owes its ticket.
  [[nodiscard]] bool take_turn() noexcept {
    if (!ordered()) [[likely]]
      return true;
    owes_ticket_ = true;
    return pay_ticket();
  }

  /// Whether a request of so many bytes can go without a block: in a cell, or in two.
  [[nodiscard]] bool fits_cells(std::size_t bytes) const noexcept {
    return bytes <= layout::inline_request_bytes ||
           (bytes <= layout::continued_request_bytes && free_cells() > 1);
  }
  /// The usual case in a few dozen instructions: room is there, and the request is small, which the
  /// caller of this checks.
  [[nodiscard]] bool can_publish_small() const noexcept {
    return free_cells() > 1 && (!ordered() || inbox_has_room());
  }
  /// REQUIRES: can_publish_small(), and at most continued_request_bytes. Does not notify. `stamp`:
  /// the time, when this command is timed, or 0. take_turn() has to follow.
  Ticket publish_small(std::uint32_t command, layout::Phase phase,
                       std::span<const std::byte> request, std::uint64_t stamp) noexcept;
  /// Makes sure that the owner hears of what was published.
  void notify() noexcept {
    if (needs_notice()) ring();
  }

  [[nodiscard]] bool replied(Ticket ticket) const noexcept {
    return is_reply(word(ticket.cell), ticket.seq);
  }
  /// The owner may have started it; false is certain.
  [[nodiscard]] bool maybe_started(Ticket ticket) const noexcept;
  /// What an answer in the cell says of itself. REQUIRES: replied(ticket).
  struct Answer {
    StatusCode status;
    std::uint32_t bytes;
    [[nodiscard]] bool ok() const noexcept { return status == StatusCode::ok; }
  };
  [[nodiscard]] Answer answer(Ticket ticket) const noexcept {
    const auto& cell = cells_[ticket.cell];
    const auto head = ReplyHead::unpack(cell.word[1].load(std::memory_order_relaxed));
    return {static_cast<StatusCode>(layout::CellWord{word(ticket.cell)}.code()), head.bytes};
  }
  /// The bytes of an inline answer. REQUIRES: into.size() is at most inline_reply_bytes.
  void load_inline(Ticket ticket, std::span<std::byte> into) const noexcept {
    load_words<reply_inline_offset / 8>(cells_[ticket.cell], into);
  }
  /// REQUIRES: replied(ticket). One copy of the answer.
  [[nodiscard]] CellWords take_reply(Ticket ticket) const noexcept {
    CellWords words;
    copy_cell(words, cells_[ticket.cell], word(ticket.cell));
    return words;
  }
  /// The cell may be used again. REQUIRES: replied(ticket).
  void release(Ticket ticket) noexcept {
    CellUse& use = use_[ticket.cell];
    if (use.cancel_asked) [[unlikely]]
      clear_cancel(ticket.cell);
    use.blocks = {};
    --calls_;
    use_next(ticket.cell);
    if (use.continuation != no_cell) [[unlikely]]
      use_next(std::exchange(use.continuation, no_cell));
  }
  /// Fires the probe: the call has ended for its caller.
  void probe_answer(std::uint32_t record, Ticket ticket, std::uint32_t bytes,
                    ErrorKind status) const noexcept {
    probes::answer(record, index_, endpoint_, ticket.seq, bytes,
                   static_cast<std::uint32_t>(status));
  }
  template <class T>
  void probe_answer(std::uint32_t record, Ticket ticket, std::uint32_t bytes,
                    const Result<T>& how) const noexcept {
    probe_answer(record, ticket, bytes, how ? ErrorKind::none : how.error().kind);
  }
  /// Hands the command's blocks to `on_block`, all but `keep`. REQUIRES: replied(ticket).
  template <class OnBlock>
  void release_blocks(Ticket ticket, std::uint32_t keep, OnBlock on_block) noexcept {
    CellUse& use = use_[ticket.cell];
    if (use.blocks.reply == keep) use.blocks.reply = none;
    free_blocks(use, on_block);
  }
  /// Nobody waits any more, but the owner may still write to the cell and its blocks: keep both
  /// until it has answered.
  void quarantine(Ticket ticket) noexcept;
  /// Not to be started any more. True when it is certain that it was not and never will be. If it
  /// may have been started, wakes those who watch the bit for its handler.
  bool ask_to_cancel(Ticket ticket) noexcept;

  /// The command that was published last is to have never been sent. False when it may have been
  /// started: then it stays. Else it is told to nobody, and keeps its cell and memory as a
  /// withdrawn one does.
  bool take_back(Ticket ticket) noexcept;

  /// Nobody who has `command` comes to this lane any more: what was not started of it never will
  /// be. One-way commands are told to `on_lost(LostSend)`, calls learn it when they are waited for.
  template <class OnLost>
  void withdraw(std::uint32_t command, OnLost on_lost) noexcept;

  /// Takes back what the owner has finished with: one-way cells, quarantined cells. Calls
  /// `on_lost(LostSend)` and `on_block(offset64)` for memory that is free again.
  template <class OnLost, class OnBlock>
  void collect(OnLost on_lost, OnBlock on_block) noexcept;

  /// Withdrawn commands stay in their cells, with their memory, until an owner has passed them. If
  /// nothing else is in a lane that nobody serves, take both back: perhaps nobody ever comes.
  template <class OnBlock>
  void take_back_withdrawn(const Attachment& bus, OnBlock on_block) noexcept;

  [[nodiscard]] std::uint32_t outstanding() const noexcept {
    return calls_ + (sends_tail_ - sends_head_) + quarantined_count_;
  }
  [[nodiscard]] std::uint32_t free_cells() const noexcept { return free_tail_ - free_head_; }
  [[nodiscard]] std::uint32_t cells() const noexcept { return mask_ + 1; }
  /// Something waits for collect().
  [[nodiscard]] bool has_uncollected() const noexcept {
    return sends_tail_ != sends_head_ || quarantined_count_ != 0;
  }

 private:
  static constexpr std::uint32_t none = ~0U;
  struct LentBlocks {  // by offset64
    std::uint32_t request = none;
    std::uint32_t reply = none;
    friend bool operator==(LentBlocks, LentBlocks) noexcept = default;
  };
  static constexpr std::uint16_t no_cell = 0xFFFF;
  struct CellUse {
    LentBlocks blocks;
    bool cancel_asked = false;
    std::uint16_t continuation = no_cell;  ///< where the request goes on
  };
  /// Which command lies in which cell, in one word: CursorWord is just that.
  using Place = layout::CursorWord;

  [[nodiscard]] std::uint64_t word(std::uint32_t cell) const noexcept {
    return cells_[cell].word[0].load(std::memory_order_acquire);  // SYNC lane.reply
  }
  [[nodiscard]] static bool is_reply(std::uint64_t bits, std::uint64_t seq) noexcept {
    const layout::CellWord seen{bits};
    return seen.seq() == seq && seen.phase() == layout::Phase::reply;
  }
  [[nodiscard]] bool needs_notice() const noexcept {
    wait::publisher_fence();  // SYNC lane.notice: the command, then "must I wake?"
    const auto mode = head_->owner.mode.load(std::memory_order_relaxed);
    // SYNC wait.parked
    const auto attention = target_->attention.attention.load(std::memory_order_acquire);
    return mode == static_cast<std::uint32_t>(layout::LaneMode::cold) ||
           attention == static_cast<std::uint32_t>(layout::Attention::parked);
  }
  /// Asks for the lines of one-way commands that have finished: they are about to be used again.
  void fetch_done(std::uint64_t done) const noexcept;
  void note_outstanding(Place place, layout::Phase phase) noexcept;
  void ring() noexcept;
  [[nodiscard]] bool ordered() const noexcept {
    return head_->owner.mode.load(std::memory_order_relaxed) ==
           static_cast<std::uint32_t>(layout::LaneMode::ordered);
  }
  [[nodiscard]] bool inbox_has_room() const noexcept;
  void fill(layout::Cell& cell, const Outgoing& out, std::uint32_t next,
            std::uint32_t flags) noexcept;
  static std::uint32_t fill_beside(layout::Cell& cell, const Outgoing& out, bool named) noexcept;
  void remember(std::uint32_t cell, const Outgoing& out) noexcept;
  void push_free(std::uint32_t cell) noexcept {
    free_[free_tail_++ & mask_] = static_cast<std::uint16_t>(cell);
  }
  /// The cell of a call that has just been answered is the next to be named: one call after the
  /// other then goes to and fro between two lines that both sides have at hand.
  void use_next(std::uint32_t cell) noexcept {
    free_[--free_head_ & mask_] = static_cast<std::uint16_t>(cell);
  }
  std::uint32_t pop_free() noexcept { return free_[free_head_++ & mask_]; }
  /// The cell of a command that has ended, and the one in which its request went on.
  void give_back(std::uint32_t cell) noexcept {
    push_free(cell);
    CellUse& use = use_[cell];
    if (use.continuation != no_cell) push_free(std::exchange(use.continuation, no_cell));
  }
  /// Returns the flag that says so.
  std::uint32_t put_stamp(Place at, std::uint64_t now) noexcept;
  std::uint32_t continue_in_next(std::uint32_t cell, std::uint32_t more,
                                 std::span<const std::byte> rest) noexcept;
  void set_cancel(std::uint32_t cell) noexcept;
  void clear_cancel(std::uint32_t cell) noexcept;
  /// Asks to cancel every call and one-way command of that name that is not answered.
  void cancel_all(std::uint32_t command) noexcept;
  /// All cells free, the first command goes into cell 0.
  void start_at(std::uint64_t first_seq) noexcept;
  [[nodiscard]] bool holds_only_withdrawn() const noexcept;
  [[nodiscard]] bool is_waiting(Place sent, std::uint32_t command) const noexcept;
  template <class OnBlock>
  void free_blocks(CellUse& use, OnBlock& on_block) noexcept;

  segment::View view_;
  layout::LaneHead* head_ = nullptr;
  std::span<layout::Cell> cells_;
  layout::Endpoint* target_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t endpoint_ = 0;

  // Publishing writes as little as it can: what is stored before the commit delays it, and a stream
  // of commands is bound by how many stores wait for the lines of its cells.
  Place next_;  ///< where the next command goes
  std::uint32_t mask_ = 0;
  // Rings, as large as the lane; heads and tails only grow.
  std::uint32_t free_head_ = 0;
  std::uint32_t free_tail_ = 0;
  std::uint32_t sends_head_ = 0;
  std::uint32_t sends_tail_ = 0;
  std::uint32_t quarantined_count_ = 0;
  std::uint32_t calls_ = 0;
  bool owes_ticket_ = false;
  std::array<std::uint16_t, layout::cells_per_lane_max> free_{};
  std::array<Place, layout::cells_per_lane_max> sends_{};  ///< one-way, not yet taken back
  std::array<Place, layout::cells_per_lane_max> quarantined_{};
  std::array<CellUse, layout::cells_per_lane_max> use_{};
};

inline void CallerLane::note_outstanding(Place place, layout::Phase phase) noexcept {
  if (phase == layout::Phase::send) {
    sends_[sends_tail_++ & mask_] = place;
  } else {
    ++calls_;
  }
}

// The compiler takes the lines of a probe's note for instructions, and would not inline it.
[[gnu::always_inline]] inline Ticket CallerLane::publish_small(std::uint32_t command,
                                                               layout::Phase phase,
                                                               std::span<const std::byte> request,
                                                               std::uint64_t stamp) noexcept {
  const Place at = next_;
  std::uint32_t next = pop_free();
  layout::Cell& cell = cells_[at.cell()];
  RequestHead head{next, 0, static_cast<std::uint32_t>(request.size())};
  if (request.size() > layout::inline_request_bytes) [[unlikely]] {
    head.flags = layout::cell_flags::continued;
    next = continue_in_next(at.cell(), next, request.subspan(layout::inline_request_bytes));
    request = request.first(layout::inline_request_bytes);
  }
  if (stamp != 0) [[unlikely]]
    head.flags |= put_stamp(at, stamp);
  store_words<inline_offset / 8>(cell, request);
  cell.word[1].store(head.pack(), std::memory_order_relaxed);
  SHMBUS_TESTPOINT("lane.filled");
  const auto word = layout::CellWord::make(at.seq(), phase, command);
  probes::publish(command & layout::CellWord::code_mask, index_, endpoint_, at.seq(), head.bytes,
                  phase == layout::Phase::send);
  // SYNC lane.publish: the commit point.
  cell.word[0].store(word.bits, std::memory_order_release);
  SHMBUS_TESTPOINT("lane.published");
  next_ = Place::make(at.seq() + 1, next);
  head_->counters.published.store(at.seq(), std::memory_order_relaxed);
  note_outstanding(at, phase);
  return {at.cell(), at.seq()};
}

/// A request goes on in the cell that was to be the next one. Returns the next one.
inline std::uint32_t CallerLane::continue_in_next(std::uint32_t cell, std::uint32_t more,
                                                  std::span<const std::byte> rest) noexcept {
  const std::uint32_t next = pop_free();
  store_words<continued_offset / 8>(cells_[more], rest);
  cells_[more].word[1].store(RequestHead{next, 0, 0}.pack(), std::memory_order_relaxed);
  use_[cell].continuation = static_cast<std::uint16_t>(more);
  return next;
}

}  // namespace shmbus::lane

#include "lane/caller_lane_collect.hpp"
