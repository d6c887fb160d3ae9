// Those who open streams.
#include "schedule/acting.hpp"
#include "schedule/parts.hpp"
#include "schedule/streaming.hpp"

namespace shmbus::schedule::parts {

/// Two streams one after the other, in the same memory; the first goes once round its window.
void stream_reader() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  {
    Streaming stream(calls, Records::from_handler, 4);
    stream.read_all();
    stream.end_well();
  }
  Streaming stream(calls, Records::from_handler, 1);
  stream.read_all();
  stream.end_well();
}

void stream_writer() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  Streaming stream(calls, Records::to_handler);
  for (int i = 0; i < 4; ++i) Stage::the().must(stream.put(), "a stream ended before its time");
  stream.finish_counted();
}

/// The handler waits for each of the first ones; the last one fills the window.
void stream_echoer() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  Streaming stream(calls, Records::both, 3);
  for (int i = 0; i < 3; ++i) {
    Stage::the().must(stream.put(), "a stream ended before its time");
    if (i < 2) Stage::the().must(stream.next(), "a stream ended before its time");
  }
  stream.close();
  stream.read_all();
  stream.end_well();
}

/// Its handler is killed between any two steps; the next one serves it again.
void bereaved_reader() {
  Peer peer;
  Calling calls(peer, patient);
  calls.warm_up();
  here().ready(true);
  for (int i = 0; i < 2; ++i) {
    Streaming stream(calls, Records::from_handler, 3);
    stream.read_all();
    if (stream.end_or_death()) return;
  }
}

/// Is killed; all that it had put is read.
void mortal_stream_writer() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  Streaming stream(calls, Records::to_handler);
  if (!stream.put()) return;
  nap();  // the handler looks, and finds nothing
  if (stream.put()) stream.finish_counted();
}
void mortal_stream_reader() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  Streaming stream(calls, Records::from_handler, 4);
  stream.read_all();
  stream.end_well();
}
/// Comes to a handler that may be busy with a stream of one that has died.
void caller_beside_stream() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  calls.call();
}

/// Wants no more when the window is full; then all of another stream.
void stream_canceller() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  {
    Streaming stream(calls, Records::from_handler, 8);
    while (!stream.ready()) nap();
    stream.drop();
  }
  Stage::the().stream_cancelled = false;
  Streaming stream(calls, Records::from_handler, 2);
  stream.read_all();
  stream.end_well();
}

}  // namespace shmbus::schedule::parts
