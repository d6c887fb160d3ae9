/* Cold and hot lanes: how an owner hears of a command, and what closes the gaps.
 *
 * Code      lane/caller_lane.*: needs_notice, notify, ring; serve/owned_endpoint.cpp: serve_hot,
 *           serve_inbox, serve_ticket, promote, demote, queue_again, serve_backlog, sweep, adopt;
 *           serve/server_core.cpp: sleep; words/bell.cpp: ring
 * Bounds    one lane with 3 commands, one owner that makes it hot when it rings and cold again
 *           whenever it likes, at most twice; the ring holds two tickets. With -DKILL the caller is
 *           killed at any step. Waking is one step (parking.pml has it in full). The sweep is a
 *           timeout: it comes when nothing else can move.
 * Property  Whenever a sweep has to find a command, its caller was killed. There is never more than
 *           one ticket under way beside the one being served. All commands are taken.
 * Mutants   M_NOLOOK     hot -> cold without looking at the lane once more
 *           M_CLEARLATE  `rung` is cleared after the owner has looked at the lane
 *           M_RINGFIRST  the caller asks whether it must ring, then publishes
 */
#define COMMANDS 3

byte published, taken;
bool hot, rung, parked, asleep, backlog, killed, finished;
byte tickets, demotions;

#ifdef KILL
#define STEP(x) atomic { if :: x :: !killed -> killed = 1; goto L_end fi }
#else
#define STEP(x) atomic { x }
#endif

proctype Caller() {
  bool cold, flipped;
  do
  :: published < COMMANDS ->
#ifdef M_RINGFIRST
    STEP(cold = !hot);
    STEP(published++);
#else
    STEP(published++);
    STEP(cold = !hot);
#endif
    if
    :: cold ->
      STEP(flipped = !rung; rung = 1);
      if
      :: flipped -> STEP(assert(tickets < 2); tickets++)
      :: else
      fi
    :: else
    fi;
    STEP(cold = parked);
    if :: cold -> STEP(asleep = 0) :: else fi;
    atomic { cold = 0; flipped = 0 }
  :: else -> break
  od;
L_end: finished = 1
}

#define NOTHING (tickets == 0 && !backlog && (!hot || taken == published))

proctype Owner() {
  do
  :: atomic { hot && taken < published -> taken = published }     /* serve_hot */
  :: tickets > 0 ->                                              /* serve_ticket, then release */
#ifndef M_CLEARLATE
    rung = 0;
#endif
    if :: hot = 1 :: true fi;                                    /* promote, if there is room */
    taken = published;
#ifdef M_CLEARLATE
    rung = 0;
#endif
    tickets--
  :: backlog -> backlog = 0; taken = published                   /* serve_backlog */
  :: atomic { hot && demotions < 2 -> hot = 0; demotions++ };    /* demote */
#ifndef M_NOLOOK
    backlog = 1
#endif
  :: NOTHING ->
    parked = 1;
    if
    :: atomic { !NOTHING -> skip }
    :: atomic { NOTHING -> asleep = 1 };
      if
      :: !asleep
      :: atomic { timeout -> asleep = 0; assert(taken == published || killed); taken = published;
           rung = 0; if :: finished -> break :: else fi }        /* slice and sweep */
      fi
    fi;
    parked = 0
  od;
  assert(taken == published)
}

init { atomic { run Caller(); run Owner() } }
