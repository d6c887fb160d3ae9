// The time limit of one operation. An explicit one is fixed at the start and may travel with the
// command; the default one starts to count when the operation first has to wait, so that what does
// not wait reads no clock.
#pragma once

#include <algorithm>
#include <cstdint>

#include "attach/attachment.hpp"
#include "shmbus/options.hpp"

namespace shmbus::detail {

class Deadline {
 public:
  static constexpr std::uint64_t never = ~0ULL;

  Deadline(const Attachment& bus, Duration timeout) noexcept : bus_(&bus) {
    if (timeout == default_timeout) return;
    if (timeout == forever) {
      at_ = never;
      return;
    }
    const auto ns = timeout.count() < 0 ? 0 : static_cast<std::uint64_t>(timeout.count());
    at_ = travelling_ = after(wait::ticks(), ns);
  }
  /// One whose moment was fixed before; 0 is the default, not yet started.
  Deadline(const Attachment& bus, std::uint64_t at) noexcept : bus_(&bus), at_(at) {}

  /// Ends no later than `at`, and says so to the owner. 0 is no limit.
  void end_by(std::uint64_t at) noexcept {
    if (at == 0) return;
    if (at_ == 0) at_ = after(wait::ticks(), bus_->default_timeout_ns);
    at_ = travelling_ = std::min(at_, at);
  }

  /// For the cell: 0 when the owner need not look at the clock.
  [[nodiscard]] std::uint64_t travelling() const noexcept { return travelling_; }
  [[nodiscard]] std::uint64_t at() const noexcept { return at_; }

  [[nodiscard]] bool over(std::uint64_t now) noexcept {
    if (at_ == 0) at_ = after(now, bus_->default_timeout_ns);
    return now >= at_;
  }
  [[nodiscard]] std::uint64_t left_ns(std::uint64_t now) noexcept {
    if (over(now)) return 0;
    return at_ == never ? never : bus_->rate.to_ns(at_ - now);
  }

 private:
  /// More than a century is for ever: in ticks it would not fit 64 bits.
  [[nodiscard]] std::uint64_t after(std::uint64_t now, std::uint64_t ns) const noexcept {
    constexpr std::uint64_t century_ns = 100ULL * 365 * 24 * 3600 * 1'000'000'000;
    return ns >= century_ns ? never : now + bus_->rate.from_ns(ns);
  }

  const Attachment* bus_;
  std::uint64_t at_ = 0;
  std::uint64_t travelling_ = 0;
};

}  // namespace shmbus::detail
