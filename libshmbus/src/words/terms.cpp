#include "words/terms.hpp"

#include <algorithm>

namespace shmbus::policy {

using layout::BreakerWord;
using layout::OutstandingWord;
using layout::RateWord;
using layout::TermsWord;

namespace {

constexpr std::uint64_t ns_per_us = 1'000;
constexpr std::uint64_t ns_per_millisecond = 1'000'000;
/// A burst that takes longer to use up is as good as no limit; keeps products within 64 bits.
constexpr std::uint64_t burst_ns_max = 1ULL << 52U;

bool is_sound(RateWord rate) noexcept {
  return rate.interval_ns() != 0 && rate.burst() != 0 &&
         rate.interval_ns() <= burst_ns_max / rate.burst();
}

bool is_sound(BreakerWord breaker) noexcept {
  return breaker.percent() >= 1 && breaker.percent() <= 100 && breaker.calls() != 0 &&
         breaker.window_ms() != 0 && breaker.open_ms() != 0;
}

std::uint64_t ns_of(Duration time) noexcept { return static_cast<std::uint64_t>(time.count()); }
Duration from_ms(std::uint32_t ms) noexcept { return std::chrono::milliseconds(ms); }

/// Whole units, rounded up; nothing below 0.
std::uint64_t units(Duration time, std::uint64_t unit_ns) noexcept {
  return time.count() <= 0 ? 0 : (ns_of(time) + unit_ns - 1) / unit_ns;
}

Result<TermsWord> encode_terms(const Policy& policy) noexcept {
  if (policy.deadline.count() < 0 || policy.deadline == forever) {
    return fail(ErrorKind::invalid_argument,
                "the deadline of a policy is a time, or 0 for that of the bus");
  }
  std::uint32_t flags = 0;
  if (policy.deny) flags |= layout::policy_flags::deny;
  if (policy.breaker.failure_percent != 0 && policy.breaker.count_rejections) {
    flags |= layout::policy_flags::count_rejections;
  }
  return TermsWord::make(std::min(units(policy.deadline, ns_per_us), TermsWord::deadline_us_max),
                         flags);
}

Result<RateWord> encode_rate(const RateLimit& limit) noexcept {
  if (limit.commands == 0) return RateWord{};
  const std::uint64_t per = limit.per.count() <= 0 ? 0 : ns_of(limit.per);
  const std::uint64_t interval = (per + limit.commands / 2) / limit.commands;
  const auto word = RateWord::make(interval, limit.burst);
  if (interval > RateWord::interval_ns_max || limit.burst > RateWord::burst_max ||
      !is_sound(word)) {
    return fail(ErrorKind::invalid_argument,
                "a rate limit is between one command in 18 minutes and one in a nanosecond, with a "
                "burst from 1 to 16777215 commands that last for at most 52 days");
  }
  return word;
}

Result<BreakerWord> encode_breaker(const CircuitBreaker& breaker) noexcept {
  if (breaker.failure_percent == 0) return BreakerWord{};
  const std::uint64_t window = units(breaker.window, ns_per_millisecond);
  const std::uint64_t open = units(breaker.open_for, ns_per_millisecond);
  if (breaker.failure_percent > 100 || breaker.min_calls == 0 ||
      breaker.min_calls > BreakerWord::calls_max || window == 0 || open == 0 ||
      std::max(window, open) > BreakerWord::time_ms_max) {
    return fail(ErrorKind::invalid_argument,
                "a breaker opens at 1 to 100 percent of at least 1 to 8191 calls; its window and "
                "the time it stays open are from 1 ms to 69 minutes");
  }
  return BreakerWord::make(breaker.failure_percent, breaker.min_calls,
                           static_cast<std::uint32_t>(window), static_cast<std::uint32_t>(open));
}

/// As it was asked for: so many in a second, a minute or an hour where that comes out even.
RateLimit rate_of(RateWord word) noexcept {
  if (word.bits == 0) return {};
  const std::uint64_t interval = word.interval_ns();
  RateLimit limit{1, Duration(static_cast<std::int64_t>(interval)), word.burst()};
  for (const std::uint64_t unit_s : {1, 60, 3600}) {
    const std::uint64_t unit = unit_s * 1'000'000'000;
    const std::uint64_t commands = (unit + interval / 2) / interval;
    if (commands == 0 || (unit + commands / 2) / commands != interval) continue;
    limit.commands = static_cast<std::uint32_t>(commands);
    limit.per = Duration(static_cast<std::int64_t>(unit));
    break;
  }
  return limit;
}

}  // namespace

Words load(const layout::PolicyTerms& from) noexcept {
  Words words{{from.terms.load(std::memory_order_relaxed)},
              {from.outstanding.load(std::memory_order_relaxed)},
              {from.rate.load(std::memory_order_relaxed)},
              {from.breaker.load(std::memory_order_relaxed)}};
  if (!is_sound(words.rate)) words.rate = {};
  if (!is_sound(words.breaker)) words.breaker = {};
  return words;
}

Result<Words> encode(const Policy& policy) noexcept {
  const auto terms = encode_terms(policy);
  if (!terms) return tl::unexpected<Error>(terms.error());
  const auto rate = encode_rate(policy.rate);
  if (!rate) return tl::unexpected<Error>(rate.error());
  const auto breaker = encode_breaker(policy.breaker);
  if (!breaker) return tl::unexpected<Error>(breaker.error());
  return Words{*terms, OutstandingWord::make(policy.outstanding_per_caller, policy.outstanding),
               *rate, *breaker};
}

Policy decode(const Words& words) noexcept {
  Policy policy;
  policy.deny = words.terms.has(layout::policy_flags::deny);
  policy.deadline = std::chrono::microseconds(words.terms.deadline_us());
  policy.outstanding_per_caller = words.outstanding.per_caller();
  policy.outstanding = words.outstanding.in_all();
  policy.rate = rate_of(words.rate);
  if (words.breaker.bits != 0) {
    policy.breaker = {words.breaker.percent(), words.breaker.calls(),
                      from_ms(words.breaker.window_ms()), from_ms(words.breaker.open_ms()),
                      words.terms.has(layout::policy_flags::count_rejections)};
  }
  return policy;
}

Terms terms_of(const Words& words, const wait::TickRate& rate) noexcept {
  const Policy policy = decode(words);
  Terms terms;
  terms.deny = policy.deny;
  terms.deadline = policy.deadline;
  terms.per_caller = policy.outstanding_per_caller;
  terms.in_all = policy.outstanding;
  terms.rate = policy.rate;
  terms.breaker = policy.breaker;
  if (words.rate.bits != 0) {
    const std::uint64_t interval = words.rate.interval_ns();
    terms.interval_ticks = std::max<std::uint64_t>(1, rate.from_ns(interval));
    terms.burst_ticks = rate.from_ns(interval * (words.rate.burst() - 1));
  }
  return terms;
}

}  // namespace shmbus::policy
