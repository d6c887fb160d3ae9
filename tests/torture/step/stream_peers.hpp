// The processes beside an operation on streams, and what all sides do with records. Bodies of
// children return exit codes.
#pragma once

#include "torture/step/world.hpp"

namespace shmbus::torture {

/// Two records fit into the ring, and a third only behind what fills it up.
inline constexpr StreamOptions small_window{.window = 256};
inline constexpr const char* puts_name = "puts";     ///< puts the records that it is asked for
inline constexpr const char* reads_name = "reads";   ///< reads all, answers how many
inline constexpr std::uint64_t beside_records = 12;  ///< in each stream of the callers beside

struct StreamAsked {
  std::uint64_t stream = 0;
  std::uint64_t records = 0;
  bool refuses = false;  ///< afterwards
};

/// Puts the next record of the stream; the book says so when it is there.
template <class Side>
Result<void> put_next(StreamWay& way, std::uint64_t stream, Side& side,
                      Duration timeout = default_timeout) {
  const auto record = StreamBytes::make(stream, way.put + 1);
  auto put = side.put(std::as_bytes(std::span(&record, 1)), timeout);
  if (put) ++way.put;
  return put;
}
/// The same in place.
template <class Side>
Result<void> loan_next(StreamWay& way, std::uint64_t stream, Side& side,
                       Duration timeout = default_timeout) {
  const auto record = StreamBytes::make(stream, way.put + 1);
  auto loan = side.loan(sizeof record, timeout);
  if (!loan) return tl::unexpected<Error>(loan.error());
  const auto bytes = std::as_bytes(std::span(&record, 1));
  std::copy(bytes.begin(), bytes.end(), loan->begin());
  auto put = side.commit(sizeof record);
  if (put) ++way.put;
  return put;
}
/// Writes down a record that was read; returns its stream.
std::uint64_t note_record(World& world, std::span<const std::byte> bytes, bool to_handler);

/// Handlers of both names.
Status put_records(World& world, Context& context, Duration timeout = default_timeout);
Status read_records(World& world, Context& context, Duration timeout = default_timeout);
/// `timeout`: for each record, where the other side may stand still.
Result<void> add_stream_handlers(World& world, Server& server, Duration timeout = default_timeout);
/// By a Responder, as from another thread.
void put_later(World& world, Responder& responder, const StreamAsked& asked, Duration timeout);

/// A caller's handles.
struct StreamCaller {
  Bus bus;
  RawCaller puts;
  RawCaller reads;
  RawStream stream;
  std::uint64_t number = 0;

  bool join(const World& world, const char* label, WaitMode wait = WaitMode::adaptive);
  /// Gets a lane, by a stream outside of the books.
  bool warm_up();
  bool open_puts(std::uint64_t stream_number, std::uint64_t records, bool refuses = false);
  bool open_reads(std::uint64_t stream_number);
  /// As many records as come, at most `most`. False: the stream has ended.
  bool read_some(World& world, std::uint64_t most = ~0ULL, Duration timeout = default_timeout);
  void put_some(World& world, std::uint64_t most, Duration timeout = default_timeout);
  /// Writes down how it ended.
  void end(World& world);
};

int serve_streams(World& world, WaitMode wait);  ///< mid-step, it stops in the middle of a record
int read_beside(World& world, WaitMode wait);    ///< a living caller, which reads its stream
int put_beside(World& world, WaitMode wait);     ///< the same, which puts
int die_in_stream(World& world);                 ///< as a caller
int reclaim_stream_and_stop(World& world);       ///< that of the dead one
int stream_afresh(World& world);                 ///< everything must work

}  // namespace shmbus::torture
