/* The directory of lanes: who leases a lane, who serves it, who frees it.
 *
 * Code      words/directory.cpp: attach, attach_anew, detach, move_word, has_queued, free_unserved_orphan;
 *           serve/owned_endpoint.cpp: adopt, drop_if_drained, forget; recovery/participant.cpp:
 *           release_lanes_of, orphan_lane; recovery/endpoint.cpp: release_lanes, stop_serving
 * Bounds    one lane; owner 1 is killed at any step, owner 2 adopts what it left; a recoverer of the
 *           endpoint and a reclaimer of the caller, as late as they like. Two callers that lease
 *           the lane once each and leave, one of them killed at any step, the first of them with a
 *           command; a passer-by who frees an orphan that nobody serves. Or, with -DLATE, one caller
 *           with a command and two recoverers. With -DANEW the first caller may withdraw its
 *           command and begin a new lease of the lane, if nobody serves it.
 * Property  While an owner looks at a lane privately, the lane stays the one that it adopted. Nobody
 *           else leases a lane while its lessee is there. What was committed is started, once. In
 *           the end the lane is free: not leaked.
 * Mutants   M_FREESERVED  free_unserved_orphan does not look at `served`
 *           M_ANEWSERVED  (with -DANEW) the new lease begins whoever serves the lane
 *           M_ANYGEN      (with -DLATE) a recoverer clears `served`, whoever serves the lane
 */
#ifdef LATE
#define CALLERS 1
#else
#define CALLERS 2
#endif
#define FREE 0
#define ALLOC 1
#define ATTACHED 2
#define ORPHAN 3

/* The lane's word is one value; here it is packed as it is there, so that a CAS compares it all. */
#define WORD(g, p, s, o) ((g) * 64 + (p) * 16 + (s) * 4 + (o))
#define GEN(w) ((w) / 64)
#define PARTY(w) (((w) / 16) % 4)
#define STATE(w) (((w) / 4) % 4)
#define SERVED(w) ((w) % 4)
#define IN_USE(w) (STATE(w) >= ATTACHED)
#define WITH_STATE(w, s) WORD(GEN(w), PARTY(w), s, SERVED(w))
#define WITH_SERVED(w, o) WORD(GEN(w), PARTY(w), STATE(w), o)
#define FREED(w) WORD(GEN(w) + 1, 0, FREE, 0)

#ifdef M_ANEWSERVED
#define MAY_BEGIN true
#else
#define MAY_BEGIN SERVED(seen) == 0
#endif

byte lane;
byte queued, runs, commits;   /* what the lane's cells and journal say; ghosts: starts, commits */
byte gen;                     /* the endpoint's control */
bool owned, dead_owner;
byte dead;                    /* caller 1 or 2 */
byte lessee;                  /* ghost */
byte left;                    /* callers that are through */

#define CAS(seen, next) lane == seen -> lane = next
#define DIE :: !dead -> dead = me; goto L_dead
#define STEP(x) atomic { if :: x DIE fi }

proctype Caller(byte me) {
  byte seen, mine;
  do
  :: atomic { STATE(lane) == FREE -> seen = lane };
    mine = WORD(GEN(seen), me, ALLOC, 0);
    atomic { if
      :: lane == seen -> lane = mine; lessee = me
      :: lane != seen -> mine = 0
      DIE fi; seen = 0 };
    if :: mine != 0 -> break :: else fi
  :: atomic { !dead -> dead = me; goto L_dead }
  od;
  STEP(assert(lane == mine && lessee == me); queued = 0);     /* initialise */
  STEP(assert(lane == mine); lane = WITH_STATE(mine, ATTACHED));
  if
  :: me == 1 ->
     STEP(assert(PARTY(lane) == me && GEN(lane) == GEN(mine) && lessee == me);
          queued = 1; commits++)
  :: true
  fi;
#ifdef ANEW
  if
  :: me == 1 ->                                               /* withdrawn: it counts no more */
     atomic { if
      :: seen = lane; assert(PARTY(seen) == me && STATE(seen) == ATTACHED && lessee == me)
      DIE fi };
     if
     :: MAY_BEGIN ->
        atomic { if
         :: lane == seen -> mine = WORD(GEN(seen) + 1, me, ALLOC, 0); lane = mine;
            if :: queued -> queued = 0; commits-- :: else fi
         :: lane != seen -> mine = 0
         DIE fi };
        if
        :: mine != 0 -> STEP(assert(lane == mine && lessee == me); lane = WITH_STATE(mine, ATTACHED))
        :: else
        fi
     :: else
     fi
  :: true
  fi;
#endif
  do                                                          /* detach */
  :: atomic { if
      :: seen = lane; assert(PARTY(seen) == me && STATE(seen) == ATTACHED && lessee == me)
      DIE fi };
    atomic { if
      :: lane == seen -> lane = WITH_STATE(seen, ORPHAN); lessee = 0; break
      :: lane != seen
      DIE fi }
  od;
L_dead:
  atomic { left++; if :: lessee == me -> lessee = 0 :: else fi; seen = 0; mine = 0 }
}

