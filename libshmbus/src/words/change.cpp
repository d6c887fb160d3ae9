#include "words/change.hpp"

#include <unistd.h>

#include <ctime>

#include "base/testpoint.hpp"
#include "layout/name_words.hpp"
#include "layout/words.hpp"
#include "os/futex.hpp"

namespace shmbus::policy {

using layout::BindingWord;
using layout::ParticipantId;

namespace {

/// A setter is done in a microsecond. One that is stopped in the middle is passed over: every word
/// is whole, so the worst is that its own words come last when it goes on.
constexpr std::uint64_t patience_ns = 100'000'000;
constexpr std::uint64_t look_again_ns = 200'000;
/// Each failed CAS is a registration, or another announcement.
constexpr int change_tries = 1000;

void begin(const Attachment& bus, layout::Word64& changing) noexcept {
  const std::uint64_t give_up = wait::monotonic_ns() + patience_ns;
  std::uint64_t nobody = 0;
  // SYNC policy.changing
  while (!changing.compare_exchange_strong(nobody, bus.me.bits, std::memory_order_acq_rel,
                                           std::memory_order_relaxed)) {
    const auto other = ParticipantId::from_bits(nobody);
    const bool gone = other.index() >= bus.view.capacities().participants || bus.dead(other);
    // What it may have changed is announced together with our own change.
    if (gone || wait::monotonic_ns() >= give_up) {
      changing.store(bus.me.bits, std::memory_order_release);  // SYNC policy.changing
      return;
    }
    nobody = 0;
    wait::pause_for(look_again_ns);
  }
}

void end(const Attachment& bus, layout::Word64& changing) noexcept {
  std::uint64_t mine = bus.me.bits;
  // SYNC policy.changing: not when another setter has passed over us; then it is its turn.
  changing.compare_exchange_strong(mine, 0, std::memory_order_acq_rel, std::memory_order_relaxed);
}

void store_terms(layout::PolicyTerms& asked, const Words& words) noexcept {
  asked.terms.store(words.terms.bits, std::memory_order_relaxed);
  SHMBUS_TESTPOINT("policy.terms");
  asked.outstanding.store(words.outstanding.bits, std::memory_order_relaxed);
  SHMBUS_TESTPOINT("policy.outstanding");
  asked.rate.store(words.rate.bits, std::memory_order_relaxed);
  SHMBUS_TESTPOINT("policy.rate");
  asked.breaker.store(words.breaker.bits, std::memory_order_relaxed);
  SHMBUS_TESTPOINT("policy.breaker");
}

void sign(const Attachment& bus, layout::PolicyTerms& asked) noexcept {
  const auto& me = bus.view.participant(bus.me.index());
  asked.set_by.store(static_cast<std::uint64_t>(me.uid.load(std::memory_order_relaxed)) << 32U |
                         me.pid.load(std::memory_order_relaxed),
                     std::memory_order_relaxed);
  asked.set_at_unix_s.store(static_cast<std::uint64_t>(::time(nullptr)), std::memory_order_relaxed);
  SHMBUS_TESTPOINT("policy.signed");
}

}  // namespace

void announce(const segment::View& view, std::uint32_t record) noexcept {
  auto& binding = view.name(record).binding;
  BindingWord seen{binding.load(std::memory_order_acquire)};  // SYNC names.binding
  for (int i = 0; i < change_tries; ++i) {
    // SYNC names.binding: what was asked is visible with it.
    if (binding.compare_exchange_strong(seen.bits, seen.with_next_revision().bits,
                                        std::memory_order_acq_rel, std::memory_order_acquire)) {
      return;
    }
  }
}

void change(const Attachment& bus, std::uint32_t record, const Words& words) noexcept {
  auto& policy = bus.view.policy(record);
  auto& asked = policy.asked;
  begin(bus, asked.changing);
  SHMBUS_TESTPOINT("policy.changing");
  const Words before = load(asked);
  store_terms(asked, words);
  if (before.rate.bits != words.rate.bits) policy.live.arrival.store(0, std::memory_order_relaxed);
  // A breaker that was set anew begins closed.
  if (before.breaker.bits != words.breaker.bits) {
    policy.live.circuit.store(0, std::memory_order_relaxed);
  }
  SHMBUS_TESTPOINT("policy.live");
  sign(bus, asked);
  announce(bus.view, record);
  SHMBUS_TESTPOINT("policy.announced");
  end(bus, asked.changing);
  SHMBUS_TESTPOINT("policy.done");
}

void finish_changes_of(const Attachment& bus, ParticipantId dead) noexcept {
  for (std::uint32_t i = 0; i < bus.view.capacities().names; ++i) {
    auto& changing = bus.view.policy(i).asked.changing;
    std::uint64_t seen = changing.load(std::memory_order_acquire);  // SYNC policy.changing
    if (seen != dead.bits) continue;
    announce(bus.view, i);
    changing.compare_exchange_strong(seen, 0, std::memory_order_acq_rel, std::memory_order_relaxed);
  }
}

}  // namespace shmbus::policy
