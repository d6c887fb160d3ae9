/* A endpoint that its owner gives away: exactly once, or told, through any deaths on the way.
 *
 * Code      serve/hand_over.cpp give_to_standby, settle_debts; serve/take_over.cpp take_from, ask_for,
 *           withdraw; serve/owned_endpoint.cpp acquire, adopt, drop_if_drained; recovery/endpoint.cpp
 *           recover_endpoint, see_to_vacant, tell_started; words/draining.cpp; words/directory.cpp
 *           owed_by_replaced, free_unserved_orphan
 * Bounds    K commands (2) in one lane, whose caller may leave when all are published. Party 1 owns
 *           the endpoint; 2 and 3 each ask its owner for the endpoint, or take a vacant one. Every answer
 *           may be deferred, in any order. Parties 1 and 2 are killed at any step; DEATHS (2) of them.
 *           R (1) recoverers, as late as they like; one may stop for ever at any step.
 * Property  A command is started once, and answered once: by whoever started it, or by a verdict that
 *           is given to the dead alone. A journal slot has one writer at a time. The lane is not freed
 *           while an answer is owed in it. In the end everything is answered, nobody drains.
 * Not here  names, tickets, waking, several lanes, one-way commands (finished when an endpoint changes).
 * Mutants   M_NOREJUDGE   a recoverer does not look at the control word again after its verdict
 *           M_NODRAIN     an endpoint is given away without saying that answers are owed
 *           M_NOFLOOR     an owner's recovery tells what a draining one owes
 *           M_SLOT        whoever takes a vacant endpoint takes the other slot, draining or not
 *           M_FREEOWED    a lane is freed while a replaced owner owes an answer there
 */
#ifndef K
#define K 2
#endif
#ifndef R
#define R 1
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#define PARTIES 3
#define REQ 1
#define REP 2

/* Words that move as one value. */
#define CONTROL(h, s, g, j) ((h) * 128 + (s) * 32 + (g) * 2 + (j))
#define HOLDER(c) ((c) / 128)
#define STANDBY(c) (((c) / 32) % 4)
#define GEN(c) (((c) / 2) % 16)
#define SLOT(c) ((c) % 2)
#define WITH_STANDBY(c, s) CONTROL(HOLDER(c), s, GEN(c), SLOT(c))
#define DRAINING(p, j) ((p) * 2 + (j))
#define PARTY(d) ((d) / 2)

short control = CONTROL(1, 0, 1, 0);
byte draining;
byte served;                       /* the lane's word: by which generation; orphan; freed */
bool orphan, freed;
byte ph[K];                        /* cells: never used again here, see lane.pml */
byte cs[2];                        /* the journals: all below was started */
byte published;
bool dead[PARTIES + 1];
byte deaths, stops = 1;
byte by[K], answers[K];            /* ghosts: who started it, how often it was answered */
byte writer[2];                    /* ghost: whose slot it is */

#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define CURSOR MAX(cs[0], cs[1])
#define CAS(word, seen, next) word == seen -> word = next
#define DIE :: me != 3 && deaths < DEATHS && !dead[me] -> dead[me] = 1; deaths++; goto L_dead

inline owed(result) {              /* owed_by_replaced: one look, since nothing new can be owed */
  atomic {
    result = 0;
    if
    :: draining != 0 ->
      i = 0;
      do
      :: i < K -> if :: ph[i] == REQ && i < CURSOR -> result = 1 :: else fi; i++
      :: else -> break
      od
    :: else
    fi;
    i = 0
  }
}

proctype Caller() {
  do
  :: published < K -> atomic { ph[published] = REQ; published++ }
  :: published == K -> break
  od;
  if :: orphan = 1 :: true fi
}

