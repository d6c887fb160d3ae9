/* A group: several endpoints behind one name, whose dead are inherited by their fellows.
 *
 * Code      serve/server_join.cpp put_in_place, shared_seat; serve/server_members.cpp tend, take_over,
 *           drop, keep_binding, leave_places, leave_to_fellows, release_seat, forget_word, retire_seats;
 *           words/members.cpp load_members, takes, place_of; call/route.cpp routed_destination,
 *           spread_over, nobody_takes_over; recovery/endpoint.cpp
 * Bounds    Three places (0 is the binding) and three endpoints. Member 1 has the binding, or with
 *           -DLATER the second place, and 2 the other one. 1 leaves or is killed; with -DJOIN 1 does
 *           not leave, and 3 joins at any time; DEATHS (1) of 1 and 3, at any step. 2 stays. K (1)
 *           callers with a command each.
 *           A recoverer, as late as it likes, that may stop for ever.
 * Property  A command is started once, and answered or told once. One that was sent while its member
 *           took commands is not withdrawn: that member or a fellow runs it (not with -DJOIN: a
 *           newcomer may take the very endpoint, and say so a moment later). There is always a
 *           member that takes commands. In the end everything is answered, the binding leads to a
 *           living member, and no place to anybody else.
 * Not here  canaries and routes, founding, takeover of an endpoint between the living, order in a lane.
 * Mutants   M_FORGET     who leaves clears its word without a look at what is queued there
 *           M_DROPBOUND  the binding is moved from a dead one though commands wait there
 *           M_CLEARFIRST a word is cleared before it stands in the binding
 *           M_NOTELL     an endpoint of the dead is taken over without telling what it had begun
 *           M_LOADONCE   a caller looks at the places once, while a word moves from one to another
 *           M_STALEWORD  who takes an endpoint over gives up when the one that left had just said so
 */
#ifndef K
#define K 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#define PLACES 3
#define SEATS 3
#define NONE 3

/* Words that move as one value. In reality a place also counts its changes. */
#define WORD(o, e, l) ((o) * 8 + ((e) + 1) * 2 + (l))
#define BOUND(w) ((w) % 8 >= 2)
#define SEAT(w) (((w) % 8) / 2 - 1)
#define OWNER(w) ((w) / 8)
#define LEAVING(w) ((w) % 2)
#define CONTROL(h, g) ((h) * 16 + (g))
#define HOLDER(c) ((c) / 16)
#define GEN(c) ((c) % 16)

#define QUEUED 1
#define STARTED 2
#define ANSWERED 3
#define TOLD 4
#define WITHDRAWN 5

byte place[PLACES];
byte control[SEATS];
byte st[K], at[K], by[K];
byte runs[K];                /* ghosts */
bool prompt[K];
bool dead[4];
byte deaths, stops = 1;

#define SERVED(w) (BOUND(w) && HOLDER(control[SEAT(w)]) != 0 && GEN(control[SEAT(w)]) == OWNER(w))
#define TAKES(w) (!LEAVING(w) && SERVED(w))
#define WAITS1(e, k) (st[k] == QUEUED && at[k] == (e))
#if K > 1
#define WAITS(e) (WAITS1(e, 0) || WAITS1(e, 1))
#else
#define WAITS(e) WAITS1(e, 0)
#endif
#define OWES1(e, k) (st[k] == STARTED && at[k] == (e) && by[k] == me)
#if K > 1
#define OWES(e) (OWES1(e, 0) || OWES1(e, 1))
#else
#define OWES(e) OWES1(e, 0)
#endif
#define DIE :: me != 2 && deaths < DEATHS && !dead[me] -> dead[me] = 1; deaths++; goto L_dead
#define STEP(x) atomic { if :: x DIE fi }

