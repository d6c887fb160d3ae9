// The name table: lock-free, nothing is ever removed, nobody waits for anybody.
//
// A record is leased (CAS on its lease word), filled in private, and published by the one CAS that
// puts it into the first empty slot of its probe sequence. Two registrants of one name race for the
// same slot; the loser finds the winner's record there and gives its own back. A registrant that is
// killed has either published everything or holds a lease that reclaim returns.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "attach/attachment.hpp"
#include "shmbus/command.hpp"
#include "shmbus/error.hpp"

namespace shmbus::names {

/// invalid_argument for a text that no command can have: see name.hpp.
Result<void> check(const CommandName& name) noexcept;

/// Index of the record with this name. No allocation, no store; any process, also a read-only one.
std::optional<std::uint32_t> find(const segment::View& view, const CommandName& name) noexcept;

/// find(), or insert with no owner. limit_reached when the table is full. A new name belongs to
/// this participant's user, or, without `claim`, to the process that registers it first.
Result<std::uint32_t> intern(const Attachment& bus, const CommandName& name,
                             bool claim = true) noexcept;

/// The text of a record, copied out and cut to its field.
using NameText = FixedText<layout::name_bytes_max>;
NameText text_of(const segment::View& view, std::uint32_t record) noexcept;

/// Gives back the lease of a registrant that died before it published.
void return_leases(const Attachment& bus, layout::ParticipantId dead) noexcept;

}  // namespace shmbus::names
