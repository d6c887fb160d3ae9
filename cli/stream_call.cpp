#include "cli/stream_call.hpp"

#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "cli/exit_codes.hpp"
#include "cli/lines.hpp"
#include "cli/output.hpp"
#include "cli/terminal.hpp"
#include "common/standard_output.hpp"

namespace shmbus::cli {
namespace {

constexpr auto record_slice =
    std::chrono::milliseconds(100);                         // an interruption is seen within this
constexpr auto line_slice = std::chrono::milliseconds(20);  // then the handler's records are shown

class StreamCall {
 public:
  StreamCall(RawStream stream, const NamedTypes& known, const StreamCallOptions& options)
      : stream_(std::move(stream)), known_(known), options_(options) {
    reads_ = options.records != Records::to_handler;
    typed_ = known.types && !known.types->hash_only;
  }

  /// All lines of standard input; what comes back meanwhile is shown.
  void send_lines() {
    InputLines lines(line_bytes_of(options_.stream.window));
    while (!ended_ && !interrupted()) {
      show_what_is_there();
      if (!lines.wait(line_slice)) continue;
      const auto line = lines.next("open a larger window with --window");
      if (!line) break;
      PayloadOptions one = options_.payload;
      (typed_ ? one.plain : one.text) = *line;
      send(read_request(one, known_));
    }
    // What an interruption has cut short is not all that there was to send.
    if (interrupted()) {
      stream_.cancel();
    } else {
      (void)stream_.close();
    }
  }
  /// Until the stream has ended, or the user ends it.
  void show_records() {
    while (!ended_) {
      if (interrupted()) stream_.cancel();
      show_next(record_slice);
    }
  }
  std::vector<std::byte> reply() {
    if (reads_) {
      const auto end = stream_.end();
      if (!end) throw Failure(end.error());
      return {};
    }
    const auto reply = stream_.finish();
    if (!reply) throw Failure(reply.error());
    return {reply->bytes().begin(), reply->bytes().end()};
  }

 private:
  void send(const std::vector<std::byte>& record) {
    for (;;) {
      const auto sent = stream_.put(record, reads_ ? Duration::zero() : Duration(record_slice));
      if (sent) break;
      ended_ = sent.error().kind == ErrorKind::stream_ended;
      if (ended_ || interrupted()) return;
      if (sent.error().kind != ErrorKind::timed_out) throw Failure(sent.error());
      if (reads_) show_next(record_slice);
    }
  }
  void show_what_is_there() {
    if (!reads_) {
      ended_ = stream_.ready();  // it has answered, and takes no more
      return;
    }
    bool shown = false;
    for (; !ended_ && stream_.ready(); shown = true) show_next(Duration::zero());
    if (shown) (void)flush_output_now();
  }
  void show_next(Duration timeout) {
    auto record = stream_.next(Duration::zero());
    if (!record && record.error().kind == ErrorKind::timed_out && timeout > Duration::zero()) {
      (void)flush_output_now();
      record = stream_.next(timeout);
    }
    if (record) {
      show(*record);
    } else if (record.error().kind == ErrorKind::stream_ended) {
      ended_ = true;
    } else if (record.error().kind != ErrorKind::timed_out) {
      throw Failure(record.error());
    }
  }
  void show(std::span<const std::byte> record) const {
    const auto chars = as_chars(record);
    if (typed_) {
      fmt::print("{}\n", json_text(known_.types->reply, record));
    } else if (options_.json) {
      const bool text = is_text(chars);
      fmt::print(
          "{}\n",
          json_text(Json{{text ? "text" : "hex", text ? std::string(chars) : to_hex(record)}}));
    } else {
      fmt::print("{}\n", is_text(chars) ? printable(chars) : to_hex(record));
    }
  }

  RawStream stream_;
  const NamedTypes& known_;
  const StreamCallOptions& options_;
  bool reads_ = false;
  bool typed_ = false;
  bool ended_ = false;
};

}  // namespace

std::vector<std::byte> call_stream(RawCaller& caller, const NamedTypes& known,
                                   std::span<const std::byte> request,
                                   const StreamCallOptions& options) {
  catch_interruptions();
  auto stream =
      value_or_fail(caller.open(request, options.stream, options.records, options.reply_capacity));
  StreamCall call(std::move(stream), known, options);
  if (options.records != Records::from_handler) call.send_lines();
  if (options.records != Records::to_handler) call.show_records();
  return call.reply();
}

}  // namespace shmbus::cli
