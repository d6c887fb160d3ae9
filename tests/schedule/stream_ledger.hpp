// What was put into the streams of a scene and read from them, written down outside of the segment,
// and its judgement: whole records only, in order, each once; at an end, all that was put before.
#pragma once

#include <array>
#include <cstdint>

namespace shmbus::schedule {

/// Which way records go.
enum class Way : std::uint8_t { from_handler, to_handler };

class StreamLedger {
 public:
  static constexpr std::uint64_t streams_max = 16;

  std::uint64_t open() noexcept { return ++streams_; }
  /// Its handler runs. What is wrong, or null.
  const char* started(std::uint64_t stream) noexcept {
    if (stream == 0 || stream > streams_) return "a handler was given a stream that nobody opened";
    return ++of(stream).starts > 1 ? "a stream was started twice" : nullptr;
  }
  /// A record is about to be put; returns what it says.
  std::uint64_t hand(std::uint64_t stream, Way way) noexcept {
    return content(stream, way, ++at(stream, way).handed);
  }
  /// put() has returned for it.
  void put(std::uint64_t stream, Way way) noexcept { ++at(stream, way).put; }
  /// A record was read. What is wrong, or null.
  const char* read(std::uint64_t stream, Way way, std::uint64_t said) noexcept {
    if (stream == 0 || stream > streams_) return "a record of a stream that nobody opened";
    auto& records = at(stream, way);
    if (said != content(stream, way, records.read + 1)) {
      return "a reader was given a record that is not the next one";
    }
    ++records.read;
    return records.read > records.handed ? "a record was read that nobody put" : nullptr;
  }
  /// The reader was given an end behind which nothing is lost.
  const char* ended(std::uint64_t stream, Way way) noexcept {
    const auto& records = at(stream, way);
    return records.read < records.put ? "a record that was put before the end was not read"
                                      : nullptr;
  }
  [[nodiscard]] std::uint64_t records_read(std::uint64_t stream, Way way) noexcept {
    return at(stream, way).read;
  }

  static constexpr std::uint64_t stream_of(std::uint64_t content) noexcept {
    return content >> 32U;
  }

 private:
  struct Records {
    std::uint64_t handed = 0;
    std::uint64_t put = 0;
    std::uint64_t read = 0;
  };
  struct One {
    unsigned starts = 0;
    std::array<Records, 2> records{};
  };
  static constexpr std::uint64_t content(std::uint64_t stream, Way way,
                                         std::uint64_t number) noexcept {
    return stream << 32U | (static_cast<std::uint64_t>(way) + 1) << 16U | number;
  }
  One& of(std::uint64_t stream) noexcept { return all_[stream % streams_max]; }
  Records& at(std::uint64_t stream, Way way) noexcept {
    return of(stream).records[static_cast<std::size_t>(way)];
  }

  std::array<One, streams_max> all_{};
  std::uint64_t streams_ = 0;
};

}  // namespace shmbus::schedule
