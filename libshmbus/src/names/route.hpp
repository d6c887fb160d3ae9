// Changing which callers the canary of a name gets: by the tool, while everybody runs.
//
// A change is one CAS of the route word and then a bump of the binding. Between the two it stands,
// and callers do not know: the process that serves the name sees by the word itself that it was not
// announced and does so. So a kill anywhere leaves the route before or the route after.
#pragma once

#include <cstdint>

#include "attach/attachment.hpp"
#include "layout/name_words.hpp"
#include "layout/words.hpp"
#include "shmbus/error.hpp"

namespace shmbus::names {

/// REQUIRES, for all: the record is published. Errors say what is missing: no canary, not
/// permitted.
Result<void> give_to_canary(const Attachment& bus, std::uint32_t record,
                            layout::RouteWord::Rule rule, std::uint32_t value) noexcept;
/// The canary becomes the owner; the former one finishes what it has and stands by. In a group, it
/// becomes a member like the others.
Result<void> promote(const Attachment& bus, std::uint32_t record) noexcept;
/// All callers go to the owner again; after a promotion, to the former one.
Result<void> roll_back(const Attachment& bus, std::uint32_t record) noexcept;

}  // namespace shmbus::names
