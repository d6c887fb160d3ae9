/* Global order: commands of several callers start in the order of their tickets, whoever dies.
 *
 * Code      lane/caller_lane.cpp: publish; words/inbox.hpp: tag_of, tag_ahead; serve/
 *           owned_endpoint.cpp: serve_inbox, serve_ticket, sweep, lost_its_ticket, acquire;
 *           recovery/endpoint.cpp (as one step: lane.pml has it in full)
 * Bounds    2 callers with 2 commands each, one of them killed at any step; owner 1 is killed at any
 *           step and owner 2 goes on. The ring is an unbounded queue (inbox.pml has it in full). The
 *           sweep is a timeout: it comes when nothing else moves.
 * Property  When a ticket starts a command, everything with an earlier ticket has been started.
 *           Each caller's commands start in order. Each is started once; every command that was
 *           published is started in the end, also one whose caller was killed before its ticket.
 * Mutants   M_RELEASEFIRST  the ticket leaves the ring before the start of its command
 *           M_NOTAG         a ticket starts the next command of its lane, whichever that is
 *           M_NOSWEEP       nobody looks for commands without a ticket
 */
#define EACH 2
#define TICKETS 4

byte published[2], started[2];         /* the lanes: how far the caller, how far the cursor */
byte lane_of[TICKETS], tag[TICKETS];   /* the ring */
byte tail, head;
byte place[4];                         /* ghost: ticket + 1 of each command */
byte gen = 1, begun;
bool dead_owner, dead_caller;

#define ID(l, n) ((l) * EACH + (n) - 1)

proctype Caller(byte me) {
  byte n = 1;
  do
  :: n <= EACH ->
    atomic { if :: published[me] = n :: !dead_caller -> dead_caller = 1; goto L_dead fi };
    atomic { if
      :: lane_of[tail] = me; tag[tail] = n; tail++; place[ID(me, n)] = tail
      :: !dead_caller -> dead_caller = 1; goto L_dead
      fi };
    n++
  :: else -> break
  od;
L_dead: skip
}

#define DIE :: me == 1 && !dead_owner -> dead_owner = 1; goto L_dead

/* The cursor of lane l, with what must hold when a ticket was the reason. */
#define START(l)                                                           \
  started[l]++; begun++; i = 0;                                            \
  do                                                                       \
  :: i < 4 && place[ID(l, started[l])] != 0 -> assert(place[i] == 0 ||     \
        place[i] >= place[ID(l, started[l])] ||                            \
        started[i / EACH] > i % EACH); i++                                 \
  :: else -> break                                                         \
  od; i = 0

proctype Owner(byte me) {
  byte l, t, i, at;
end_standby:
  gen == me;
  at = head;
end_idle:
  do
  :: atomic { at < tail -> l = lane_of[at]; t = tag[at] };
#ifdef M_RELEASEFIRST
    atomic { if :: at++; head = at DIE fi };
#endif
#ifdef M_NOTAG
    if
    :: published[l] > started[l] -> atomic { if :: START(l) DIE fi }
    :: else
    fi;
#else
    do
    :: started[l] < t -> atomic { if :: START(l) DIE fi }
    :: else -> break
    od;
#endif
#ifndef M_RELEASEFIRST
    atomic { if :: at++; head = at DIE fi };
#endif
    atomic { l = 0; t = 0 }
#ifndef M_NOSWEEP
  :: atomic { timeout && at == tail && published[0] > started[0] -> START(0) }
  :: atomic { timeout && at == tail && published[1] > started[1] -> START(1) }
#endif
  :: atomic { me == 1 && !dead_owner -> dead_owner = 1; goto L_dead }
  od;
L_dead:
  atomic { l = 0; t = 0; at = 0 }
}

proctype Recoverer() {
end_idle:
  dead_owner;
  gen = 2
}

proctype Monitor() {
  timeout && published[0] + published[1] == begun && begun == started[0] + started[1]
}

init { atomic { run Caller(0); run Caller(1); run Owner(1); run Owner(2); run Recoverer(); run Monitor() } }
