#include "lane/thread_resources.hpp"

#include "lane/reporting.hpp"
#include "lane/status_kind.hpp"
#include "words/directory.hpp"

namespace shmbus::detail {
namespace {

void report(LeasedLane& lane, const lane::LostSend& lost) noexcept {
  ++lane.lost;
  auto& counter = lane.lane.head().counters.lost;
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (lane.on_lost == nullptr) return;
  ++reports_under_way;
  lane.on_lost(lane.on_lost_user, lost.seq, kind_of(lost.why));
  --reports_under_way;
}

}  // namespace

ThreadResources::~ThreadResources() {
  if (bus_->forked()) {
    pool.abandon();
    return;
  }
  for (const auto& lane : lanes) lane::detach(*bus_, lane->lane.index());
}

void ThreadResources::collect(LeasedLane& lane) noexcept {
  lane.lane.collect([&lane](const lane::LostSend& lost) { report(lane, lost); },
                    [this](std::uint32_t offset64) { pool.release(offset64); });
}

void ThreadResources::withdraw(LeasedLane& lane, std::uint32_t command) noexcept {
  collect(lane);  // what is answered has its own story
  lane.lane.withdraw(command, [&lane](const lane::LostSend& lost) { report(lane, lost); });
}

void ThreadResources::collect_all() noexcept {
  for (const auto& lane : lanes) collect(*lane);
}

void ThreadResources::take_back_withdrawn() noexcept {
  for (const auto& lane : lanes) {
    lane->lane.take_back_withdrawn(*bus_, [this](std::uint32_t block) { pool.release(block); });
  }
}

}  // namespace shmbus::detail