/* Of one that is dead: what it had begun is told, then its endpoint is vacant. */
inline recover(e) {
  atomic { c = control[e] };
  if
  :: HOLDER(c) != 0 && dead[HOLDER(c)] ->
#ifndef M_NOTELL
    k = 0;
    do
    :: k < K ->
      STEP(if
        :: st[k] == STARTED && at[k] == e && by[k] == HOLDER(c) -> st[k] = TOLD
        :: else
        fi; k++)
    :: else -> break
    od;
    k = 0;
#endif
    STEP(if :: control[e] == c -> control[e] = CONTROL(0, GEN(c)) :: else fi)
  :: else
  fi;
  atomic { c = 0 }
}

#define MINE(w) (BOUND(w) && ((SEAT(w) == own && OWNER(w) == own_gen) || \
                              (SEAT(w) == more && OWNER(w) == more_gen)))

/* Where a word stands. */
#define FIND(word, from, none) \
  p = (place[from] == (word) -> from : (place[1] == (word) -> 1 : (place[2] == (word) -> 2 : none)))

/* A endpoint that is ours no more. Its word goes, unless something waits there for a fellow. */
inline vacate(e, g) {
  STEP(assert(control[e] == CONTROL(me, g)); control[e] = CONTROL(0, g));
  STEP(FIND(WORD(g, e, 1), 1, 0); w = WORD(g, e, 1));
  if
  :: p == 0
  :: p != 0 ->
#ifndef M_FORGET
    STEP(q = WAITS(e));
#endif
    if :: q == 0 -> STEP(if :: place[p] == w -> place[p] = 0 :: else fi) :: else fi
  fi;
  atomic { p = 0; w = 0; q = 0 }
}

/* Says of our own endpoint that it takes no more. */
inline mark_leaving(e, g) {
  STEP(FIND(WORD(g, e, 0), 0, NONE);
       if :: p != NONE -> place[p] = WORD(g, e, 1) :: else fi; p = 0)
}

