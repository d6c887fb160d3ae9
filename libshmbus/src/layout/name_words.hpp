// The packed words of names, as those of words.hpp.
//
//   word          bits, from the top                                     who moves it
//   BindingWord   gen 16 | revision 22 | leaving | group | owner 12 | endpoint 12   CAS
//   RouteWord     value 32 | from 16 | rule 2 | promoted | spare 5 | canary 4 | stable 4   CAS
//   NameSlotWord  tag 32 | record + 1                                    CAS, once
#pragma once

#include <cstdint>

#include "layout/words.hpp"

namespace shmbus::layout {

/// Where a name leads, and which owner of that endpoint bound it there: `owner` is the gen of its
/// control word. A successor takes over the endpoint, but only the names that it registers itself.
/// `revision` grows with it, and alone when what stands beside the binding has changed, such as the
/// name's policy: callers compare the whole word, and look again; the registration is the same.
struct BindingWord {
  std::uint64_t bits = none;

  static constexpr std::uint32_t none = 0xFFF;
  static constexpr std::uint32_t event = 0xFFE;  ///< the name is that of an event, for ever
  static constexpr std::uint64_t revision_mask = 0x3FFFFFULL << 26U;
  static constexpr std::uint32_t group = 1;    ///< others may join
  static constexpr std::uint32_t leaving = 2;  ///< finishes what is queued there, takes no more

  static constexpr BindingWord make(std::uint32_t gen, std::uint32_t owner, std::uint32_t endpoint,
                                    std::uint32_t flags = 0) noexcept {
    return {(static_cast<std::uint64_t>(gen & 0xFFFFU) << 48U) |
            (static_cast<std::uint64_t>(flags & 3U) << 24U) |
            (static_cast<std::uint64_t>(owner & 0xFFFU) << 12U) | (endpoint & 0xFFFU)};
  }
  [[nodiscard]] constexpr std::uint32_t gen() const noexcept {
    return static_cast<std::uint32_t>(bits >> 48U);
  }
  [[nodiscard]] constexpr std::uint32_t owner() const noexcept {
    return static_cast<std::uint32_t>((bits >> 12U) & 0xFFFU);
  }
  [[nodiscard]] constexpr std::uint32_t endpoint() const noexcept {
    return static_cast<std::uint32_t>(bits & 0xFFFU);
  }
  [[nodiscard]] constexpr std::uint32_t flags() const noexcept {
    return static_cast<std::uint32_t>((bits >> 24U) & 3U);
  }
  [[nodiscard]] constexpr bool has(std::uint32_t flag) const noexcept {
    return (flags() & flag) != 0;
  }
  [[nodiscard]] constexpr bool bound() const noexcept { return endpoint() < event; }
  [[nodiscard]] constexpr bool is_event() const noexcept { return endpoint() == event; }
  [[nodiscard]] constexpr BindingWord with_next_revision() const noexcept {
    constexpr std::uint64_t one = 1ULL << 26U;
    return {(bits & ~revision_mask) | ((bits + one) & revision_mask)};
  }
  /// What tells registrations apart.
  [[nodiscard]] constexpr std::uint64_t registration() const noexcept {
    return bits & ~revision_mask;
  }
  /// What is added to go on to the next one: gen and revision lie side by side and grow together,
  /// as one number of 38 bits. A caller that slept through 65,536 registrations, after which gen is
  /// the same again, still sees another word.
  static constexpr std::uint64_t step = (1ULL << 48U) + (1ULL << 26U);
  /// The one after this, which leads elsewhere.
  [[nodiscard]] constexpr BindingWord followed_by(std::uint32_t next_owner,
                                                  std::uint32_t next_endpoint,
                                                  std::uint32_t next_flags = 0) const noexcept {
    constexpr std::uint64_t counted = ~0ULL << 26U;
    return {((bits + step) & counted) | make(0, next_owner, next_endpoint, next_flags).bits};
  }
  /// The same with another gen: says "look again" to whoever has seen this one.
  [[nodiscard]] constexpr BindingWord bumped() const noexcept {
    return followed_by(owner(), endpoint(), flags());
  }
  [[nodiscard]] constexpr BindingWord cleared() const noexcept { return followed_by(0, none); }
  /// Of the same owner of the same endpoint.
  [[nodiscard]] constexpr bool same_slot(BindingWord other) const noexcept {
    return ((bits ^ other.bits) & 0xFFFFFFU) == 0;
  }
  /// Whether the owner of the endpoint, whose control word this is, serves the name.
  [[nodiscard]] constexpr bool served_under(ControlWord control) const noexcept {
    return control.active() && control.gen() == owner();
  }
};

/// How callers of a name divide between its members, where one of them is on trial. Places count
/// from 0, the binding; place i is member word i - 1.
struct RouteWord {
  std::uint64_t bits = 0;

  enum class Rule : std::uint32_t {
    nobody = 0,  ///< the canary gets no caller
    share = 1,   ///< callers whose number is below `value`, of 2^32
    label = 2,   ///< callers whose label has the hash `value`
  };

  static constexpr RouteWord make(std::uint32_t stable, std::uint32_t canary, Rule rule,
                                  std::uint32_t value, std::uint32_t from, bool promoted) noexcept {
    return {(static_cast<std::uint64_t>(value) << 32U) |
            (static_cast<std::uint64_t>(from & 0xFFFFU) << 16U) |
            (static_cast<std::uint64_t>(rule) << 14U) |
            (static_cast<std::uint64_t>(promoted ? 1U : 0U) << 13U) |
            (static_cast<std::uint64_t>(canary & 0xFU) << 4U) | (stable & 0xFU)};
  }
  /// Where callers go who are not the canary's.
  [[nodiscard]] constexpr std::uint32_t stable() const noexcept {
    return static_cast<std::uint32_t>(bits & 0xFU);
  }
  /// 0 when there is none; of a promoted route, the place that was stable before.
  [[nodiscard]] constexpr std::uint32_t canary() const noexcept {
    return static_cast<std::uint32_t>((bits >> 4U) & 0xFU);
  }
  [[nodiscard]] constexpr Rule rule() const noexcept {
    return static_cast<Rule>((bits >> 14U) & 3U);
  }
  /// The canary of before is the stable one now, and the stable one of before stands by.
  [[nodiscard]] constexpr bool promoted() const noexcept { return ((bits >> 13U) & 1U) != 0; }
  [[nodiscard]] constexpr std::uint32_t value() const noexcept {
    return static_cast<std::uint32_t>(bits >> 32U);
  }
  /// The gen of the binding when this was written: while it still stands, callers were not told.
  [[nodiscard]] constexpr std::uint32_t from() const noexcept {
    return static_cast<std::uint32_t>((bits >> 16U) & 0xFFFFU);
  }
};

struct NameSlotWord {
  std::uint64_t bits = 0;

  static constexpr NameSlotWord make(std::uint64_t hash, std::uint32_t record) noexcept {
    return {(hash & 0xFFFFFFFF00000000ULL) | (record + 1ULL)};
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits == 0; }
  [[nodiscard]] constexpr bool may_hold(std::uint64_t hash) const noexcept {
    return ((bits ^ hash) >> 32U) == 0;
  }
  [[nodiscard]] constexpr std::uint32_t record() const noexcept {
    return static_cast<std::uint32_t>(bits) - 1U;
  }
};

}  // namespace shmbus::layout
