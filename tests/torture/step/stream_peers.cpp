#include "torture/step/stream_peers.hpp"

#include <unistd.h>

#include <csignal>
#include <cstring>

namespace shmbus::torture {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t off_the_books = ~0ULL;

StreamNote* note_of(World& world, std::uint64_t stream) {
  return stream < stream_id::count ? &world.ledger.streams.streams[stream] : nullptr;
}

StreamEnd end_of(const Result<void>& end) {
  if (end) return StreamEnd::ok;
  switch (end.error().kind) {
    case ErrorKind::rejected:
      return StreamEnd::refused;
    case ErrorKind::handler_died_after_start:
      return StreamEnd::died;
    case ErrorKind::handler_died_before_start:
    case ErrorKind::not_registered:
      return StreamEnd::not_run;
    case ErrorKind::cancelled:
      return StreamEnd::cancelled;
    default:
      return StreamEnd::wrong;
  }
}

}  // namespace

std::uint64_t note_record(World& world, std::span<const std::byte> bytes, bool to_handler) {
  StreamBytes record{off_the_books, 0, {}, 0};
  if (bytes.size() == sizeof record) std::memcpy(&record, bytes.data(), sizeof record);
  auto* note = note_of(world, record.stream);
  if (note == nullptr || !record.whole()) {
    ++world.ledger.streams.wrong;
    return off_the_books;
  }
  auto& way = to_handler ? note->to_handler : note->from_handler;
  if (record.number != way.read + 1) ++world.ledger.streams.wrong;
  way.read = record.number;
  return record.stream;
}

// --- the handler -------------------------------------------------------------------------------

namespace {

/// Every third in place. Why it ended before its last record, or ok.
template <class Side>
Result<void> put_asked(StreamNote& note, const StreamAsked& asked, Side& out, Duration timeout) {
  for (std::uint64_t i = 0; i < asked.records; ++i) {
    auto put = i % 3 == 2 ? loan_next(note.from_handler, asked.stream, out, timeout)
                          : put_next(note.from_handler, asked.stream, out, timeout);
    if (!put) return put;
  }
  return {};
}

}  // namespace

Status put_records(World& world, Context& context, Duration timeout) {
  StreamAsked asked{off_the_books, 0};
  if (context.request().size() == sizeof asked) {
    std::memcpy(&asked, context.request().data(), sizeof asked);
  }
  auto* note = note_of(world, asked.stream);
  if (note == nullptr) return Status::ok();  // a warm-up
  ++note->starts;
  RawWriter out(context);
  const auto put = put_asked(*note, asked, out, timeout);
  ++note->ends;
  if (!put) return rejected_as(put.error());
  return asked.refuses ? Status::reject(1, "enough") : Status::ok();
}

void put_later(World& world, Responder& responder, const StreamAsked& asked, Duration timeout) {
  auto* note = note_of(world, asked.stream);
  RawWriter out(responder);
  if (note != nullptr) {
    (void)put_asked(*note, asked, out, timeout);
    ++note->ends;
  }
  (void)responder.reply({});
}

Status read_records(World& world, Context& context, Duration timeout) {
  RawReader in(context);
  StreamNote* note = nullptr;
  std::uint64_t count = 0;
  for (;; ++count) {
    const auto record = in.next(timeout);
    if (!record) {
      const auto why = record.error().kind;
      if (note != nullptr) {
        // Nobody who puts cancels: then its caller has died.
        const bool end = why == ErrorKind::stream_ended || why == ErrorKind::cancelled;
        note->to_handler.read_to_end = end ? 1 : 0;
        ++note->ends;
      }
      if (record.error().kind != ErrorKind::stream_ended) return rejected_as(record.error());
      break;
    }
    const auto stream = note_record(world, *record, true);
    if (note == nullptr && (note = note_of(world, stream)) != nullptr) ++note->starts;
  }
  const auto reply = context.reply_buffer(sizeof count);
  if (reply.size() == sizeof count) std::memcpy(reply.data(), &count, sizeof count);
  return Status::ok();
}

Result<void> add_stream_handlers(World& world, Server& server, Duration timeout) {
  const auto puts = [&world, timeout](Context& c) { return put_records(world, c, timeout); };
  const auto reads = [&world, timeout](Context& c) { return read_records(world, c, timeout); };
  if (auto added = server.on(puts_name, puts); !added) return added;
  return server.on(reads_name, reads);
}

int serve_streams(World& world, WaitMode wait) {
  if (world.peers == Peers::mid_step) stop_self_at(world, "window.filled", world.ledger.reached);
  auto bus = Bus::open(world.path, {.create = false, .label = "handler"});
  if (!bus) return 10;
  auto server = bus->serve({.label = "handler", .wait = wait});
  if (!server) return 11;
  const bool added =
      test::eventually([&] { return add_stream_handlers(world, *server).has_value(); });
  if (!added) return 12;
  ++world.ledger.streams.serving;
  return server->run({}) ? 0 : 13;
}

