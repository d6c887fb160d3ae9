// Options of users, checked before anything is done with them: invalid_argument names the option.
#pragma once

#include "shmbus/error.hpp"
#include "shmbus/event_options.hpp"
#include "shmbus/options.hpp"

namespace shmbus::detail {

Result<void> check(const OpenOptions& options) noexcept;
Result<void> check(const CallerOptions& options) noexcept;
Result<void> check(const ServeOptions& options) noexcept;
Result<void> check(const Registration& registration) noexcept;
Result<void> check(const SubscriberOptions& options) noexcept;

}  // namespace shmbus::detail