proctype Owner(byte me) {
  short seen;
  byte next, mine, d, i, slot, gen;
  bool owes, is_owed;
  mine = 0;                        /* bits: started by us, not answered */
L_stand:
  if
  :: me == 1 -> seen = control; goto L_moved_in
  :: else
  fi;
end_stand:
  do
  :: atomic { HOLDER(control) == 0 -> seen = control };        /* acquire */
    d = draining;
    atomic {
#ifdef M_SLOT
      slot = 1 - SLOT(seen);
#else
      if :: d == 0 -> slot = 1 - SLOT(seen) :: else -> slot = 1 - d % 2 fi;
#endif
      d = 0;
      if
      :: CAS(control, seen, CONTROL(me, 0, GEN(seen) + 1, slot)); seen = control; goto L_moved_in
      :: else
      fi }
  :: atomic { HOLDER(control) != 0 && HOLDER(control) != me && !dead[HOLDER(control)] &&
              (STANDBY(control) == 0 || dead[STANDBY(control)]) -> seen = control };
    atomic { if :: CAS(control, seen, WITH_STANDBY(seen, me)) :: else fi }
  :: atomic { HOLDER(control) == me -> seen = control; goto L_moved_in }
  :: atomic { STANDBY(control) == me && HOLDER(control) != me -> seen = control };
    atomic { if :: CAS(control, seen, WITH_STANDBY(seen, 0)) :: else fi };
    break                                                      /* withdrawn: not served by us */
  :: atomic { me != 3 && deaths < DEATHS && !dead[me] -> dead[me] = 1; deaths++; goto L_dead }
  od;
  if :: me == 3 -> goto L_stand :: else -> goto L_dead fi;
L_moved_in:
  atomic { gen = GEN(seen); slot = SLOT(seen); writer[slot] = me };
  do                                                           /* adopt */
  :: atomic { if :: served == 0 || served == gen -> served = gen; break :: else DIE fi }
  od;
  atomic { next = CURSOR };
end_serve:
  do
  :: atomic { next < published && !freed && ph[next] == REQ ->
      assert(writer[slot] == me);
      assert(cs[slot] <= next && cs[1 - slot] <= next);
      cs[slot] = next + 1;
      assert(by[next] == 0);
      by[next] = me; mine = mine | (1 << next); next++ }
  :: atomic { mine != 0 -> select(i : 0 .. K - 1);
      if
      :: mine & (1 << i) ->
        assert(ph[i] == REQ && !freed); ph[i] = REP; answers[i]++;
        mine = mine & ~(1 << i)
      :: else
      fi; i = 0 }
  :: atomic { orphan && !freed && mine == 0 && next == published -> skip };
#ifndef M_FREEOWED
    owed(is_owed);
#endif
    atomic { if :: !is_owed && served == gen && HOLDER(control) == me -> freed = 1; served = 0
                :: else fi; is_owed = 0 }
  :: atomic { STANDBY(control) != 0 && HOLDER(control) == me -> seen = control };
    if
    :: dead[STANDBY(seen)] ->
      atomic { if :: CAS(control, seen, WITH_STANDBY(seen, 0)) :: else fi }
    :: else ->
      owes = (mine != 0);
#ifdef M_NODRAIN
      d = draining;
#else
      atomic { if
        :: owes && draining == 0 -> draining = DRAINING(me, slot); d = draining
        :: owes && draining != 0 -> d = 255
        :: !owes -> d = draining
        DIE fi };
#endif
      if
      :: d == 255
      :: d != 255 ->
        atomic { if
          :: control == seen ->
            if
            :: d == 0 -> control = CONTROL(STANDBY(seen), 0, GEN(seen), 1 - slot)
            :: d != 0 -> control = CONTROL(STANDBY(seen), 0, GEN(seen), 1 - d % 2)
            fi;
            goto L_replaced
          :: control != seen
          DIE fi };
        if
        :: owes -> atomic { if :: draining == DRAINING(me, slot) -> draining = 0 :: else fi }
        :: else
        fi
      fi
    fi;
    d = 0; owes = 0
  :: atomic { me != 3 && deaths < DEATHS && !dead[me] -> dead[me] = 1; deaths++; goto L_dead }
  od;
L_replaced:
  d = 0;
  do
  :: atomic { mine != 0 -> select(i : 0 .. K - 1);
      if
      :: mine & (1 << i) ->
        assert(ph[i] == REQ && !freed); ph[i] = REP; answers[i]++;
        mine = mine & ~(1 << i)
      :: else
      fi; i = 0 }
  :: mine == 0 -> break
  :: atomic { me != 3 && deaths < DEATHS && !dead[me] -> dead[me] = 1; deaths++; goto L_dead }
  od;
  if
  :: owes -> atomic { if :: draining == DRAINING(me, slot) -> draining = 0 :: else fi }
  :: else
  fi;
  owes = 0;
  if :: me == 3 -> goto L_stand :: else fi;
L_dead:
  atomic { seen = 0; next = 0; mine = 0; d = 0; i = 0; slot = 0; gen = 0; owes = 0; is_owed = 0 }
}

