// The scenes: who is there, who may be killed, and how far each is explored. Each is set up in
// peace and explored from where all are ready; it is small, so that all of it can be tried.
#include "schedule/parts.hpp"
#include "schedule/stage.hpp"

namespace shmbus::schedule {
namespace {

using namespace parts;  // NOLINT: this file is about them

Part client(const char* name, void (*body)()) { return {name, Kind::client, false, body}; }
Part server(const char* name, void (*body)()) { return {name, Kind::server, false, body}; }
Part mortal(Part part) {
  part.mortal = true;
  return part;
}

}  // namespace

const std::vector<Scene>& scenes() {
  static const std::vector<Scene> all = {
      {"calls",
       "a caller and a handler, asleep and awake in turn",
       {server("owner", owner), client("caller", caller)},
       {.preemptions = 3}},
      {"attach",
       "a caller comes while the handler sleeps: a cold lane, adopted",
       {server("owner", owner), client("newcomer", newcomer)},
       {.preemptions = 2}},
      {"sends",
       "one-way commands, and a call behind them",
       {server("owner", owner), client("sender", sender)},
       {.preemptions = 2}},
      {"large",
       "request and reply in leased memory",
       {server("owner", owner), client("caller", caller_of_large)},
       {.preemptions = 2}},
      {"cancel",
       "cancelled while the handler takes it",
       {server("owner", owner), client("canceller", canceller)},
       {.preemptions = 2}},
      {"limit",
       "given up at its limit while the handler takes it",
       {server("owner", owner), client("impatient", impatient)},
       {.preemptions = 2}},
      {"bell",
       "a handler that has to be rung for each command",
       {server("owner", cold_owner), client("caller", caller)},
       {.preemptions = 2}},
      {"order",
       "two callers under one order",
       {server("owner", ordered_owner), client("one", ordered_sender),
        client("other", ordered_caller)},
       {.preemptions = 1}},
      {"ordered-death",
       "the handler dies under one order for all",
       {mortal(server("owner", ordered_owner)), client("first", first_sender),
        client("second", second_sender), server("successor", ordered_successor)},
       {.kills = 1}},
      {"handler-death",
       "the handler dies, its caller waits for a successor",
       {mortal(server("owner", owner)), client("caller", patient_caller),
        server("successor", successor)},
       {.preemptions = 1, .kills = 1}},
      {"sends-death",
       "the handler dies with one-way commands",
       {mortal(server("owner", owner)), client("sender", patient_sender),
        server("successor", successor)},
       {.preemptions = 1, .kills = 1}},
      {"recoverers",
       "a handler has died in a command: its caller and another recover, a successor "
       "and the next caller come after it",
       {server("owner", owner), client("caller", bereaved_caller), server("reclaimer", reclaimer),
        client("heir", heir), server("successor", successor)},
       {.preemptions = 1, .stops = 1}},
      {"recoverer-death",
       "the handler dies, and so does whoever recovers",
       {mortal(server("owner", owner)), mortal(server("reclaimer", reclaimer)),
        client("caller", patient_caller), server("successor", successor)},
       {.kills = 2}},
      {"caller-death",
       "a caller dies, its lane is reclaimed while the handler serves it",
       {server("owner", owner), mortal(client("caller", mortal_caller)),
        server("reclaimer", reclaimer), client("late", late_newcomer)},
       {.preemptions = 1, .kills = 1}},
      {"sender-death",
       "one of two callers dies under one order for all",
       {server("owner", ordered_owner), mortal(client("sender", ordered_sender)),
        client("caller", ordered_caller)},
       {.preemptions = 1, .kills = 1}},
      {"deaths",
       "the handler dies, and so does its successor",
       {mortal(server("owner", owner)), client("sender", patient_sender),
        mortal(server("successor", successor)), server("next", successor)},
       {.kills = 2}},
      {"hasty",
       "a caller leaves its lane while the handler adopts it",
       {server("owner", owner), client("hasty", hasty_caller), client("newcomer", newcomer)},
       {.preemptions = 2}},
      {"give-up",
       "a name is given up and taken by another while commands for it wait",
       {server("giver", giver), client("sender", patient_sender), server("successor", successor)},
       {.preemptions = 2}},
      {"names-death",
       "who registers a name dies, others register beside it and after it",
       {mortal(server("owner", successor)), server("other", other_owner),
        server("reclaimer", reclaimer), client("caller", patient_newcomer),
        server("successor", successor)},
       {.kills = 1, .stops = 1}},
      {"leave",
       "the handler leaves in order while it is called",
       {client("leaver", leaver), client("caller", patient_caller), server("successor", successor)},
       {.preemptions = 1, .stops = 1}},
      {"registration",
       "two handlers want one name, a caller waits for it",
       {server("one", successor), server("other", successor), client("caller", patient_newcomer)},
       {.preemptions = 2}},
      {"registration-death",
       "one of them dies",
       {mortal(server("one", successor)), server("other", successor),
        client("caller", patient_newcomer)},
       {.preemptions = 1, .kills = 1}},
      {"extents",
       "three want two pieces of memory; one dies with what it holds",
       {mortal(client("one", lessee)), client("other", lessee), client("third", lessee),
        server("reclaimer", reclaimer)},
       {.preemptions = 2, .kills = 1}},
  };
  return all;
}

}  // namespace shmbus::schedule
