// Those who publish and subscribe.
#include "schedule/acting.hpp"
#include "schedule/eventing.hpp"
#include "schedule/parts.hpp"

namespace shmbus::schedule::parts {

/// Publishes a little, to one that sleeps and wakes in turn.
void publisher() {
  Peer peer;
  Publishing out(peer);
  out.publish();
  raise(Stage::first_has_sent);
  here().ready(true);
  out.publish(2);
}
void subscriber() {
  Peer peer;
  await(Stage::first_has_sent);
  Subscribing in(peer, WhenSlow::skip, From::latest);
  in.await_next();
  here().ready(true);
  in.await_next();
  in.await_next();
}

/// Has used all slots when it begins, and then uses some again.
static void full_publisher(int before, int then) {
  Peer peer;
  Publishing out(peer);
  raise(Stage::serving);
  await(Stage::second_is_ready);
  out.publish(before);
  raise(Stage::first_has_sent);
  here().ready(true);
  out.publish(then);
  raise(Stage::closing);
}
void reusing_publisher() { full_publisher(events_to_fill, 4); }
void lapping_publisher() { full_publisher(events_to_fill + events_to_turn - 1, 5); }

/// Came first, and has read nothing yet.
static void lagging_subscriber(WhenSlow slow) {
  Peer peer;
  await(Stage::serving);
  Subscribing in(peer, slow, From::now);
  raise(Stage::second_is_ready);
  await(Stage::first_has_sent);
  here().ready(true);
  in.next(Duration(0));
  in.next(Duration(0));
  if (slow == WhenSlow::hold) {
    while (Stage::the().flags[Stage::closing] == 0) in.next(std::chrono::milliseconds(1));
  } else {
    await(Stage::closing);
  }
  in.read_all();
}
void skipper() { lagging_subscriber(WhenSlow::skip); }
void holder() { lagging_subscriber(WhenSlow::hold); }

/// Comes while slots are used again; what it finds when it comes it must keep.
void joiner() {
  Peer peer;
  raise(Stage::second_is_ready);
  await(Stage::first_has_sent);
  here().ready(true);
  Subscribing in(peer, WhenSlow::hold, From::oldest);
  while (Stage::the().flags[Stage::closing] == 0) in.next(std::chrono::milliseconds(1));
  in.read_all();
}

/// Is killed between any two steps; another one goes on in its lane.
void mortal_publisher() {
  Peer peer;
  Publishing out(peer);
  raise(Stage::serving);
  await(Stage::second_is_ready);
  out.publish();
  here().ready(true);
  out.publish(3);
}
void next_publisher() {
  Peer peer;
  await(Stage::serving);
  await(Stage::second_is_ready);
  here().ready(true);
  while (!here().over(0)) nap();
  Publishing out(peer);
  Stage::the().must(out.there(), "the lane of the dead is not to be had");
  out.publish(2);
  raise(Stage::closing);
}
void reader_of_both() {
  Peer peer;
  await(Stage::serving);
  Subscribing in(peer, WhenSlow::hold, From::now);
  raise(Stage::second_is_ready);
  here().ready(true);
  while (Stage::the().flags[Stage::closing] == 0) in.next(std::chrono::milliseconds(1));
  in.read_all();
}

/// Holds everything, and is killed.
void mortal_holder() {
  Peer peer;
  await(Stage::serving);
  Subscribing in(peer, WhenSlow::hold, From::now);
  raise(Stage::second_is_ready);
  await(Stage::first_has_sent);
  here().ready(true);
  while (Stage::the().flags[Stage::closing] == 0) in.next(std::chrono::milliseconds(1));
}

/// Has left a last event; then one comes who wants its lane for another name, and one who reads it.
void rival_publisher() {
  Peer peer;
  {
    Publishing out(peer);
    out.publish();
  }
  raise(Stage::serving);
  here().ready(true);
  Publishing out(peer, "tock");
  if (out.there()) out.publish(2);
}
void late_reader() {
  Peer peer;
  await(Stage::serving);
  here().ready(true);
  Subscribing in(peer, WhenSlow::skip, From::latest);
  in.next(Duration(0));
  nap();
  in.next(Duration(0));
}

}  // namespace shmbus::schedule::parts
