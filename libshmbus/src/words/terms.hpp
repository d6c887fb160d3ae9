// A policy as a caller keeps it: read from the segment once, checked, converted to ticks. What no
// setter writes asks for nothing.
#pragma once

#include <cstdint>

#include "attach/attachment.hpp"
#include "layout/policy.hpp"
#include "shmbus/error.hpp"
#include "shmbus/policy.hpp"

namespace shmbus::policy {

/// The words of one policy, one for each thing that can be asked.
struct Words {
  layout::TermsWord terms;
  layout::OutstandingWord outstanding;
  layout::RateWord rate;
  layout::BreakerWord breaker;

  [[nodiscard]] bool ask_nothing() const noexcept {
    return (terms.bits | outstanding.bits | rate.bits | breaker.bits) == 0;
  }
};

/// Each word once. What is out of its bounds comes out as 0.
Words load(const layout::PolicyTerms& from) noexcept;

/// invalid_argument for what no policy can ask.
Result<Words> encode(const Policy& policy) noexcept;
Policy decode(const Words& words) noexcept;

/// What a caller decides by.
struct Terms {
  bool deny = false;
  Duration deadline{0};
  std::uint32_t per_caller = 0;
  std::uint32_t in_all = 0;
  std::uint64_t interval_ticks = 0;  ///< 0: no limit of the rate
  std::uint64_t burst_ticks = 0;     ///< how far the rate may be used in advance
  RateLimit rate;                    ///< for messages
  CircuitBreaker breaker;            ///< failure_percent 0: none
};
Terms terms_of(const Words& words, const wait::TickRate& rate) noexcept;

}  // namespace shmbus::policy
