#include "words/extents.hpp"

#include "base/testpoint.hpp"
#include "words/quota.hpp"

namespace shmbus::payload {

using layout::ExtentWord;

namespace {

ExtentWord load(const segment::View& view, std::uint32_t i) noexcept {
  return {view.extent_word(i).load(std::memory_order_acquire)};  // SYNC extent.lease
}

bool take(const Attachment& bus, std::uint32_t i) noexcept {
  ExtentWord seen = load(bus.view, i);
  if (!seen.party().nobody()) return false;
  const auto mine = ExtentWord::make(bus.me, seen.gen());
  if (SHMBUS_MISTAKE("extent.blind")) seen = load(bus.view, i);
  // SYNC extent.lease
  return bus.view.extent_word(i).compare_exchange_strong(
      seen.bits, mine.bits, std::memory_order_acq_rel, std::memory_order_relaxed);
}

void give_back_one(const Attachment& bus, std::uint32_t i) noexcept {
  ExtentWord seen = load(bus.view, i);
  if (seen.party() != bus.me) return;
  const auto freed = ExtentWord::make({}, seen.gen() + 1);
  // SYNC extent.lease
  bus.view.extent_word(i).compare_exchange_strong(seen.bits, freed.bits, std::memory_order_acq_rel,
                                                  std::memory_order_relaxed);
}

}  // namespace

std::optional<std::uint32_t> lease(const Attachment& bus, std::uint32_t count) noexcept {
  const std::uint32_t all = bus.view.capacities().extents;
  if (count == 0 || count > all) return std::nullopt;
  std::uint32_t run = 0;
  for (std::uint32_t i = 0; i < all; ++i) {
    if (take(bus, i)) {
      SHMBUS_TESTPOINT("extent.leased");
      if (++run < count) continue;
      const std::uint32_t first = i + 1 - count;
      if (!quota::exceeded(bus, quota::Of::extents)) return first;
      give_back(bus, first, count);
      return std::nullopt;
    }
    if (run != 0) give_back(bus, i - run, run);
    run = 0;
  }
  if (run != 0) give_back(bus, all - run, run);
  return std::nullopt;
}

void give_back(const Attachment& bus, std::uint32_t first, std::uint32_t count) noexcept {
  for (std::uint32_t i = first; i < first + count; ++i) give_back_one(bus, i);
}

std::uint32_t free_count(const segment::View& view) noexcept {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < view.capacities().extents; ++i) {
    if (load(view, i).party().nobody()) ++count;
  }
  return count;
}

std::byte* resolve_run(const segment::View& view, BlockClaim claim,
                       layout::ParticipantId owner) noexcept {
  const std::uint64_t begin = claim.offset64 * block_unit;
  const std::uint64_t total = view.geometry().extents.bytes();
  if (claim.bytes > total || begin > total - claim.bytes) return nullptr;
  const std::uint64_t end = begin + (claim.bytes == 0 ? 1 : claim.bytes);
  if (end > total) return nullptr;
  const std::uint32_t shift = extent_shift(view.capacities());
  for (std::uint64_t i = begin >> shift; i <= (end - 1) >> shift; ++i) {
    if (load(view, static_cast<std::uint32_t>(i)).party() != owner) return nullptr;
  }
  return view.extents() + begin;
}

}  // namespace shmbus::payload