// --- callers -----------------------------------------------------------------------------------

bool StreamCaller::join(const World& world, const char* label, WaitMode wait) {
  auto opened = Bus::open(world.path, {.create = false, .label = label});
  if (!opened) return false;
  bus = std::move(*opened);
  const CallerOptions options{.wait = wait, .when_vacant = WhenVacant::wait};
  auto first = bus.caller(puts_name, options);
  auto second = bus.caller(reads_name, options);
  if (!first || !second) return false;
  puts = std::move(*first);
  reads = std::move(*second);
  return true;
}

bool StreamCaller::warm_up() {
  return open_puts(off_the_books, 0) && stream.end().has_value() && open_reads(off_the_books) &&
         stream.end().has_value();
}

bool StreamCaller::open_puts(std::uint64_t stream_number, std::uint64_t records, bool refuses) {
  const StreamAsked asked{stream_number, records, refuses};
  auto opened = puts.open(std::as_bytes(std::span(&asked, 1)), small_window);
  number = stream_number;
  if (opened) stream = std::move(*opened);
  return opened.has_value();
}

bool StreamCaller::open_reads(std::uint64_t stream_number) {
  auto opened = reads.open({}, small_window, Records::to_handler, sizeof(std::uint64_t));
  number = stream_number;
  if (opened) stream = std::move(*opened);
  return opened.has_value();
}

bool StreamCaller::read_some(World& world, std::uint64_t most, Duration timeout) {
  auto& way = world.ledger.streams.streams[number].from_handler;
  for (std::uint64_t i = 0; i < most; ++i) {
    const auto record = stream.next(timeout);
    if (!record) {
      if (record.error().kind == ErrorKind::stream_ended) way.read_to_end = 1;
      return false;
    }
    (void)note_record(world, *record, false);
  }
  return true;
}

void StreamCaller::put_some(World& world, std::uint64_t most, Duration timeout) {
  auto& way = world.ledger.streams.streams[number].to_handler;
  for (std::uint64_t i = 0; i < most; ++i) {
    const auto put = i % 3 == 2 ? loan_next(way, number, stream, timeout)
                                : put_next(way, number, stream, timeout);
    if (!put) return;
  }
}

void StreamCaller::end(World& world) {
  world.ledger.streams.streams[number].end = end_of(stream.end());
}

namespace {

int stream_beside(World& world, WaitMode wait, bool reads) {
  StreamCaller caller;
  if (!caller.join(world, reads ? "reader" : "writer", wait)) return 10;
  // Opens its stream when somebody serves it: until then it cannot have a lane.
  if (world.peers == Peers::mid_step) {
    stop_self_at(world, reads ? "window.released" : "window.filled",
                 reads ? world.ledger.reached : world.ledger.caller_reached);
  }
  const auto number = stream_id::beside + (reads ? 0 : 1);
  if (!(reads ? caller.open_puts(number, beside_records) : caller.open_reads(number))) return 11;
  ++world.ledger.streams.beside_open;
  if (reads) {
    (void)caller.read_some(world);
  } else {
    caller.put_some(world, beside_records);
  }
  caller.end(world);
  return 0;
}

}  // namespace

int read_beside(World& world, WaitMode wait) { return stream_beside(world, wait, true); }
int put_beside(World& world, WaitMode wait) { return stream_beside(world, wait, false); }

int die_in_stream(World& world) {
  StreamCaller caller;
  if (!caller.join(world, "dead caller") || !caller.open_puts(stream_id::dead, ~0ULL)) return 10;
  if (world.ledger.streams.serving != 0) (void)caller.read_some(world, 3);
  ++world.ledger.streams.left_behind;
  for (;;) ::pause();
}

int reclaim_stream_and_stop(World& world) {
  auto bus = Bus::open(world.path, {.create = false, .label = "reclaimer"});
  if (!bus) return 10;
  stop_self_at(world, "reclaim.orphan", world.ledger.reached);
  world.ledger.reclaimer_ready = 1;
  if (!wait_for(world.ledger.go)) return 11;
  world.ledger.armed = 1;
  return bus->reclaim() ? 0 : 12;
}

int stream_afresh(World& world) {
  StreamCaller caller;
  if (!caller.join(world, "fresh") || !caller.open_puts(stream_id::fresh, 20)) return 10;
  (void)caller.read_some(world);
  caller.end(world);
  auto& note = world.ledger.streams.streams[stream_id::fresh];
  if (note.end != StreamEnd::ok || note.from_handler.read != 20) return 11;
  if (!caller.open_reads(stream_id::fresh)) return 12;
  caller.put_some(world, 20);
  const auto reply = caller.stream.finish();
  std::uint64_t count = 0;
  if (!reply || reply->bytes().size() != sizeof count) return 13;
  std::memcpy(&count, reply->bytes().data(), sizeof count);
  return count == 20 ? 0 : 14;
}

}  // namespace shmbus::torture
