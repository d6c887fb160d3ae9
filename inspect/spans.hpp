// The spans that stand in the flight recorder, as plain values with names and times of day. Never
// writes, never waits; several may read one bus.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "inspect/reader.hpp"
#include "trace/record.hpp"

namespace shmbus::inspect {

struct SpanInfo {
  trace::SpanRecord record;
  std::string name;     ///< of the command, or the one that the programmer gave
  std::string process;  ///< label of the participant that wrote it
  std::string endpoint_label;
  std::uint64_t began_unix_ns = 0;
  std::uint64_t ended_unix_ns = 0;
  std::uint64_t published_unix_ns = 0;  ///< of calls
};

class SpanReader {
 public:
  enum class From : std::uint8_t {
    oldest,  ///< also what stands there already
    now,
  };
  explicit SpanReader(const Reader& reader, From from = From::oldest);

  /// Those that have come since the last time, in no order.
  std::vector<SpanInfo> next();
  /// Events, of spans and of other things, that were overwritten before anybody read them here.
  [[nodiscard]] std::uint64_t overwritten() const noexcept { return overwritten_; }

 private:
  struct Ring {
    std::uint64_t written = 0;
    std::array<std::uint64_t, layout::recorder_slots> taken{};  ///< by slot: index + 1
  };
  void read_ring(std::uint32_t index, std::vector<SpanInfo>* spans);
  [[nodiscard]] SpanInfo describe(const trace::SpanRecord& record);
  [[nodiscard]] const std::string& label_of(const trace::SpanRecord& record);
  [[nodiscard]] std::uint64_t unix_ns(std::uint64_t ticks) const noexcept;
  void set_clocks() noexcept;

  const Reader* reader_;
  wait::TickRate rate_;
  std::vector<Ring> rings_;
  std::map<std::uint32_t, std::string> labels_;  ///< by party
  std::uint64_t overwritten_ = 0;
  std::uint64_t now_ticks_ = 0;
  std::uint64_t now_unix_ns_ = 0;
};

}  // namespace shmbus::inspect
