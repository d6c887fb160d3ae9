#include "words/draining.hpp"

#include "base/log.hpp"
#include "base/testpoint.hpp"
#include "os/futex.hpp"
#include "words/bell.hpp"
#include "words/directory.hpp"
#include "words/journal.hpp"

namespace shmbus::recovery {

using layout::CellWord;
using layout::ControlWord;
using layout::DrainingWord;
using layout::LaneWord;
using layout::Phase;

namespace {

/// started by that party, unanswered ──CAS──► reply(why), in one lane. As in
/// fail_started_commands(): the party answers nothing any more, the caller does not touch such a
/// cell, and sequence numbers never come back.
std::uint32_t tell_owed(const segment::View& view, std::uint32_t endpoint, std::uint32_t lane,
                        DrainingWord word, StatusCode why) noexcept {
  const std::uint64_t cursor = lane::cursor_of(view.lane(lane), word.slot()).seq();
  if (draining_at(view, endpoint).bits != word.bits) return 0;  // then somebody has told them all
  std::uint32_t told = 0;
  for (auto& cell : view.cells(lane)) {
    CellWord seen{cell.word[0].load(std::memory_order_acquire)};  // SYNC lane.publish
    if (seen.phase() != Phase::request || seen.seq() >= cursor) continue;
    const auto answer = CellWord::make(seen.seq(), Phase::reply, static_cast<std::uint32_t>(why));
    // SYNC lane.reply
    if (cell.word[0].compare_exchange_strong(seen.bits, answer.bits, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
      ++told;
      SHMBUS_TESTPOINT("draining.told");
    }
  }
  return told;
}

}  // namespace

DrainingWord draining_at(const segment::View& view, std::uint32_t endpoint) noexcept {
  // SYNC endpoint.draining
  return {view.endpoint(endpoint).control.draining.load(std::memory_order_acquire)};
}

std::uint32_t next_slot(const segment::View& view, std::uint32_t endpoint,
                        ControlWord last) noexcept {
  const DrainingWord word = draining_at(view, endpoint);
  return 1U - (word.nobody() ? last.slot() : word.slot());
}

bool start_draining(const segment::View& view, std::uint32_t endpoint, DrainingWord word) noexcept {
  std::uint64_t expected = 0;
  // SYNC endpoint.draining
  return view.endpoint(endpoint).control.draining.compare_exchange_strong(
      expected, word.bits, std::memory_order_acq_rel, std::memory_order_relaxed);
}

bool stop_draining(const segment::View& view, std::uint32_t endpoint, DrainingWord word) noexcept {
  // SYNC endpoint.draining
  return view.endpoint(endpoint).control.draining.compare_exchange_strong(
      word.bits, 0, std::memory_order_acq_rel, std::memory_order_relaxed);
}

void end_draining(const Attachment& bus, std::uint32_t endpoint, DrainingWord word,
                  StatusCode why) noexcept {
  const auto& view = bus.view;
  std::uint32_t told = 0;
  for (std::uint32_t lane = 0; lane < view.capacities().lanes; ++lane) {
    const LaneWord seen = lane::load_word(view, lane);
    if (!seen.in_use() || seen.endpoint() != endpoint) continue;
    told += tell_owed(view, endpoint, lane, word, why);
    // Unconditionally: it may have answered and died before it woke the caller.
    wait::bump_and_wake(view.lane(lane).events.count);
  }
  SHMBUS_TESTPOINT("draining.all_told");
  auto& target = view.endpoint(endpoint);
  if (!stop_draining(view, endpoint, word)) return;
  if (told != 0) target.owner.died.fetch_add(told, std::memory_order_relaxed);
  // The owner may have orphaned lanes to free now, or a standby to make room for.
  wait::bump_and_wake(target.events.count);
  wait::bump_and_wake(view.bus_events().registrations);
}

bool recover_draining(const Attachment& bus, std::uint32_t endpoint) noexcept {
  const DrainingWord word = draining_at(bus.view, endpoint);
  if (word.nobody() || !bus.dead(word.party())) return false;
  SHMBUS_TESTPOINT("draining.judged");
  // One that had not come to giving the endpoint away: it is recovered as the owner that it was.
  // SYNC endpoint.control
  const ControlWord control{
      bus.view.endpoint(endpoint).control.control.load(std::memory_order_acquire)};
  if (control.active() && control.holder() == word.party()) return false;
  end_draining(bus, endpoint, word, StatusCode::handler_died);
  if (logging::wanted(LogLevel::warning)) {
    logging::Text text("the former handler at endpoint ");
    text.append(endpoint).append(" has died while it still owed answers: its callers got an error");
    logging::write(LogLevel::warning, "endpoint.drained", text);
  }
  return true;
}

}  // namespace shmbus::recovery
