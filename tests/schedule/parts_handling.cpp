// Those who handle.
#include "schedule/acting.hpp"
#include "schedule/parts.hpp"

namespace shmbus::schedule::parts {

static void owner_of(Order order, std::uint32_t hot_lanes = 8) {
  Peer peer;
  Handling server(peer, order, hot_lanes);
  Stage::the().must(server.take_name(), "the name is taken");
  here().ready(false);
  server.serve();
}
void owner() { owner_of(Order::per_caller); }
void ordered_owner() { owner_of(Order::global); }
/// Has to be rung for each command.
void cold_owner() { owner_of(Order::per_caller, 0); }

/// Takes the name as soon as it can be had.
static void successor_of(Order order) {
  Peer peer;
  Handling server(peer, order);
  here().ready(true);
  while (!server.take_name()) {
    if (here().clients_over()) return;
    nap();
  }
  server.serve();
}
void successor() { successor_of(Order::per_caller); }
void ordered_successor() { successor_of(Order::global); }

/// Waits until the name is free, and takes it, unless another that waits is quicker.
void standby() {
  Peer peer;
  Handling server(peer, Order::per_caller, 8, true);
  Stage::the().must(server.take_name(), "who stands by has its handler");
  here().ready(true);
  while (!server.stand_by()) {
    if (here().clients_over()) return;
  }
  server.serve();
}
/// Says that it has the name.
static void first_successor_of(Order order) {
  Peer peer;
  Handling server(peer, order);
  here().ready(true);
  while (!server.take_name()) {
    if (here().clients_over()) return;
    nap();
  }
  raise(Stage::serving);
  server.serve();
}
void first_successor() { first_successor_of(Order::per_caller); }
void ordered_first_successor() { first_successor_of(Order::global); }

/// Owns the name until the caller has begun, then closes in order.
void leaver() {
  Peer peer;
  Handling server(peer);
  Stage::the().must(server.take_name(), "the name is taken");
  here().ready(false);
  while (!here().exploring()) server.idle(std::chrono::milliseconds(5));
}
/// Takes nothing more, and leaves when something waits.
void ordered_leaver() {
  Peer peer;
  Handling server(peer, Order::global);
  Stage::the().must(server.take_name(), "the name is taken");
  here().ready(false);
  while (!here().exploring()) server.idle(std::chrono::milliseconds(5));
  raise(Stage::closing);
  await(Stage::first_has_sent);
}

/// Handles another name.
void other_owner() {
  Peer peer;
  Handling server(peer);
  here().ready(true);
  while (!server.take_name("other")) {  // there are two endpoints, and three who want one
    if (here().clients_over()) return;
    nap();
  }
  server.serve();
}

/// Gives its name up, and stays.
void giver() {
  Peer peer;
  Handling server(peer);
  Stage::the().must(server.take_name(), "the name is taken");
  here().ready(false);
  while (!here().exploring()) server.idle(std::chrono::milliseconds(5));
  server.give_up_name();
  server.serve();
}

}  // namespace shmbus::schedule::parts
