// Do the two sides of a call speak of the same types? See shmbus/schema.hpp for the rule.
#pragma once

#include <string_view>

#include "shmbus/error.hpp"
#include "shmbus/schema.hpp"
#include "words/store.hpp"

namespace shmbus::schema {

/// What differs between two schemas, the first few things; empty when they are compatible.
using Difference = FixedText<176>;
Difference difference(std::string_view handler, std::string_view caller) noexcept;

/// type_mismatch with what differs, for the caller of `name`.
Result<void> check(std::string_view name, const Registered& handler, const Schema& caller) noexcept;

}  // namespace shmbus::schema
