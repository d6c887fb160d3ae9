// How the policy of a name fares, for people.
#pragma once

#include <cstdint>

#include "os/clock.hpp"
#include "segment/view.hpp"
#include "shmbus/policy.hpp"

namespace shmbus::policy {

PolicyStatus status_of(const segment::View& view, const wait::TickRate& rate,
                       std::uint32_t record) noexcept;

}  // namespace shmbus::policy
