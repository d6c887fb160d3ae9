#include "policy/gate.hpp"

#include <utility>

#include "policy/breaker.hpp"
#include "policy/outstanding.hpp"
#include "policy/rate.hpp"

namespace shmbus::policy {
namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;

void count(layout::Word64& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

Error refusal(ErrorKind kind, std::string_view name, std::string_view why) noexcept {
  Error error{kind, 0, 0, {}};
  error.message.append("the policy of '").append(name).append("' ").append(why);
  return error;
}

/// Which ends of a call speak against its handler, which for it, and which say nothing.
enum class Verdict : std::uint8_t { good, bad, none };

Verdict verdict_on(ErrorKind kind, bool count_rejections) noexcept {
  switch (kind) {
    case ErrorKind::timed_out:
    case ErrorKind::handler_died_before_start:
    case ErrorKind::handler_died_after_start:
    case ErrorKind::abandoned:
    case ErrorKind::corrupted:
    case ErrorKind::overloaded:
      return Verdict::bad;
    case ErrorKind::rejected:
      return count_rejections ? Verdict::bad : Verdict::good;
    case ErrorKind::none:
    case ErrorKind::too_large:
    case ErrorKind::not_permitted:
    case ErrorKind::invalid_argument:
      return Verdict::good;
    default:
      return Verdict::none;
  }
}

}  // namespace

void Gate::read(const Attachment& bus, std::uint32_t record) noexcept {
  auto& policy = bus.view.policy(record);
  const Words words = load(policy.asked);
  set_ = !words.ask_nothing();
  if (!set_) {
    judges_ = false;
    return;
  }
  terms_ = terms_of(words, bus.rate);
  judges_ = terms_.breaker.failure_percent != 0;
  bus_ = &bus;
  record_ = record;
  live_ = &policy.live;
}

Result<void> Gate::ask(const lane::CallerLane& lane, Kind kind, std::string_view name) noexcept {
  if (terms_.deny) {
    count(live_->denied);
    return tl::unexpected<Error>(refusal(ErrorKind::not_permitted, name,
                                         "denies it to everybody: see `shmbus policy show`"));
  }
  if (judges_) {
    if (auto passed = ask_breaker(kind, name); !passed) return passed;
  }
  if (terms_.per_caller != 0 || terms_.in_all != 0) {
    if (auto passed = ask_outstanding(lane, name); !passed) return passed;
  }
  // Last: what another rule refuses has not used the rate up.
  return terms_.interval_ticks != 0 ? ask_rate(name) : Result<void>{};
}

Result<void> Gate::ask_breaker(Kind kind, std::string_view name) noexcept {
  const auto passage = ask_circuit(live_->circuit, terms_.breaker, kind == Kind::call, bus_->rate);
  if (passage.allowed) {
    if (passage.trial != 0) {
      trial_ = passage.trial;
      trial_lane_ = nullptr;  // until it is sent
    }
    return {};
  }
  count(live_->circuit_open);
  Error error = refusal(ErrorKind::overloaded, name, "holds its circuit open: ");
  error.message.append(terms_.breaker.failure_percent)
      .append("% of its calls or more failed; try again in ")
      .append(passage.retry_after_ms)
      .append(" ms");
  error.retry_after_ns = passage.retry_after_ms * ns_per_ms;
  return tl::unexpected<Error>(error);
}

Result<void> Gate::ask_rate(std::string_view name) noexcept {
  const std::uint64_t ticks =
      take_turn(live_->arrival, terms_.interval_ticks, terms_.burst_ticks, bus_->rate);
  if (ticks == 0) return {};
  count(live_->over_rate);
  Error error = refusal(ErrorKind::overloaded, name, "limits the rate to ");
  error.retry_after_ns = bus_->rate.to_ns(ticks);
  error.message.append(terms_.rate.commands)
      .append(" in ")
      .append(static_cast<std::uint64_t>(terms_.rate.per.count()) / ns_per_ms)
      .append(" ms, ")
      .append(terms_.rate.burst)
      .append(" at once; try again in ")
      .append(error.retry_after_ns / 1000)
      .append(" us");
  return tl::unexpected<Error>(error);
}

Result<void> Gate::ask_outstanding(const lane::CallerLane& lane, std::string_view name) noexcept {
  std::uint32_t limit = 0;
  std::string_view whose;
  // Of all names in this lane there are no fewer: mostly that answers it.
  if (terms_.per_caller != 0 && lane.outstanding() >= terms_.per_caller &&
      outstanding_in(bus_->view, lane.index(), record_, terms_.per_caller) >= terms_.per_caller) {
    limit = terms_.per_caller;
    whose = " of each caller";
  } else if (terms_.in_all != 0 &&
             outstanding_of(bus_->view, record_, terms_.in_all) >= terms_.in_all) {
    limit = terms_.in_all;
    whose = " of all callers";
  } else {
    return {};
  }
  count(live_->over_outstanding);
  Error error = refusal(ErrorKind::overloaded, name, "allows ");
  error.message.append(limit)
      .append(" commands")
      .append(whose)
      .append(" under way, and so many are: wait for replies");
  return tl::unexpected<Error>(error);
}

void Gate::judge(const lane::CallerLane& lane, lane::Ticket ticket, ErrorKind kind) noexcept {
  const Verdict verdict = verdict_on(kind, terms_.breaker.count_rejections);
  if (verdict == Verdict::none) return;
  std::uint64_t trial = 0;
  if (trial_ != 0 && trial_lane_ == &lane && trial_seq_ == ticket.seq) {
    trial = std::exchange(trial_, 0);
    trial_lane_ = nullptr;
  }
  if (tell_circuit(live_->circuit, terms_.breaker, verdict == Verdict::bad, trial, bus_->rate)) {
    count(live_->opened);
  }
}

}  // namespace shmbus::policy
