// Events of the flight recorder for people and for programs: names instead of records, processes
// instead of parties, wall clock instead of ticks, requests by their registered types.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/registered_types.hpp"
#include "inspect/reader.hpp"
#include "os/clock.hpp"
#include "recorder/event.hpp"

namespace shmbus::cli {

/// The process behind a participant id, as far as it can still be found out.
struct Who {
  std::uint32_t pid = 0;  ///< 0: not known
  std::string label;
  [[nodiscard]] std::string text() const;  ///< "store[2483]"
};

/// Remembers what it looked up; what a party or a name is called does not change.
class EventTexts {
 public:
  explicit EventTexts(const inspect::Reader& reader);

  [[nodiscard]] const std::string& name_of(std::uint16_t record);
  [[nodiscard]] const Who& who(layout::ParticipantId party);
  [[nodiscard]] std::string time_of(std::uint64_t ticks) const;  ///< "2026-11-24T19:04:05.123456Z"
  [[nodiscard]] std::int64_t unix_ns_of(std::uint64_t ticks) const;
  /// The request by its registered type, as JSON; nothing when that is not known, or it does not
  /// fit.
  [[nodiscard]] std::optional<std::string> request_json(std::uint16_t record,
                                                        std::span<const std::byte> request);
  /// One line of it: JSON, else text, else bytes; what is missing behind `request` shows as "...".
  [[nodiscard]] std::string request_text(std::uint16_t record, std::span<const std::byte> request,
                                         std::size_t whole_bytes);

 private:
  const NamedTypes& types(std::uint16_t record);

  const inspect::Reader* reader_;
  wait::TickRate rate_;
  std::int64_t now_unix_ns_;
  std::uint64_t now_ticks_;
  std::map<std::uint16_t, std::string> names_;
  std::map<std::uint16_t, NamedTypes> types_;
  std::map<std::uint32_t, Who> parties_;
};

[[nodiscard]] std::string_view kind_name(recorder::Kind kind) noexcept;
/// "ok", "rejected (7)", "handler died".
[[nodiscard]] std::string outcome_text(const recorder::Event& event);
/// Its members by name; the request as `request` gives it.
[[nodiscard]] Json event_json(EventTexts& texts, const recorder::Event& event,
                              std::span<const std::byte> request);

}  // namespace shmbus::cli
