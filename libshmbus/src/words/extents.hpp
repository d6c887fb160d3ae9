// Payload memory is leased in extents: one word each, taken and returned by one CAS. A killed
// lessee leaves whole extents with its name on them, which reclaim finds; what it did inside them
// is its private affair.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>

#include "attach/attachment.hpp"

namespace shmbus::payload {

/// Blocks are named by where they begin, in these units from the start of the extents.
inline constexpr std::uint64_t block_unit = 64;

/// An extent is a power of two, which a shift divides by in a twentieth of the time.
constexpr std::uint32_t extent_shift(const layout::Capacities& capacities) noexcept {
  return static_cast<std::uint32_t>(std::countr_zero(capacities.extent_bytes));
}

/// Leases `count` neighbouring extents; the index of the first. Nothing when there is no such run.
std::optional<std::uint32_t> lease(const Attachment& bus, std::uint32_t count) noexcept;

/// Returns them. Only those that are still this participant's move.
void give_back(const Attachment& bus, std::uint32_t first, std::uint32_t count) noexcept;

/// Extents that nobody held a moment ago.
std::uint32_t free_count(const segment::View& view) noexcept;

/// A piece of payload memory as a peer names it. Nothing in it is trusted.
struct BlockClaim {
  std::uint32_t offset64 = 0;  ///< in block_unit, from the start of the extents
  std::uint64_t bytes = 0;
};

/// As resolve(), for what may lie in several extents.
std::byte* resolve_run(const segment::View& view, BlockClaim claim,
                       layout::ParticipantId owner) noexcept;

/// The only door from a claim to memory: inside the extents, and every extent it touches leased to
/// `owner`. Null when it is not.
inline std::byte* resolve(const segment::View& view, BlockClaim claim,
                          layout::ParticipantId owner) noexcept {
  const std::uint64_t begin = claim.offset64 * block_unit;
  const std::uint32_t shift = extent_shift(view.capacities());
  const std::uint64_t extent = begin >> shift;
  if (extent >= view.capacities().extents || claim.bytes == 0 ||
      (begin + claim.bytes - 1) >> shift != extent) [[unlikely]] {
    return resolve_run(view, claim, owner);
  }
  // SYNC extent.lease
  const layout::ExtentWord word{
      view.extent_word(static_cast<std::uint32_t>(extent)).load(std::memory_order_acquire)};
  return word.party() == owner ? view.extents() + begin : nullptr;
}

}  // namespace shmbus::payload
