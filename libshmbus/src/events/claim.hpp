// Makes a name that of an event. A name is a command's or an event's for the life of the bus.
#pragma once

#include <cstdint>

#include "attach/attachment.hpp"
#include "shmbus/error.hpp"
#include "shmbus/schema.hpp"

namespace shmbus::events {

/// The record of `name`, which is that of an event from now on, and whose types fit `types`.
/// already_registered when it is a command; type_mismatch; limit_reached when no name is free.
Result<std::uint32_t> claim(const Attachment& bus, const CommandName& name,
                            const Schema& types) noexcept;

}  // namespace shmbus::events
