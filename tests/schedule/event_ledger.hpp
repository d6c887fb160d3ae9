// What was published and read in the scenes on events, written down outside of the segment, and its
// judgement: whole events only, each in the place where it was published, none twice.
#pragma once

#include <array>
#include <cstdint>

namespace shmbus::schedule {

class EventLedger {
 public:
  static constexpr std::uint64_t events_max = 256;

  /// A publisher is about to publish; returns what the event says.
  std::uint64_t hand(bool elsewhere) noexcept {
    const std::uint64_t event = ++handed_;
    elsewhere_[event % events_max] = elsewhere;
    return event;
  }
  /// publish() has returned. What is wrong, or null.
  const char* published(std::uint64_t event, std::uint64_t sequence) noexcept {
    newest_ = sequence > newest_ ? sequence : newest_;
    return place(event, sequence);
  }
  /// A subscriber was given it. What is wrong, or null.
  const char* read(std::uint64_t event, std::uint64_t sequence) noexcept {
    if (event == 0 || event > handed_) return "a subscriber was given what nobody published";
    if (elsewhere_[event % events_max]) return "a subscriber was given another name's event";
    return place(event, sequence);
  }
  /// Of the events that publish() said are there.
  [[nodiscard]] std::uint64_t newest() const noexcept { return newest_; }

 private:
  /// One event in each place, for all who see it.
  const char* place(std::uint64_t event, std::uint64_t sequence) noexcept {
    auto& there = at_[sequence % events_max];
    if (there != 0 && there != event) return "two events have the same sequence number";
    there = event;
    return nullptr;
  }

  std::array<std::uint64_t, events_max> at_{};  ///< by sequence number
  std::array<bool, events_max> elsewhere_{};    ///< by event
  std::uint64_t handed_ = 0;
  std::uint64_t newest_ = 0;
};

}  // namespace shmbus::schedule