/* started by that party, unanswered ──CAS──► reply(died) */
inline tell(from, to, whom) {
  i = from;
  do
  :: i < to ->
    atomic { if
      :: ph[i] == REQ -> assert(by[i] == whom && dead[whom]); ph[i] = REP; answers[i]++
      :: else
      fi };
    i++
  :: else -> break
  od;
  i = 0
}
#define MAY_STOP if :: atomic { stops > 0 -> stops--; goto L_stop } :: true fi

proctype Recoverer() {
  short judged, now;
  byte d, from, to, i;
end_idle:
  do
  :: atomic { draining != 0 && dead[PARTY(draining)] -> d = draining };   /* recover_draining */
    now = control;
    if
    :: HOLDER(now) == PARTY(d)
    :: else ->
      to = cs[d % 2];
      MAY_STOP;
      if
      :: draining != d
      :: else ->
        tell(0, to, PARTY(d));
        MAY_STOP;
        atomic { if :: draining == d -> draining = 0 :: else fi }
      fi
    fi;
    d = 0; to = 0; now = 0
  :: atomic { HOLDER(control) != 0 -> judged = control };                 /* recover_endpoint */
end_alive:
    if
    :: !dead[HOLDER(judged)] && HOLDER(control) != HOLDER(judged)
    :: !dead[HOLDER(judged)] && draining != 0 && dead[PARTY(draining)]
    :: dead[HOLDER(judged)] ->
#ifdef M_NOREJUDGE
      now = judged;
#else
      now = control;
#endif
      if
      :: WITH_STANDBY(now, 0) != WITH_STANDBY(judged, 0)
      :: else ->
#ifndef M_NOFLOOR
        d = draining;
        if :: PARTY(d) == HOLDER(now) -> d = 0 :: else fi;
#endif
        if
        :: served != GEN(now)
        :: else ->
          if :: d != 0 -> from = cs[d % 2] :: else -> from = 0 fi;
          to = CURSOR;
          if
          :: served != GEN(now)
          :: else -> tell(from, to, HOLDER(now))
          fi
        fi;
        MAY_STOP;
        atomic { if :: served == GEN(now) -> served = 0 :: else fi };
        MAY_STOP;
        atomic { if :: PARTY(draining) == HOLDER(now) -> draining = 0 :: else fi };
        do
        :: atomic { if
            :: WITH_STANDBY(control, 0) == WITH_STANDBY(now, 0) ->
              control = CONTROL(0, 0, GEN(now), SLOT(now))
            :: else
            fi; break }
        od
      fi
    fi;
    judged = 0; now = 0; d = 0; from = 0; to = 0
  od;
L_stop: skip
}

/* A lane that nobody serves may be freed by anybody. */
proctype PasserBy() {
  byte i; bool is_owed;
end_idle:
  atomic { orphan && served == 0 && !freed && CURSOR == published };
#ifndef M_FREEOWED
  owed(is_owed);
#endif
  atomic { if :: !is_owed && served == 0 && !freed && orphan -> freed = 1 :: else fi; is_owed = 0 }
}

proctype Monitor() {
  byte i;
  timeout;
  if
  :: stops == 1 ->
    assert(draining == 0);
    i = 0;
    do
    :: i < K -> assert(answers[i] == 1); i++
    :: else -> break
    od
  :: else
  fi
}

init { atomic {
  run Caller(); run Owner(1); run Owner(2); run Owner(3); run Recoverer(); run PasserBy();
  run Monitor();
#if R > 1
  run Recoverer();
#endif
} }
