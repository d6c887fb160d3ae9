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
  bool paired = false;  ///< a second cell, for a longer `inline_bytes` or reply; then no block
  detail::Block reply;  ///< memory for a large reply, `reply_capacity` of it
  std::uint32_t reply_capacity = 0;
  std::uint64_t deadline_ticks = 0;              ///< 0: the owner need not look at the clock
  std::uint64_t stamp = 0;                       ///< the time, when this one is timed
  bool with_caller = false;                      ///< not wanted once the caller has gone
  const layout::CellContext* context = nullptr;  ///< then nothing is inline
  std::uint32_t windows = 0;                     ///< the flags of the blocks that are windows
};

/// Which command: its cell and its sequence number.
struct Ticket {
  std::uint32_t cell = 0;
  std::uint64_t seq = 0;
};

/// Where the request of a command that is sent again is kept meanwhile.
struct RequestCopy {
  alignas(8) std::array<std::byte, layout::paired_request_bytes> bytes;
  layout::CellContext context;
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
  /// ticket yet. It has no place in the order until post_ticket() has returned true.
  [[nodiscard]] bool ticket_pending() const noexcept { return owes_ticket_; }
  bool post_ticket() noexcept;
  /// After publish_cell() and its like. False: it owes its ticket.
  [[nodiscard]] bool take_turn() noexcept {
    if (!ordered()) [[likely]]
      return true;
    owes_ticket_ = true;
    return post_ticket();
  }

