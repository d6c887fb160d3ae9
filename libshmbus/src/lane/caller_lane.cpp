#include "lane/caller_lane.hpp"

#include <algorithm>
#include <cstring>

#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "words/bell.hpp"
#include "words/inbox.hpp"
#include "words/journal.hpp"

namespace shmbus::lane {

using layout::CellWord;
using layout::LaneMode;
using layout::Phase;

namespace {

/// Answers to commands that were not started: no handler can give them.
bool never_ran(StatusCode status) noexcept {
  return status == StatusCode::not_registered || status == StatusCode::cancelled ||
         status == StatusCode::expired;
}

}  // namespace

CallerLane::CallerLane(const Attachment& bus, Attached attached, std::uint32_t endpoint) noexcept
    : view_(bus.view),
      head_(&bus.view.lane(attached.lane)),
      cells_(bus.view.cells(attached.lane)),
      target_(&bus.view.endpoint(endpoint)),
      index_(attached.lane),
      endpoint_(endpoint),
      mask_(static_cast<std::uint32_t>(cells_.size()) - 1) {
  start_at(attached.first_seq);
}

void CallerLane::start_at(std::uint64_t first_seq) noexcept {
  next_ = Place::make(first_seq, 0);
  use_ = {};
  free_head_ = 0;
  free_tail_ = 0;
  quarantined_count_ = 0;
  owes_ticket_ = false;
  // SYNC lane.send_answers
  seen_send_answers_ = head_->events.send_answers.load(std::memory_order_acquire);
  read_sends_below_ = 0;
  rang_for_ = 0;
  // In order, so that a stream of commands walks the cells one after the other.
  for (std::uint32_t cell = 1; cell < cells_.size(); ++cell) push_free(cell);
}

bool CallerLane::holds_only_withdrawn() const noexcept {
  if (quarantined_count_ == 0 || calls_ != 0 || sends_head_ != sends_tail_) return false;
  return std::all_of(quarantined_.begin(), quarantined_.begin() + quarantined_count_,
                     [this](Place at) { return use_[at.cell()].cancel_asked; });
}

bool CallerLane::has_room() const noexcept {
  return free_cells() != 0 && (!ordered() || inbox_has_room());
}

bool CallerLane::inbox_has_room() const noexcept {
  return inbox::had_room(view_.inbox(endpoint_), target_->inbox_tail);
}

Ticket CallerLane::publish(const Outgoing& out) noexcept {
  const Place at = next_;
  remember(at.cell(), out);
  RequestHead head;
  head.bytes = out.request.data != nullptr ? out.request_bytes
                                           : static_cast<std::uint32_t>(out.inline_bytes.size());
  if (out.paired) {
    head.flags = layout::cell_flags::paired;
    head.second = put_second(at.cell(), out.inline_bytes);
  }
  head.next = pop_free();
  if (out.stamp != 0) head.flags |= put_stamp(at, out.stamp);
  head.flags |= fill(cells_[at.cell()], out);
  const Ticket ticket = commit(at, head, out.one_way ? Phase::send : Phase::request, out.command);
  owes_ticket_ = ordered();
  if (owes_ticket_) {
    (void)post_ticket();
    SHMBUS_TESTPOINT("lane.ticketed");
  }
  return ticket;
}

bool CallerLane::post_ticket() noexcept {
  // One ticket speaks for all commands up to its own.
  if (owes_ticket_ && ordered()) {
    owes_ticket_ = !inbox::push(view_.inbox(endpoint_), target_->inbox_tail, index_,
                                inbox::tag_of(next_.seq() - 1));
    return !owes_ticket_;
  }
  owes_ticket_ = false;
  return true;
}

void CallerLane::remember(std::uint32_t cell, const Outgoing& out) noexcept {
  use_[cell].blocks = {out.request.data != nullptr ? out.request.offset64 : none,
                       out.reply.data != nullptr ? out.reply.offset64 : none};
}

/// Words 2 to 7. Returns the flags that say what they are.
std::uint32_t CallerLane::fill(layout::Cell& cell, const Outgoing& out) noexcept {
  std::uint32_t flags = out.windows;
  if (out.request.data != nullptr) flags |= layout::cell_flags::request_block;
  if (out.reply.data != nullptr) flags |= layout::cell_flags::reply_block;
  if (out.with_caller) flags |= layout::cell_flags::with_caller;
  if (out.deadline_ticks != 0) {
    flags |= layout::cell_flags::deadline;
    cell.word[deadline_word].store(out.deadline_ticks, std::memory_order_relaxed);
  }
  const bool named = out.request.data != nullptr || out.reply.data != nullptr;
  if (out.context != nullptr || !out.inline_bytes.empty()) {
    flags |= fill_beside(cell, out, named);
  } else if (named) {
    // BlockNames, put together here: read back out of three stores it would wait for all of them.
    cell.word[3].store(out.request.offset64 | (std::uint64_t{out.reply.offset64} << 32U),
                       std::memory_order_relaxed);
    cell.word[4].store(out.reply_capacity, std::memory_order_relaxed);
  }
  return flags;
}

/// Words 3 to 7 of a cell that holds bytes, or a context, perhaps beside the names of blocks.
/// Returns the flag that says what they are.
std::uint32_t CallerLane::fill_beside(layout::Cell& cell, const Outgoing& out,
                                      bool named) noexcept {
  std::array<std::byte, layout::line_bytes - inline_offset> bytes{};
  std::size_t at = 0;
  if (named) {
    const BlockNames names{out.request.offset64, out.reply.offset64, out.reply_capacity};
    std::memcpy(bytes.data(), &names, sizeof names);
    at = inline_beside_block_offset - inline_offset;
  }
  std::uint32_t flag = 0;
  if (out.context != nullptr) {
    flag = layout::cell_flags::context;
    std::memcpy(&bytes[inline_beside_block_offset - inline_offset], out.context,
                sizeof *out.context);
  } else {
    const std::size_t here = std::min(out.inline_bytes.size(), bytes.size() - at);
    std::memcpy(&bytes[at], out.inline_bytes.data(), here);
  }
  store_words<inline_offset / 8>(cell, bytes);
  return flag;
}

std::uint32_t CallerLane::put_stamp(Place at, std::uint64_t now) noexcept {
  // SYNC lane.publish, which follows.
  view_.stamps(index_)[at.cell()].store(now, std::memory_order_relaxed);
  return layout::cell_flags::stamped;
}

void CallerLane::ring() noexcept {
  if (head_->owner.mode.load(std::memory_order_relaxed) ==
      static_cast<std::uint32_t>(LaneMode::cold)) {
    // SYNC lane.rung: the process that sets it puts the ticket; the owner clears it before it
    // looks.
    const bool rung = head_->events.rung.exchange(1, std::memory_order_acq_rel) != 0;
    if (!rung || !my_ticket_waits()) {
      SHMBUS_TESTPOINT("lane.rung");
      rang_for_ = next_.seq() - 1;
      if (!inbox::push(view_.inbox(endpoint_), target_->inbox_tail, index_, inbox::any_command)) {
        head_->events.rung.store(0, std::memory_order_relaxed);  // the next command rings again
      }
    }
    wait::detail::full_fence();
  }
  if (!endpoint::must_wake(*target_)) return;
  probes::wake(probes::Sleeper::handler, endpoint_, next_.seq() - 1);
  endpoint::wake_owner(*target_);
}

/// Of a bell that was found rung: by us, and nobody has come yet. Otherwise somebody rang for a
/// former caller of this lane, was stopped before it put its ticket, and the lane was leased again.
bool CallerLane::my_ticket_waits() const noexcept {
  if (SHMBUS_MISTAKE("bell.believed")) return true;
  return rang_for_ != 0 && effective_cursor(*head_).seq() <= rang_for_;
}

bool CallerLane::maybe_started(Ticket ticket) const noexcept {
  return effective_cursor(*head_).seq() > ticket.seq;
}

void CallerLane::quarantine(Ticket ticket) noexcept {
  --calls_;
  quarantined_[quarantined_count_++] = Place::make(ticket.seq, ticket.cell);
}

/// Neither a refusal nor a withdrawal touches what the request is made of: words 2 to 7 of its
/// cell, its second cell, its block.
void CallerLane::take_request(Ticket ticket, std::uint32_t bytes, bool with_context,
                              RequestCopy& room, Outgoing& out) noexcept {
  CellUse& use = use_[ticket.cell];
  const LentBlocks blocks = std::exchange(use.blocks, {});
  CellWords words;
  copy_cell(words, cells_[ticket.cell], 0);
  const auto* cell = reinterpret_cast<const std::byte*>(words.data());
  if (with_context) {
    std::memcpy(&room.context, cell + inline_beside_block_offset, sizeof room.context);
    out.context = &room.context;
  }
  if (blocks.request != none) {
    out.request = {view_.extents() + std::uint64_t{blocks.request} * layout::line_bytes, bytes,
                   blocks.request};
    out.request_bytes = bytes;
    return;
  }
  out.paired = use.second != no_cell;
  const std::size_t at = blocks.reply != none ? inline_beside_block_offset : inline_offset;
  const std::size_t here = std::min<std::size_t>(bytes, layout::line_bytes - at);
  const std::size_t rest = std::min(bytes - here, room.bytes.size() - here);
  std::memcpy(room.bytes.data(), cell + at, here);
  if (rest != 0 && out.paired) {
    copy_cell(words, cells_[use.second], 0);
    std::memcpy(room.bytes.data() + here, cell + second_offset,
                std::min(rest, layout::line_bytes - second_offset));
  }
  out.inline_bytes = std::span(room.bytes).first(here + rest);
}

template <class F>
void CallerLane::for_each_command(F f) const noexcept {
  std::array<bool, layout::cells_per_lane_max> other{};  // free, or the second of a pair
  for (std::uint32_t i = free_head_; i != free_tail_; ++i) other[free_[i & mask_]] = true;
  other[next_.cell() & mask_] = true;
  for (const CellUse& use : use_) {
    if (use.second != no_cell) other[use.second & mask_] = true;
  }
  for (std::uint32_t cell = 0; cell <= mask_; ++cell) {
    if (!other[cell]) f(cell);
  }
}

std::uint32_t CallerLane::unread() const noexcept {
  if (calls_ == 0) return 0;
  std::array<bool, layout::cells_per_lane_max> no_call{};
  for (std::uint32_t i = sends_head_; i != sends_tail_; ++i) {
    no_call[sends_[i & mask_].cell() & mask_] = true;
  }
  for (std::uint32_t i = 0; i < quarantined_count_; ++i) {
    no_call[quarantined_[i].cell() & mask_] = true;
  }
  std::uint32_t count = 0;
  for_each_command([&](std::uint32_t cell) {
    if (!no_call[cell] && CellWord{word(cell)}.phase() == Phase::reply) ++count;
  });
  return std::min(count, calls_);
}

CallerLane::Behind CallerLane::behind(Ticket ticket) const noexcept {
  std::uint64_t left = newest() - ticket.seq;
  if (left == 0) return Behind::nothing;
  // As in ask_to_cancel(): what was withdrawn and lies at the cursor or beyond is never started.
  const bool exact = wait::sleeper_fence();
  const std::uint64_t cursor = effective_cursor(*head_).seq();
  bool ran = false;
  bool undecided = false;
  for_each_command([&](std::uint32_t cell) {
    const CellWord seen{word(cell)};
    if (seen.seq() <= ticket.seq || seen.seq() > newest()) return;
    --left;
    if (seen.phase() == Phase::reply) {
      ran = ran || !never_ran(static_cast<StatusCode>(seen.code()));
    } else if (!exact || !use_[cell].cancel_asked || seen.seq() < cursor) {
      undecided = true;
    }
  });
  if (ran || left != 0) return Behind::commands;
  return undecided ? Behind::undecided : Behind::nothing;
}

void CallerLane::set_cancel(std::uint32_t cell) noexcept {
  use_[cell].cancel_asked = true;
  // This word has one writer, this thread: no read-modify-write is needed.
  auto& bits = head_->caller.cancel[cell / 64];
  bits.store(bits.load(std::memory_order_relaxed) | (1ULL << (cell % 64)),
             std::memory_order_release);  // SYNC lane.cancel
}

bool CallerLane::is_waiting(Place sent, std::uint32_t command) const noexcept {
  const CellWord seen{word(sent.cell())};
  return seen.seq() == sent.seq() && seen.phase() == Phase::send && seen.code() == command;
}

void CallerLane::cancel_all(std::uint32_t command) noexcept {
  for (std::uint32_t cell = 0; cell <= mask_; ++cell) {
    // Only a call under way stands in its cell as a request; a free cell may hold an old send.
    const CellWord seen{word(cell)};
    if (seen.phase() == Phase::request && seen.code() == command) set_cancel(cell);
  }
  for (std::uint32_t i = sends_head_; i != sends_tail_; ++i) {
    const Place sent = sends_[i & mask_];
    if (is_waiting(sent, command)) set_cancel(sent.cell());
  }
}

bool CallerLane::ask_to_cancel(Ticket ticket) noexcept {
  set_cancel(ticket.cell);
  // The owner stores its cursor, then looks at the bit. After the fence either we see the cursor
  // beyond this command, or every later look sees the bit.
  const bool never_started =
      wait::sleeper_fence() && (!maybe_started(ticket) || SHMBUS_MISTAKE("cancel.blind"));
  if (!never_started) wait::bump_and_wake(head_->events.count);
  return never_started;
}

bool CallerLane::take_back(Ticket ticket) noexcept {
  if (!ask_to_cancel(ticket)) return false;
  const Place last = Place::make(ticket.seq, ticket.cell);
  if (sends_head_ != sends_tail_ && sends_[(sends_tail_ - 1) & mask_].bits == last.bits) {
    --sends_tail_;
    quarantined_[quarantined_count_++] = last;
  } else {
    quarantine(ticket);
  }
  return true;
}

void CallerLane::clear_cancel(std::uint32_t cell) noexcept {
  use_[cell].cancel_asked = false;
  auto& bits = head_->caller.cancel[cell / 64];
  bits.store(bits.load(std::memory_order_relaxed) & ~(1ULL << (cell % 64)),
             std::memory_order_release);  // SYNC lane.cancel
}

}  // namespace shmbus::lane