proctype Member(byte me; byte own; byte own_gen) {
  byte more, more_gen, p, w, c, k, q;
  bool retires, left;
  more = NONE;
  if :: own != NONE -> goto L_serve :: else fi;
end_join:
  do
  :: atomic { if
      :: HOLDER(control[0]) == 0 -> p = 0
      :: HOLDER(control[1]) == 0 -> p = 1
      :: HOLDER(control[2]) == 0 -> p = 2
      fi; c = control[p] };
    if
    :: HOLDER(c) == 0 ->
      STEP(if
        :: control[p] == c -> control[p] = CONTROL(me, GEN(c) + 1); own = p; own_gen = GEN(c) + 1
        :: else
        fi);
      if :: own != NONE -> break :: else fi
    :: HOLDER(c) != 0
    fi;
    c = 0
  od;
  c = 0; p = 0;
end_place:
  STEP(if
    :: place[1] == 0 -> place[1] = WORD(own_gen, own, 0)
    :: place[1] != 0 && place[2] == 0 -> place[2] = WORD(own_gen, own, 0)
    fi);
L_serve:
end_serve:
  do
  :: atomic { own != NONE && WAITS(own) ->
      k = 0; do :: WAITS1(own, k) -> break :: else -> k++ od;
      assert(HOLDER(control[own]) == me);
      st[k] = STARTED; by[k] = me; runs[k]++; assert(runs[k] == 1); k = 0 }
  :: atomic { more != NONE && WAITS(more) ->
      k = 0; do :: WAITS1(more, k) -> break :: else -> k++ od;
      assert(HOLDER(control[more]) == me);
      st[k] = STARTED; by[k] = me; runs[k]++; assert(runs[k] == 1); k = 0 }
  :: atomic { (own != NONE && OWES(own)) || (more != NONE && OWES(more)) ->
      k = 0; do :: st[k] == STARTED && by[k] == me -> break :: else -> k++ od;
      st[k] = ANSWERED; k = 0 }
  :: atomic { BOUND(place[0]) && !MINE(place[0]) -> p = 0; w = place[0] }; goto L_tend
  :: atomic { BOUND(place[1]) && !MINE(place[1]) -> p = 1; w = place[1] }; goto L_tend
  :: atomic { BOUND(place[2]) && !MINE(place[2]) -> p = 2; w = place[2] }; goto L_tend
  :: atomic { !SERVED(place[0]) && own != NONE -> w = place[0] }; goto L_keep_binding
  :: atomic { more != NONE && retires && !OWES(more) && !WAITS(more) -> skip };
    vacate(more, more_gen);
    atomic { more = NONE; more_gen = 0; retires = 0 }
#ifndef JOIN
  :: atomic { me == 1 && more == NONE && !left && !OWES(own) &&
              (TAKES(place[0]) && !MINE(place[0]) || TAKES(place[1]) && !MINE(place[1]) ||
               TAKES(place[2]) && !MINE(place[2])) -> left = 1 };
    mark_leaving(own, own_gen);
    if :: OWES(own) -> STEP(k = 0; do :: OWES1(own, k) -> st[k] = ANSWERED; break :: else -> k++ od; k = 0)
       :: else fi;
    vacate(own, own_gen);
    goto L_dead
#endif
  :: atomic { me != 2 && deaths < DEATHS && !dead[me] -> dead[me] = 1; deaths++; goto L_dead }
  od;
L_tend:
  recover(SEAT(w));
  STEP(c = control[SEAT(w)]);
  if
  :: HOLDER(c) != 0 && GEN(c) == OWNER(w)                      /* a fellow */
  :: HOLDER(c) != 0 && GEN(c) != OWNER(w) ->                   /* somebody else sits there */
    STEP(if :: p != 0 && place[p] == w -> place[p] = 0 :: else fi)
  :: HOLDER(c) == 0 ->
    STEP(q = WAITS(SEAT(w)));
    if
    :: LEAVING(w) && q == 0 ->
      STEP(if :: p != 0 && place[p] == w -> place[p] = 0 :: else fi)
    :: !(LEAVING(w) && q == 0) && more == NONE ->
      STEP(if
        :: control[SEAT(w)] == c ->
          control[SEAT(w)] = CONTROL(me, GEN(c) + 1); more = SEAT(w); more_gen = GEN(c) + 1
        :: else
        fi);
      if
      :: more != NONE ->
        STEP(if
#ifdef M_STALEWORD
          :: place[p] == w ->
#else
          :: place[p] == w || place[p] == (w | 1) ->           /* it said meanwhile that it leaves */
#endif
            place[p] = WORD(more_gen, more, (p == 0 -> 0 : 1)); q = 2
          :: else -> q = 3
          fi);
        retires = 1;
        if
        :: q == 2 && p == 0 ->                                 /* the binding's endpoint is kept */
          mark_leaving(own, own_gen);
          atomic { c = own; own = more; more = c; c = own_gen; own_gen = more_gen; more_gen = c }
        :: else
        fi
      :: else
      fi
    :: else
    fi
  fi;
  atomic { p = 0; w = 0; c = 0; q = 0; goto L_serve };
L_keep_binding:
#ifndef M_DROPBOUND
  STEP(q = (BOUND(w) -> WAITS(SEAT(w)) : 0));
  if :: q -> goto L_kept :: else fi;
#endif
  STEP(FIND(WORD(own_gen, own, 0), 1, NONE); c = WORD(own_gen, own, 0));
  if
  :: p == NONE || p == 0
  :: p != NONE && p != 0 ->
#ifdef M_CLEARFIRST
    STEP(if :: place[p] == c -> place[p] = 0 :: else fi);
    STEP(if :: place[0] == w -> place[0] = c :: else fi)
#else
    STEP(if :: place[0] == w -> place[0] = c; q = 2 :: else fi);
    if :: q == 2 -> STEP(if :: place[p] == c -> place[p] = 0 :: else fi) :: else fi
#endif
  fi;
L_kept:
  atomic { p = 0; w = 0; c = 0; q = 0; goto L_serve };
L_dead:
  atomic { p = 0; w = 0; c = 0; k = 0; q = 0; own = 0; own_gen = 0; more = 0; more_gen = 0 }
}

