#include "gateway/stream_call.hpp"

#include <iterator>
#include <utility>

namespace shmbus::gateway {
namespace {

constexpr int records_in_a_round = 128;  // others have their turn in between

}  // namespace

void StreamCall::send_all(std::vector<std::vector<std::byte>> records) {
  waiting_.assign(std::make_move_iterator(records.begin()), std::make_move_iterator(records.end()));
  sending_ = true;
  send_on();
}

void StreamCall::send_on() {
  while (sending_ && !waiting_.empty()) {
    const auto put = stream_.put(waiting_.front(), Duration::zero());
    if (!put && put.error().kind == ErrorKind::timed_out) return;  // no room now
    if (put) {
      waiting_.pop_front();
      continue;
    }
    sending_ = false;
    // When the handler takes no more, the end of the stream says why.
    if (put.error().kind == ErrorKind::stream_ended) return;
    refused_ = put.error();
    stream_.cancel();
  }
  if (!sending_) return;
  const auto closed = stream_.close();
  sending_ = !closed && closed.error().kind == ErrorKind::timed_out;
}

bool StreamCall::look() {
  if (ended_) return true;
  const auto alive = shared_from_this();
  send_on();
  if (records_ != Records::to_handler) return read_on();
  return stream_.ready() && end();
}

bool StreamCall::read_on() {
  for (int i = 0; i < records_in_a_round; ++i) {
    if (!sink_.has_room() || !stream_.ready()) return false;
    const auto record = stream_.next(Duration::zero());
    if (record) {
      sink_.record(*record);
    } else if (record.error().kind == ErrorKind::timed_out) {
      return false;
    } else {
      return end();
    }
  }
  loop_.hurry();
  return false;
}

/// The handler has answered: neither finish() nor end() waits any more.
bool StreamCall::end() {
  ended_ = true;
  if (refused_) {
    sink_.ended(tl::unexpected<Error>(*refused_));
  } else if (records_ == Records::to_handler) {
    sink_.ended(stream_.finish());
  } else if (const auto how = stream_.end(); how) {
    sink_.ended(ReplyView{});
  } else {
    sink_.ended(tl::unexpected<Error>(how.error()));
  }
  return true;
}

}  // namespace shmbus::gateway
