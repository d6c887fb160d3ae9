// Which endpoint of a name takes commands, once those whose owners have died are recovered.
#pragma once

#include <optional>

#include "attach/attachment.hpp"
#include "words/members.hpp"

namespace shmbus::names {

/// taking_place() after recovering the endpoints of the name whose owners are found dead.
std::optional<Place> live_place(const Attachment& bus, const Members& members) noexcept;

}  // namespace shmbus::names