/* One command. Quick: looks and sends in one step; slow: anything happens in between. */
proctype Caller(byte me) {
  byte p, w, first;
  bool found;
  do
  :: atomic { TAKES(place[0]) -> at[me] = SEAT(place[0]); st[me] = QUEUED; prompt[me] = 1; break }
  :: atomic { TAKES(place[1]) -> at[me] = SEAT(place[1]); st[me] = QUEUED; prompt[me] = 1; break }
  :: atomic { TAKES(place[2]) -> at[me] = SEAT(place[2]); st[me] = QUEUED; prompt[me] = 1; break }
  :: atomic { TAKES(place[0]) -> w = place[0] }; atomic { at[me] = SEAT(w); st[me] = QUEUED; break }
  :: atomic { TAKES(place[1]) -> w = place[1] }; atomic { at[me] = SEAT(w); st[me] = QUEUED; break }
  od;
  w = 0;
end_wait:
  do
  :: atomic { st[me] == ANSWERED || st[me] == TOLD -> break }
  :: atomic { st[me] == STARTED && dead[by[me]] && HOLDER(control[at[me]]) == by[me] ->
      st[me] = TOLD }                         /* whoever waits recovers its own */
  :: atomic { st[me] == QUEUED && !(BOUND(place[0]) && SEAT(place[0]) == at[me]) ->
      first = place[0]; found = 0 };
    p = 1;                                    /* place_of: the places one after the other */
    do
    :: p < PLACES ->
      atomic { w = place[p]; if :: BOUND(w) && SEAT(w) == at[me] -> found = 1 :: else fi; p++; w = 0 }
    :: else -> break
    od;
    p = 0;
#ifndef M_LOADONCE
    if :: place[0] != first -> found = 1 :: else fi;   /* it moved: look again */
#endif
    if
    :: !found ->
      atomic { if
        :: st[me] == QUEUED ->
#ifndef JOIN
          assert(!prompt[me]);
#endif
          st[me] = WITHDRAWN; break
        :: else
        fi }
    :: else
    fi;
    atomic { found = 0; first = 0 }
  od;
  atomic { found = 0; first = 0 }
}

proctype Recoverer() {
  byte e, c, k;
end_idle:
  do
  :: atomic { if
      :: HOLDER(control[0]) != 0 && dead[HOLDER(control[0])] -> e = 0
      :: HOLDER(control[1]) != 0 && dead[HOLDER(control[1])] -> e = 1
      :: HOLDER(control[2]) != 0 && dead[HOLDER(control[2])] -> e = 2
      fi; c = control[e]; k = 0 };
    do
    :: k < K ->
      atomic { if
        :: st[k] == STARTED && at[k] == e && by[k] == HOLDER(c) -> st[k] = TOLD
        :: else
        fi; k++ };
      if :: atomic { stops > 0 -> stops--; goto L_stop } :: true fi
    :: else -> break
    od;
    atomic { if :: control[e] == c -> control[e] = CONTROL(0, GEN(c)) :: else fi; k = 0; c = 0 }
  od;
L_stop: skip
}

proctype Monitor() {
  byte i;
  timeout;
  do
  :: i < K -> assert(st[i] == ANSWERED || st[i] == TOLD || st[i] == WITHDRAWN); i++
  :: else -> break
  od;
  assert(TAKES(place[0]) && !dead[HOLDER(control[SEAT(place[0])])]);
  i = 0;
  do
  :: i < PLACES ->
    assert(!BOUND(place[i]) || SERVED(place[i]));
    i++
  :: else -> break
  od
}

init { atomic {
  control[0] = CONTROL(1, 1); control[1] = CONTROL(2, 1);
#ifdef LATER
  place[1] = WORD(1, 0, 0); place[0] = WORD(1, 1, 0);
#else
  place[0] = WORD(1, 0, 0); place[1] = WORD(1, 1, 0);
#endif
  run Member(1, 0, 1); run Member(2, 1, 1); 
#ifdef JOIN
  run Member(3, NONE, 0);
#endif
  byte i = 0;
  do :: i < K -> run Caller(i); i++ :: else -> break od;
  run Recoverer(); run Monitor()
} }
