/* Sleeping and waking: event count, parked_at, one wake-up for each sleep.
 *
 * Code      serve/owned_endpoint.cpp: announce_sleep, announce_awake; serve/server_core.cpp: sleep;
 *           words/bell.*: must_wake, wake_owner, ring; os/futex.*: wake_sleeper,
 *           bump_and_wake; the caller's side is the same rule (call/caller_wait.cpp: say_asleep,
 *           sleep; lane/reply_target.cpp: wake_caller); recovery/participant.cpp: ring_owner
 * Bounds    one sleeper, 2 publishers with 2 commands each; with -DKILL one of them is killed at any
 *           step and -DRING has a reclaimer ring for it. The slice is a timeout: it ends a sleep
 *           only when nothing else in the model can move.
 * Property  Whenever a slice has to end a sleep, no work is waiting, unless a publisher was killed
 *           and nobody has rung for it (there the slice is what finds the work). All work is done.
 * Mutants   M_NORECHECK  sleeps without looking again
 *           M_LATEMARK   parked_at is stored after the second look. (Stored between "I sleep" and
 *                        the second look it would be safe too: who misses it has published before.)
 *           M_NOBUMP     the waker wakes, but leaves the count as it is
 *           M_LOOKFIRST  the publisher looks whether somebody sleeps, then publishes
 */
#ifndef EACH
#define EACH 2
#endif

byte work[2];                /* published by each */
byte taken[2];
bool parked;                 /* attention */
byte parked_at, count;       /* count: the futex word */
bool asleep;                 /* in the kernel */
bool killed, rung;
byte finished;

#ifdef KILL
#define STEP(x) atomic { if :: x :: !killed -> killed = 1; goto L_end fi }
#else
#define STEP(x) atomic { x }
#endif

#ifdef M_NOBUMP
#define BUMP_AND_WAKE asleep = 0
#else
#define BUMP_AND_WAKE count++; asleep = 0
#endif

#define WORK (taken[0] < work[0] || taken[1] < work[1])
#define TAKE_ALL d_step { taken[0] = work[0]; taken[1] = work[1] }

proctype Publisher(byte me) {
  byte n, at;
  bool must;
  do
  :: n < EACH ->
#ifdef M_LOOKFIRST
    STEP(must = parked);
    STEP(work[me]++);
#else
    STEP(work[me]++);
    STEP(must = parked);
#endif
    if
    :: must ->
      STEP(at = parked_at);
      STEP(must = (count == at));
      if
      :: must -> STEP(BUMP_AND_WAKE)  /* one system call: FUTEX_WAKE_OP */
      :: else
      fi
    :: else
    fi;
    atomic { n++; must = 0; at = 0 }
  :: else -> break
  od;
L_end: finished++
}

#ifdef RING
proctype Reclaimer() {
  byte at;
  bool must;
end_idle:
  killed;
  must = parked;
  if
  :: must -> at = parked_at; must = (count == at);
    if :: must -> atomic { BUMP_AND_WAKE } :: else fi
  :: else
  fi;
  rung = 1
}
#endif

proctype Sleeper() {
  byte seen;
  do
  :: atomic { WORK -> TAKE_ALL }
  :: atomic { !WORK && finished == 2 && taken[0] + taken[1] == 2 * EACH -> break }
  :: atomic { !WORK -> seen = count };
#ifndef M_LATEMARK
    parked_at = seen;
#endif
    parked = 1;
    if
#ifdef M_NORECHECK
    :: true ->
#else
    :: atomic { WORK -> TAKE_ALL }
    :: atomic { !WORK -> skip };
#endif
#ifdef M_LATEMARK
      parked_at = seen;
#endif
      atomic { asleep = (count == seen) };  /* futex_wait: compares and sleeps at once */
      if
      :: !asleep
      :: atomic { timeout ->
           assert(!WORK || (killed && !rung)); asleep = 0;
           if :: !WORK && finished == 2 -> break :: else fi }
      fi
    fi;
    atomic { parked = 0; seen = 0 }
  od
}

init { atomic { run Publisher(0); run Publisher(1); run Sleeper();
#ifdef RING
  run Reclaimer()
#endif
} }
