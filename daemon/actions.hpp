// The performer: does what the supervisor wants done, on the real segment and the real kernel, and
// reports the outcomes as events. The only part of shmbusd that reads participants' words.
//
// Everything read from the segment is hearsay. The verdict about a participant is the prober's,
// which asks the kernel; recovery asks it once more before it touches anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attach/attachment.hpp"
#include "daemon/messages.hpp"
#include "daemon/program.hpp"
#include "daemon/publisher.hpp"
#include "daemon/sources.hpp"
#include "segment/file.hpp"

namespace shmbus::daemon {

class ActionExecutor {
 public:
  struct Tools {
    const Attachment& bus;
    const std::string& path;
    Sources& sources;
    const Log& log;
    const Notifier& notifier;
  };
  explicit ActionExecutor(const Tools& tools);

  void perform(const Action& action, Nanos now, std::vector<Event>& outcomes);
  /// Set once the supervisor has said stop.
  [[nodiscard]] std::optional<Ending> ending() const noexcept { return ending_; }

 private:
  using Outcomes = std::vector<Event>;

  void perform(const action::TakeCensus& a, Nanos now, Outcomes& out);
  void perform(const action::Watch& a, Nanos now, Outcomes& out);
  void perform(const action::Unwatch& a, Nanos now, Outcomes& out);
  void perform(const action::Probe& a, Nanos now, Outcomes& out);
  void perform(const action::Reclaim& a, Nanos now, Outcomes& out);
  void perform(const action::PublishStatistics& a, Nanos now, Outcomes& out);
  void perform(const action::CheckBusFile& a, Nanos now, Outcomes& out);
  void perform(const action::NotifyReady& a, Nanos now, Outcomes& out);
  void perform(const action::NotifyWatchdog& a, Nanos now, Outcomes& out);
  void perform(const action::Stop& a, Nanos now, Outcomes& out);
  void perform(const action::Log& a, Nanos now, Outcomes& out);
  void perform(const action::LogSlot& a, Nanos now, Outcomes& out);

  [[nodiscard]] std::uint32_t useful_pid(const layout::Participant& slot) const noexcept;
  void notify_status();

  Tools tools_;
  Publisher publisher_;
  segment::FileId file_;  ///< what the path led to at the start
  std::uint64_t pid_namespace_;
  std::uint32_t participants_ = 0;
  std::uint32_t participants_told_ = ~0U;
  std::optional<Ending> ending_;
};

}  // namespace shmbus::daemon
