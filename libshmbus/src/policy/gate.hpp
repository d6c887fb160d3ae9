// What a caller does about the policy of its name: it has read it once, when it resolved the name,
// and asks it before each command. Without a policy there is nothing to ask, and the caller's fast
// path does not come here.
#pragma once

#include <cstdint>
#include <string_view>

#include "lane/caller_lane.hpp"
#include "shmbus/error.hpp"
#include "words/terms.hpp"

namespace shmbus::policy {

enum class Kind : std::uint8_t { call, send };

class Gate {
 public:
  /// REQUIRES: `record` is a name of this bus.
  void read(const Attachment& bus, std::uint32_t record) noexcept;

  /// There is a policy.
  [[nodiscard]] bool set() const noexcept { return set_; }
  /// Of commands that name none; 0: that of the bus.
  [[nodiscard]] Duration deadline() const noexcept { return terms_.deadline; }

  /// Whether a command may be published into this lane now. What allows it has counted it.
  /// REQUIRES: set().
  Result<void> ask(const lane::CallerLane& lane, Kind kind, std::string_view name) noexcept;
  /// What ask() allowed last was published.
  void sent(const lane::CallerLane& lane, lane::Ticket ticket) noexcept {
    if (trial_ != 0 && trial_lane_ == nullptr) [[unlikely]] {
      trial_lane_ = &lane;
      trial_seq_ = ticket.seq;
    }
  }
  /// A call that was published is about to be sent again, to another lane perhaps.
  void again(const lane::CallerLane& lane, lane::Ticket ticket) noexcept {
    if (trial_lane_ == &lane && trial_seq_ == ticket.seq) trial_lane_ = nullptr;
  }
  /// A call has ended, with that error or none.
  void ended(const lane::CallerLane& lane, lane::Ticket ticket, ErrorKind kind) noexcept {
    if (judges_) [[unlikely]]
      judge(lane, ticket, kind);
  }
  [[nodiscard]] bool judges() const noexcept { return judges_; }

 private:
  Result<void> ask_breaker(Kind kind, std::string_view name) noexcept;
  Result<void> ask_rate(std::string_view name) noexcept;
  Result<void> ask_outstanding(const lane::CallerLane& lane, std::string_view name) noexcept;
  void judge(const lane::CallerLane& lane, lane::Ticket ticket, ErrorKind kind) noexcept;

  Terms terms_;
  bool set_ = false;
  bool judges_ = false;
  std::uint32_t record_ = 0;
  const Attachment* bus_ = nullptr;
  layout::PolicyLive* live_ = nullptr;
  // The call that was let through on trial, if one was.
  std::uint64_t trial_ = 0;
  std::uint64_t trial_seq_ = 0;
  const lane::CallerLane* trial_lane_ = nullptr;
};

}  // namespace shmbus::policy
