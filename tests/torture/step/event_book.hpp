// What publishers and subscribers of events say that they did, in memory that no library code sees.
#pragma once

#include <atomic>
#include <cstdint>

namespace shmbus::torture {

/// Who publishes. The events of each are numbered from 1.
namespace source {
inline constexpr std::uint64_t subject = 0;
inline constexpr std::uint64_t beside = 1;
inline constexpr std::uint64_t dead = 2;   ///< killed before the operation began
inline constexpr std::uint64_t fresh = 3;  ///< comes afterwards
inline constexpr std::uint64_t count = 4;
}  // namespace source

struct EventBytes {
  std::uint64_t source = 0;
  std::uint64_t number = 0;
  std::uint64_t check = 0;

  static constexpr std::uint64_t check_of(std::uint64_t source, std::uint64_t number) noexcept {
    return (number * 0x9E3779B97F4A7C15ULL) ^ (source + 1);
  }
  static constexpr EventBytes make(std::uint64_t source, std::uint64_t number) noexcept {
    return {source, number, check_of(source, number)};
  }
  [[nodiscard]] constexpr bool whole() const noexcept {
    return source < source::count && check == check_of(source, number);
  }
};

/// What one subscriber was given.
struct HeardEvents {
  std::atomic<std::uint64_t> newest[source::count]{};
  std::atomic<std::uint64_t> delivered{0};
  std::atomic<std::uint64_t> missed{0};
  std::atomic<std::uint64_t> wrong{0};  ///< torn, out of order, twice, or an error that cannot be
};

struct EventBook {
  std::atomic<std::uint64_t> published[source::count]{};  ///< publish() has returned
  std::atomic<std::uint64_t> wanted{0};                   ///< from the publisher beside
  std::atomic<int> publishing{0};                         ///< it has its lane
  std::atomic<int> readers{0};                            ///< that have subscribed
  std::atomic<int> left_behind{0};                        ///< the dead have done what they do
  std::atomic<int> over{0};                               ///< peers end when nothing more comes
  HeardEvents holder, skipper, subject;
};

}  // namespace shmbus::torture
