// What one user (uid) may hold of a bus. There is no account that could go wrong: the process that
// takes something counts what the participants of its user hold at that moment, in the words that
// say who holds what, and gives back what is too much. Two that take at the same moment may both be
// refused.
//
// A participant's uid is what it wrote about itself: this keeps honest programs apart.
#pragma once

#include <cstdint>

#include "attach/attachment.hpp"
#include "shmbus/error.hpp"

namespace shmbus::quota {

enum class Of : std::uint8_t { participants, endpoints, names, lanes, extents };

/// This process's user would hold more than it may, with `more` than it holds now. Never for root,
/// and never where there is no quota, which costs a load of private memory.
[[nodiscard]] bool exceeded(const Attachment& bus, Of what, std::uint32_t more = 0) noexcept;

/// The user whose quotas hold for this process.
[[nodiscard]] std::uint32_t own_user() noexcept;

/// limit_reached: says which quota, how much it is, and of whom.
[[nodiscard]] tl::unexpected<Error> reached(const Attachment& bus, Of what) noexcept;

}  // namespace shmbus::quota