  /// What a request and the room for its reply need.
  [[nodiscard]] static constexpr bool fits_cell(std::size_t request, std::size_t reply) noexcept {
    return request <= layout::inline_request_bytes && reply <= layout::inline_reply_bytes;
  }
  [[nodiscard]] static constexpr bool fits_pair(std::size_t request, std::size_t reply) noexcept {
    return request <= layout::paired_request_bytes && reply <= layout::paired_reply_bytes;
  }
  /// The usual case in a few dozen instructions: there is room for a command of any shape, and the
  /// endpoint has not lost its owner.
  [[nodiscard]] bool can_publish_fast() const noexcept {
    return free_cells() > 1 && target_->attention.attention.load(std::memory_order_relaxed) !=
                                   static_cast<std::uint32_t>(layout::Attention::vacant);
  }
  /// The endpoint has global order: every command needs a ticket.
  [[nodiscard]] bool ordered() const noexcept {
    return head_->owner.mode.load(std::memory_order_relaxed) ==
           static_cast<std::uint32_t>(layout::LaneMode::ordered);
  }
  [[nodiscard]] bool inbox_has_room() const noexcept;
  /// These publish and do not notify; under global order take_turn() has to follow. `stamp`: the
  /// time, when this command is timed, or 0. REQUIRES: can_publish_fast().
  /// In one cell. REQUIRES: fits_cell().
  Ticket publish_cell(std::uint32_t command, layout::Phase phase,
                      std::span<const std::byte> request, std::uint64_t stamp) noexcept;
  /// In two cells. REQUIRES: fits_pair().
  Ticket publish_pair(std::uint32_t command, layout::Phase phase,
                      std::span<const std::byte> request, std::uint64_t stamp) noexcept;
  /// `count` one-way commands, each in one cell. A kill leaves the first of them.
  /// REQUIRES: count < free_cells(); fits_cell(each, 0); not ordered().
  void publish_run(std::uint32_t command, const std::byte* requests, std::size_t each,
                   std::size_t count) noexcept;
  /// A call whose request lies in a block, and perhaps its reply in the same one.
  struct InBlock {
    std::uint32_t offset64;   ///< of the block
    std::uint32_t request64;  ///< where the request begins
    std::uint32_t request_bytes;
    std::uint32_t reply64;         ///< where the reply may be put
    std::uint32_t reply_capacity;  ///< 0: the reply fits the cell
  };
  Ticket publish_block(std::uint32_t command, const InBlock& in, std::uint64_t stamp) noexcept;
  /// Makes sure that the owner hears of what was published.
  void notify() noexcept {
    if (needs_notice()) ring();
  }
  /// REQUIRES: needs_notice() said so.
  void ring() noexcept;
  [[nodiscard]] bool needs_notice() const noexcept {
    wait::publisher_fence();  // SYNC lane.notice: the command, then "must I wake?"
    return notice_is_due();
  }
  /// needs_notice() after a fence of its caller's.
  [[nodiscard]] bool notice_is_due() const noexcept {
    const auto mode = head_->owner.mode.load(std::memory_order_relaxed);
    // SYNC wait.parked
    const auto attention = target_->attention.attention.load(std::memory_order_acquire);
    return mode == static_cast<std::uint32_t>(layout::LaneMode::cold) ||
           attention == static_cast<std::uint32_t>(layout::Attention::parked);
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
  /// Whether an answer of so many bytes lies in the command's cells.
  [[nodiscard]] bool answer_in_cells(Ticket ticket, std::size_t bytes) const noexcept {
    return bytes <= layout::inline_reply_bytes ||
           (bytes <= layout::paired_reply_bytes && use_[ticket.cell].second != no_cell);
  }
  /// Its bytes. REQUIRES: answer_in_cells(ticket, into.size())
  void load_answer(Ticket ticket, std::span<std::byte> into) const noexcept {
    if (into.size() <= layout::inline_reply_bytes) [[likely]] {
      load_words<reply_inline_offset / 8>(cells_[ticket.cell], into);
      return;
    }
    load_pair(ticket, into);
  }
  [[gnu::noinline]] void load_pair(Ticket ticket, std::span<std::byte> into) const noexcept {
    load_words<reply_inline_offset / 8>(cells_[ticket.cell],
                                        into.first<layout::inline_reply_bytes>());
    load_words<second_offset / 8>(cells_[use_[ticket.cell].second],
                                  into.subspan(layout::inline_reply_bytes));
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
    if (use.second != no_cell) use_next(std::exchange(use.second, no_cell));
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
  /// The request of a call that never ran and never will, to be sent again: copied into `room`, or
  /// its block, which leaves the cell. `bytes` is its size, as the caller of this knows.
  void take_request(Ticket ticket, std::uint32_t bytes, bool with_context, RequestCopy& room,
                    Outgoing& out) noexcept;
  /// What became of the commands that were published after this one, which never ran. Looks at
  /// every cell.
  enum class Behind : std::uint8_t {
    nothing,    ///< none of them ran or ever will
    undecided,  ///< some may still be started
    commands,   ///< some have run, or their ends were read
  };
  [[nodiscard]] Behind behind(Ticket ticket) const noexcept;
  /// How many cells it has.
  [[nodiscard]] std::uint32_t cells_of(Ticket ticket) const noexcept {
    return use_[ticket.cell].second == no_cell ? 1 : 2;
  }
  /// Not to be started any more. True when it is certain that it was not and never will be. If it
  /// may have been started, wakes those who watch the bit for its handler.
  bool ask_to_cancel(Ticket ticket) noexcept;

  /// The command that was published last is to have never been sent. False when it may have been
  /// started: then it stays. Else nobody gets an error, and keeps its cell and memory as a
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
  /// The command that was published last.
  [[nodiscard]] std::uint64_t newest() const noexcept { return next_.seq() - 1; }
  [[nodiscard]] std::uint32_t free_cells() const noexcept { return free_tail_ - free_head_; }
  [[nodiscard]] std::uint32_t cells() const noexcept { return mask_ + 1; }
  /// Calls that are answered, and whose answers nobody has read. Looks at every cell.
  [[nodiscard]] std::uint32_t unread() const noexcept;
  /// Calls that this thread has not read the end of: their cells come back by its own doing alone.
  [[nodiscard]] std::uint32_t calls() const noexcept { return calls_; }
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
    std::uint16_t second = no_cell;  ///< of a pair
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
  template <class OnLost, class OnBlock>
  void collect_sends(OnLost& on_lost, OnBlock& on_block) noexcept;
  void note_outstanding(Place place, layout::Phase phase) noexcept;
  static std::uint32_t fill(layout::Cell& cell, const Outgoing& out) noexcept;
  [[nodiscard]] bool my_ticket_waits() const noexcept;
  /// Calls `f(cell)` for each first cell of a command that this thread has not seen the end of.
  template <class F>
  void for_each_command(F f) const noexcept;
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
  /// The cell of a command that has ended, and its second one.
  void give_back(std::uint32_t cell) noexcept {
    CellUse& use = use_[cell];
    if (use.second != no_cell) push_free(std::exchange(use.second, no_cell));
    push_free(cell);
  }
  /// Returns the flag that says so.
  std::uint32_t put_stamp(Place at, std::uint64_t now) noexcept;
  /// The second cell of the command that goes to `cell`, with what the first has no room for.
  std::uint32_t put_second(std::uint32_t cell, std::span<const std::byte> request) noexcept;
  /// The one way to commit: word 1, then the word of the cell.
  Ticket commit(Place at, const RequestHead& head, layout::Phase phase,
                std::uint32_t command) noexcept;
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
  std::uint32_t seen_send_answers_ = 0;
  std::uint64_t read_sends_below_ = 0;  ///< one-way commands that may have been answered
  bool owes_ticket_ = false;
  std::uint64_t rang_for_ = 0;  ///< the newest command when we put the last ticket; 0: none yet
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

}  // namespace shmbus::lane

#include "lane/caller_lane_collect.hpp"
#include "lane/caller_lane_publish.hpp"
