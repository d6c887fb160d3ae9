// What both sides of the streams in one kill say that they did, in memory that no library code
// sees.
#pragma once

#include <atomic>
#include <cstdint>

namespace shmbus::torture {

/// Streams, by who opens them.
namespace stream_id {
inline constexpr std::uint64_t subject = 0;  ///< and the next one
inline constexpr std::uint64_t beside = 2;   ///< of callers that live: one reads, one puts
inline constexpr std::uint64_t dead = 4;     ///< of one that is killed before the operation
inline constexpr std::uint64_t fresh = 5;    ///< of one that comes afterwards, both ways
inline constexpr std::uint64_t count = 6;
}  // namespace stream_id

struct StreamBytes {
  std::uint64_t stream = 0;
  std::uint64_t number = 0;  ///< from 1
  std::uint64_t filler[9] = {};
  std::uint64_t check = 0;

  static constexpr std::uint64_t check_of(std::uint64_t stream, std::uint64_t number) noexcept {
    return (number * 0x9E3779B97F4A7C15ULL) ^ (stream + 1);
  }
  static constexpr StreamBytes make(std::uint64_t stream, std::uint64_t number) noexcept {
    StreamBytes record{stream, number, {}, check_of(stream, number)};
    for (auto& word : record.filler) word = record.check;
    return record;
  }
  [[nodiscard]] constexpr bool whole() const noexcept {
    if (stream >= stream_id::count || check != check_of(stream, number)) return false;
    for (const auto word : filler) {
      if (word != check) return false;
    }
    return true;
  }
};

/// How the caller of a stream was told that it ended.
enum class StreamEnd : std::uint8_t { open, ok, refused, died, not_run, cancelled, wrong };

/// The records of one direction.
struct StreamWay {
  std::atomic<std::uint64_t> put{0};   ///< put() has returned for so many
  std::atomic<std::uint64_t> read{0};  ///< and so many were read
  /// The reader has come to an end behind which nothing is lost.
  std::atomic<int> read_to_end{0};
};

struct StreamNote {
  std::atomic<std::uint32_t> starts{0};
  std::atomic<std::uint32_t> ends{0};  ///< its handler has returned
  std::atomic<StreamEnd> end{StreamEnd::open};
  StreamWay from_handler, to_handler;
};

struct StreamBook {
  StreamNote streams[stream_id::count]{};
  std::atomic<std::uint64_t> wrong{0};  ///< torn, out of order, twice
  std::atomic<int> serving{0};          ///< handlers that have registered
  std::atomic<int> beside_open{0};      ///< callers beside that have opened their streams
  std::atomic<int> left_behind{0};      ///< the one that dies has done what it does
  std::atomic<int> go_on{0};            ///< handlers that wait may go on
};

}  // namespace shmbus::torture