inline free_unserved_orphan() {
  w = lane;
  if
#ifdef M_FREESERVED
  :: atomic { STATE(w) == ORPHAN && !queued };
#else
  :: atomic { STATE(w) == ORPHAN && SERVED(w) == 0 && !queued };
#endif
    atomic { if :: CAS(w, FREED(w)) :: else fi; w = 0 }
  :: else -> w = 0
  fi
}

/* Of a dead caller; comes back until no lane names it. Its ring is not modelled: owners look. */
proctype Reclaimer() {
  byte w;
end_idle:
  do
  :: atomic { dead && PARTY(lane) == dead && STATE(lane) != FREE &&
              !(STATE(lane) == ORPHAN && (SERVED(lane) != 0 || queued)) -> w = lane };
    if
    :: atomic { STATE(w) == ALLOC -> if :: CAS(w, FREED(w)) :: else fi; w = 0 }
    :: STATE(w) != ALLOC ->
      if
      :: atomic { STATE(w) == ATTACHED -> if :: CAS(w, WITH_STATE(w, ORPHAN)) :: else fi }
      :: else
      fi;
      free_unserved_orphan()
    fi
  od
}

proctype PasserBy() {
  byte w;
end_idle:
  STATE(lane) == ORPHAN;
  free_unserved_orphan()
}

#undef DIE
#define DIE :: me == 1 && !dead_owner -> dead_owner = 1; goto L_dead
#define LOOK assert(IN_USE(lane) && SERVED(lane) == me && GEN(lane) == GEN(mine))

proctype Owner(byte me) {
  byte seen, mine;
  bool had;
end_standby:
  atomic { !owned && gen == me - 1 -> owned = 1; gen = me };
L_adopt:
  mine = 0;
end_adopt:
  do
  :: atomic { IN_USE(lane) && SERVED(lane) == 0 -> seen = lane };
    atomic { if
      :: lane == seen -> lane = WITH_SERVED(seen, me); mine = lane
      :: lane != seen
      DIE fi; seen = 0 };
    if :: mine != 0 -> break :: else fi
  :: atomic { me == 1 && !dead_owner -> dead_owner = 1; goto L_dead }
  od;
end_serve:
  do
  :: queued ->
    STEP(LOOK; assert(queued); queued = 0; runs++)            /* the cursor: started */
  :: atomic { STATE(lane) == ORPHAN };                        /* drop_if_drained */
    STEP(LOOK; had = queued);
    if
    :: had -> had = 0
    :: else ->
      STEP(LOOK; seen = lane);
      STEP(LOOK; if :: CAS(seen, FREED(seen)) :: else fi);
      seen = 0;
      goto L_adopt
    fi
  :: atomic { me == 1 && !dead_owner -> dead_owner = 1; goto L_dead }
  od;
L_dead: atomic { seen = 0; mine = 0; had = 0 }
}

proctype Recoverer() {
  byte w;
end_idle:
  atomic { owned && gen == 1 && dead_owner };
  do
  :: w = lane;
    if
#ifdef M_ANYGEN
    :: !IN_USE(w) || SERVED(w) == 0 -> break
#else
    :: !IN_USE(w) || SERVED(w) != 1 -> break
#endif
    :: else ->
      atomic { if :: CAS(w, WITH_SERVED(w, 0)); break :: else fi }
    fi
  od;
  atomic { if :: owned && gen == 1 -> owned = 0 :: else fi };
  w = 0
}

proctype Monitor() {
  timeout;
  assert(left == CALLERS && STATE(lane) == FREE && PARTY(lane) == 0 && SERVED(lane) == 0);
  assert(queued == 0 && runs == commits)
}

init { atomic {
  run Caller(1); run Reclaimer(); run Owner(1); run Owner(2); run Recoverer(); run Monitor();
#ifdef LATE
  run Recoverer();
#else
  run Caller(2); run PasserBy();
#endif
} }
