// What is asked of the callers of a name: its policy, and what they share to keep it.
//
// Each word of the terms holds one thing that can be asked, whole: a store sets or lifts it, so a
// setter that is killed leaves each of them as it was or as it is to be. Callers have their own
// copies; what makes them look again is the binding word of the name, moved after the last store
// (BindingWord::with_next_revision). A setter that dies before that has its ParticipantId in
// `changing`, and the process that reclaims it moves the binding instead.
//
//   word           bits, from the top                                   0 means
//   TermsWord      deadline in us 48 | flags 16                         nothing asked
//   OutstandingWord  per caller 32 | in all 32                          no limit
//   RateWord       interval in ns 40 | burst 24                         no limit
//   BreakerWord    percent 7 | calls 13 | window in ms 22 | open in ms 22   none
//   CircuitWord    since, in ms 34 | failures 14 | calls 14 | state 2   closed, nothing counted
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "layout/lane.hpp"
#include "layout/limits.hpp"

namespace shmbus::layout {

namespace policy_flags {
inline constexpr std::uint32_t deny = 1;              ///< nobody may call or send
inline constexpr std::uint32_t count_rejections = 2;  ///< a rejection is a failure to the breaker
}  // namespace policy_flags

struct TermsWord {
  std::uint64_t bits = 0;

  static constexpr std::uint64_t deadline_us_max = (1ULL << 48U) - 1U;

  static constexpr TermsWord make(std::uint64_t deadline_us, std::uint32_t flags) noexcept {
    return {(deadline_us << 16U) | (flags & 0xFFFFU)};
  }
  [[nodiscard]] constexpr std::uint64_t deadline_us() const noexcept { return bits >> 16U; }
  [[nodiscard]] constexpr bool has(std::uint32_t flag) const noexcept {
    return (bits & 0xFFFFU & flag) != 0;
  }
};

struct OutstandingWord {
  std::uint64_t bits = 0;

  static constexpr OutstandingWord make(std::uint32_t per_caller, std::uint32_t in_all) noexcept {
    return {(static_cast<std::uint64_t>(per_caller) << 32U) | in_all};
  }
  [[nodiscard]] constexpr std::uint32_t per_caller() const noexcept {
    return static_cast<std::uint32_t>(bits >> 32U);
  }
  [[nodiscard]] constexpr std::uint32_t in_all() const noexcept {
    return static_cast<std::uint32_t>(bits);
  }
};

struct RateWord {
  std::uint64_t bits = 0;

  static constexpr std::uint64_t interval_ns_max = (1ULL << 40U) - 1U;
  static constexpr std::uint32_t burst_max = (1U << 24U) - 1U;

  static constexpr RateWord make(std::uint64_t interval_ns, std::uint32_t burst) noexcept {
    return {(interval_ns << 24U) | (burst & burst_max)};
  }
  [[nodiscard]] constexpr std::uint64_t interval_ns() const noexcept { return bits >> 24U; }
  [[nodiscard]] constexpr std::uint32_t burst() const noexcept {
    return static_cast<std::uint32_t>(bits) & burst_max;
  }
};

struct BreakerWord {
  std::uint64_t bits = 0;

  static constexpr std::uint32_t calls_max = (1U << 13U) - 1U;
  static constexpr std::uint32_t time_ms_max = (1U << 22U) - 1U;

  static constexpr BreakerWord make(std::uint32_t percent, std::uint32_t calls,
                                    std::uint32_t window_ms, std::uint32_t open_ms) noexcept {
    return {(static_cast<std::uint64_t>(percent & 0x7FU) << 57U) |
            (static_cast<std::uint64_t>(calls & calls_max) << 44U) |
            (static_cast<std::uint64_t>(window_ms & time_ms_max) << 22U) | (open_ms & time_ms_max)};
  }
  [[nodiscard]] constexpr std::uint32_t percent() const noexcept {
    return static_cast<std::uint32_t>(bits >> 57U);
  }
  [[nodiscard]] constexpr std::uint32_t calls() const noexcept {
    return static_cast<std::uint32_t>(bits >> 44U) & calls_max;
  }
  [[nodiscard]] constexpr std::uint32_t window_ms() const noexcept {
    return static_cast<std::uint32_t>(bits >> 22U) & time_ms_max;
  }
  [[nodiscard]] constexpr std::uint32_t open_ms() const noexcept {
    return static_cast<std::uint32_t>(bits) & time_ms_max;
  }
};

enum class Circuit : std::uint32_t {
  closed = 0,     ///< calls go through and are counted, in windows that begin at `since`
  open = 1,       ///< none does, since then
  half_open = 2,  ///< one does, on trial, since then
};

struct CircuitWord {
  std::uint64_t bits = 0;

  static constexpr std::uint64_t since_mask = (1ULL << 34U) - 1U;
  static constexpr std::uint32_t count_max = (1U << 14U) - 1U;

  static constexpr CircuitWord make(Circuit state, std::uint64_t since_ms, std::uint32_t failures,
                                    std::uint32_t calls) noexcept {
    return {((since_ms & since_mask) << 30U) |
            (static_cast<std::uint64_t>(failures & count_max) << 16U) |
            (static_cast<std::uint64_t>(calls & count_max) << 2U) |
            static_cast<std::uint64_t>(state)};
  }
  [[nodiscard]] constexpr Circuit state() const noexcept { return static_cast<Circuit>(bits & 3U); }
  [[nodiscard]] constexpr std::uint64_t since_ms() const noexcept { return bits >> 30U; }
  [[nodiscard]] constexpr std::uint32_t failures() const noexcept {
    return static_cast<std::uint32_t>(bits >> 16U) & count_max;
  }
  [[nodiscard]] constexpr std::uint32_t calls() const noexcept {
    return static_cast<std::uint32_t>(bits >> 2U) & count_max;
  }
};

struct alignas(line_bytes) PolicyTerms {  // one setter at a time
  Word64 changing;                        ///< ParticipantId of the setter at work; 0 when none is
  Word64 terms;                           ///< TermsWord
  Word64 outstanding;                     ///< OutstandingWord
  Word64 rate;                            ///< RateWord
  Word64 breaker;                         ///< BreakerWord
  Word64 set_by;                          ///< uid 32 | pid 32 of the last setter, for people
  Word64 set_at_unix_s;                   ///< when, for people
  std::array<std::uint8_t, 8> pad;
};

struct alignas(line_bytes) PolicyLive {  // RMW: callers of a name that has a policy
  Word64 arrival;                        ///< of the rate limit, in ticks: when it is used up to
  Word64 circuit;                        ///< CircuitWord
  Word64 denied;                         ///< refused, by what refused it; cumulative
  Word64 over_rate;
  Word64 over_outstanding;
  Word64 circuit_open;
  Word64 opened;  ///< times that the circuit opened
  std::array<std::uint8_t, 8> pad;
};

struct PolicyRecord {
  PolicyTerms asked;  // 0x00
  PolicyLive live;    // 0x40
};

static_assert(sizeof(PolicyRecord) == 128 && alignof(PolicyRecord) == 64);
static_assert(offsetof(PolicyRecord, live) == 0x40);
static_assert(sizeof(PolicyTerms) == 64 && sizeof(PolicyLive) == 64);
static_assert(offsetof(PolicyTerms, set_by) == 0x28 && offsetof(PolicyLive, opened) == 0x30);
static_assert(std::is_standard_layout_v<PolicyRecord>);

}  // namespace shmbus::layout
