#include "schedule/streaming.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "os/futex.hpp"

namespace shmbus::schedule {
namespace {

/// Of 96, 48 and 224 bytes of the ring in turn. The largest ones come behind what fills it up, and
/// wait until everything before them was read and told.
constexpr std::size_t most_words = 27;
constexpr std::size_t words_of(std::uint64_t content) noexcept {
  constexpr std::array<std::size_t, 3> words{most_words, 11, 5};
  return words[(content & 0xFFFFU) % 3];
}
using Content = std::array<std::uint64_t, most_words>;

/// Longer than any wait: a process that reaches it was not woken.
constexpr Duration patience = std::chrono::seconds(1);

struct Asked {
  std::uint64_t stream = 0;
  std::uint64_t records = 0;
};

/// Tells the memory model of the lines that are the record's alone: it looks at whole ones.
void touch(std::span<const std::byte> record, bool writes) {
  constexpr std::uintptr_t line = 64;
  const auto begin = reinterpret_cast<std::uintptr_t>(record.data());
  const std::size_t before = (line - begin % line) % line;
  if (record.size() < before + line) return;
  const std::size_t bytes = (record.size() - before) / line * line;
  Stage::the().scheduler().touch(record.data() + before, bytes, writes);
}

/// What the record says; 0 when it is torn.
std::uint64_t content_of(std::span<const std::byte> bytes) {
  Content content{};
  touch(bytes, false);
  if (bytes.size() < sizeof content[0] || bytes.size() > sizeof content) return 0;
  std::memcpy(content.data(), bytes.data(), bytes.size());
  if (bytes.size() != words_of(content[0]) * sizeof content[0]) return 0;
  for (std::size_t i = 1; i < words_of(content[0]); ++i) {
    if (content[i] != content[0]) return 0;
  }
  return content[0];
}

/// In place where the memory model has to be told when the record is written.
template <class Side>
Result<void> put_record(Side& side, std::span<const std::byte> record) {
  if (!Stage::the().scheduler().weak()) return side.put(record, patience);
  const auto room = side.loan(record.size(), patience);
  if (!room) return tl::unexpected<Error>(room.error());
  touch(room->first(record.size()), true);
  std::copy(record.begin(), record.end(), room->begin());
  return side.commit(record.size());
}

template <class Side>
Result<void> put_next(Side& side, std::uint64_t stream, Way way) {
  Stage& stage = Stage::the();
  Content content{};
  content.fill(stage.streams.hand(stream, way));
  auto put = put_record(side, std::as_bytes(std::span(content).first(words_of(content[0]))));
  if (put) stage.streams.put(stream, way);
  return put;
}

/// Looks at it, lets others have a turn, and looks again. Returns the number of its stream.
std::uint64_t judge(std::span<const std::byte> record, Way way) {
  Stage& stage = Stage::the();
  const std::uint64_t said = content_of(record);
  stage.must(said != 0, "a reader was given a torn record");
  const std::uint64_t stream = StreamLedger::stream_of(said);
  stage.must(stage.streams.read(stream, way, said));
  wait::pause_for(1000);
  stage.must(content_of(record) == said, "a record was overwritten while it was read");
  return stream;
}

Status stopped(const Error& why) {
  Stage::the().must(why.kind == ErrorKind::cancelled, "a handler's end of a stream gets an error");
  return Status::reject(1);
}

Status count_records(Context& context, RawReader& in, RawWriter* echo) {
  Stage& stage = Stage::the();
  std::uint64_t stream = 0;
  std::uint64_t count = 0;
  for (;; ++count) {
    const auto record = in.next(patience);
    if (!record) {
      // One that cancelled may have put more; one that died has not.
      const bool all = record.error().kind == ErrorKind::stream_ended || !stage.stream_cancelled;
      if (all && stream != 0) stage.must(stage.streams.ended(stream, Way::to_handler));
      if (record.error().kind != ErrorKind::stream_ended) return stopped(record.error());
      break;
    }
    const std::uint64_t came = judge(*record, Way::to_handler);
    if (stream == 0) stage.must(stage.streams.started(came));
    stage.must(stream == 0 || came == stream, "a reader was given another stream's record");
    stream = came;
    if (echo == nullptr) continue;
    if (auto put = put_next(*echo, stream, Way::from_handler); !put) return stopped(put.error());
  }
  const auto reply = context.reply_buffer(sizeof count);
  if (reply.size() == sizeof count) std::memcpy(reply.data(), &count, sizeof count);
  return Status::ok();
}

}  // namespace

std::optional<Status> serve_stream(Context& context) {
  RawReader in(context);
  RawWriter out(context);
  if (in.valid()) return count_records(context, in, out.valid() ? &out : nullptr);
  if (!out.valid()) return std::nullopt;
  Asked asked;
  Stage::the().must(context.request().size() == sizeof asked, "a request was cut");
  std::memcpy(&asked, context.request().data(), sizeof asked);
  Stage::the().must(Stage::the().streams.started(asked.stream));
  Stage::the().scheduler().effect();
  for (std::uint64_t i = 0; i < asked.records; ++i) {
    if (auto put = put_next(out, asked.stream, Way::from_handler); !put) {
      return stopped(put.error());
    }
  }
  return Status::ok();
}

// --- the caller --------------------------------------------------------------------------------

Streaming::Streaming(Calling& caller, Records records, std::uint64_t asked)
    : number_(Stage::the().streams.open()), asked_(asked) {
  const Asked request{number_, asked};
  auto stream = caller.raw().open(std::as_bytes(std::span(&request, 1)), {.window = small_window},
                                  records, sizeof(std::uint64_t));
  Stage::the().must(stream.has_value(), "a stream cannot be opened");
  if (stream) stream_ = std::move(*stream);
}

bool Streaming::put() {
  const auto put = put_next(stream_, number_, Way::to_handler);
  Stage::the().must(put || put.error().kind == ErrorKind::stream_ended,
                    "a caller cannot put a record");
  return put.has_value();
}

bool Streaming::next() {
  Stage& stage = Stage::the();
  const auto record = stream_.next(patience);
  if (record) {
    stage.must(judge(*record, Way::from_handler) == number_,
               "a reader was given another stream's record");
    return true;
  }
  stage.must(record.error().kind == ErrorKind::stream_ended, "a record does not arrive");
  stage.must(stage.streams.ended(number_, Way::from_handler));
  return false;
}

void Streaming::read_all() {
  while (next()) {
  }
}

void Streaming::close() {
  const auto closed = stream_.close();
  Stage::the().must(closed || closed.error().kind == ErrorKind::stream_ended,
                    "a stream cannot be closed");
}

void Streaming::drop() {
  Stage::the().stream_cancelled = true;
  stream_ = {};
}

void Streaming::end_well() {
  Stage::the().must(end_or_death(), "a stream did not end well, though its handler lives");
}

bool Streaming::end_or_death() {
  Stage& stage = Stage::the();
  const auto end = stream_.end();
  if (end) {
    const bool all = stage.streams.records_read(number_, Way::from_handler) == asked_;
    stage.must(all, "a stream ended well before its last record");
    return true;
  }
  const auto kind = end.error().kind;
  stage.must(
      kind == ErrorKind::handler_died_after_start || kind == ErrorKind::handler_died_before_start,
      "a stream ends with an error that cannot be");
  return false;
}

void Streaming::finish_counted() {
  Stage& stage = Stage::the();
  const auto reply = stream_.finish();
  stage.must(reply.has_value(), "a stream did not end well, though its handler lives");
  std::uint64_t count = 0;
  if (reply && reply->bytes().size() == sizeof count) {
    std::memcpy(&count, reply->bytes().data(), sizeof count);
  }
  stage.must(count == stage.streams.records_read(number_, Way::to_handler),
             "the handler's reply is not how many records it read");
}

}  // namespace shmbus::schedule
