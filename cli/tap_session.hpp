// A tap on a bus, for as long as one of these lives: asks the handlers for events again and again,
// and hands them over in order. When it goes, or is killed, the wish runs out within a second.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/events.hpp"
#include "inspect/reader.hpp"
#include "recorder/reader.hpp"
#include "session/core.hpp"

namespace shmbus::cli {

class TapSession {
 public:
  /// Throws a Failure when there is no such bus. `whole_requests`: not only their first bytes.
  TapSession(const Context& context, std::string_view label, bool whole_requests);

  /// The next command that ran; nothing when there is none for now.
  [[nodiscard]] std::optional<recorder::Event> next();
  /// Nothing came: sleeps, the longer the longer that has been so. Throws a Failure when the bus
  /// has gone.
  void rest();

  /// As much of it as was kept; empty when it was overwritten meanwhile.
  [[nodiscard]] std::vector<std::byte> request_of(const recorder::Event& event) const;
  [[nodiscard]] std::uint64_t skipped() const noexcept { return events_.skipped(); }
  [[nodiscard]] const inspect::Reader& reader() const noexcept { return reader_; }
  [[nodiscard]] EventTexts& texts() noexcept { return texts_; }

 private:
  using Clock = std::chrono::steady_clock;
  void ask_again();

  inspect::Reader reader_;
  std::shared_ptr<detail::BusCore> bus_;
  recorder::TapReader events_;
  EventTexts texts_;
  bool whole_requests_;
  Clock::time_point ask_at_{};
  Clock::time_point look_at_{};
  Clock::time_point last_event_{};
};

/// Which events are wanted; for tap and record.
struct EventFilter {
  std::vector<std::string> names;
  std::string from;  ///< label or pid of the caller
  std::string by;    ///< the same of the handler
  bool failed = false;
  std::uint64_t slower_ns = 0;

  [[nodiscard]] bool wants(EventTexts& texts, const recorder::Event& event) const;
};

void add_filter_options(CLI::App& command, EventFilter& filter);

}  // namespace shmbus::cli
