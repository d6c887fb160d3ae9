// The two sides of a stream in the scenes, in the words of the library.
#pragma once

#include <cstdint>
#include <optional>

#include "schedule/stage.hpp"
#include "shmbus/stream.hpp"

namespace shmbus::schedule {

/// Two records of the scenes fit into the ring, and the third only behind what fills it up.
inline constexpr std::size_t small_window = 256;

/// What the handler of the scenes does when the command is a stream: puts as many records as it was
/// asked for, or counts those that it reads, or puts back what it reads.
std::optional<Status> serve_stream(Context& context);

class Streaming {
 public:
  /// `asked`: records from the handler, when they go only that way.
  Streaming(Calling& caller, Records records, std::uint64_t asked = 0);
  Streaming(const Streaming&) = delete;
  Streaming& operator=(const Streaming&) = delete;

  /// Has to work; or the stream has ended, where that is allowed.
  bool put();
  /// Reads one record, and looks at it again after others had a turn. False: the stream has ended.
  bool next();
  void read_all();
  void close();
  void drop();
  [[nodiscard]] bool ready() noexcept { return stream_.ready(); }
  /// Must end like this.
  void end_well();
  /// Or with the handler's death; true when it ended well.
  bool end_or_death();
  /// As above; the handler's reply is how many records it read.
  void finish_counted();

 private:
  std::uint64_t number_;
  std::uint64_t asked_;
  RawStream stream_;
};

}  // namespace shmbus::schedule
