// Policies as people read and write them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/units.hpp"
#include "policy/status.hpp"
#include "words/terms.hpp"

namespace shmbus::cli {

/// "100/s", "10/m", "1/250ms"; "none" is an empty one. The burst is 1.
RateLimit rate_or_fail(std::string_view text);
/// "50%" or "50"; "none" is 0.
std::uint32_t percent_or_fail(std::string_view text);
/// "16"; "none" is 0.
std::uint32_t count_or_fail(std::string_view text);

/// "deadline 50ms, rate 100/s burst 10"; "nothing is asked" for an empty one.
std::string policy_text(const Policy& policy);
/// The same, and lines below it that say how it fares.
std::string policy_paragraph(std::string_view name, const Policy& policy,
                             const PolicyStatus& status);
nlohmann::json policy_json(std::string_view name, const Policy& policy, const PolicyStatus& status);

}  // namespace shmbus::cli
