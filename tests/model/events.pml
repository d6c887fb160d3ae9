/* Events: positions as pins and as holds, and slots that are used again.
 *
 * Code      events/writer.*: make_room, look_at_subscribers, commit; events/reader.*: start, poll,
 *           catch_up, take, advance; words/subscribers.*: join, set_mode, drop_subscriber
 * Bounds    one publisher of N events in SLOTS slots that keeps the last one and takes two back at a
 *           time; SUBS subscribers that join at any moment, from any place that a From names. The
 *           first skips, and with -DHOLD holds; a second one holds. With -DKILL one of them is killed
 *           at any step. A payload is two halves, written and read one by one.
 *           The index is searched by sequence number: that it is a ring is not modelled. Any free
 *           slot may be taken next, whichever was freed first.
 * Property  What a subscriber reads is whole and the event that it expects: each once, in order. One
 *           that skips has read or counted each event from where it began. One that holds misses
 *           nothing. The publisher ends: it waits for nobody who is dead, and for the living only
 *           until they read on.
 * Mutants   M_STALE     positions are not read again after the new bound was stored
 *           M_NOBOUND   a subscriber does not read the bound after it has moved its position
 *           M_LATE      it reads the bound first, then moves its position
 *           M_ONCE      one that catches up does not read the bound again
 *           M_NOJOIN    who has a place but no position yet holds nothing
 *           M_NOFLOOR   what is held is taken back like anything else
 *           M_NODROP    a dead subscriber keeps its place
 *           M_EARLY     an event is committed before its payload is complete
 */
#ifndef N
#define N 6
#endif
#ifndef SLOTS
#define SLOTS 4
#endif
#ifndef SUBS
#define SUBS 1
#endif
#define BATCH 2

#define FREE 0
#define JOINING 1
#define SKIP 2
#define HOLDING 3

byte word_seq[SLOTS], word_next[SLOTS];  /* one word */
byte left[SLOTS], right[SLOTS];          /* the payload */
byte index[N + 2];                       /* by sequence number; 255: none */
byte oldest = 1, published;
byte mode[SUBS], pos[SUBS];
bool dead[SUBS];
bool anybody_killed;

#ifdef KILL
#define STEP(x) \
  if \
  :: atomic { x } \
  :: atomic { !anybody_killed -> anybody_killed = 1; dead[me] = 1; goto L_end } \
  fi
#else
#define STEP(x) atomic { x }
#endif

#define HOLDS(m) (m == HOLDING || m == JOINING)

/* What the publisher knows; nobody else reads it. */
byte used_by[SLOTS];  /* event in it, 0: free */
bool given_up[SLOTS]; /* below the bound, but somebody looked at it */
byte floor, pins[SUBS];

inline look() {
  floor = 255;
  i = 0;
  do
  :: i < SUBS ->
    pins[i] = 0;
    m = mode[i];
    if
    :: m == FREE -> skip
#ifdef M_NOJOIN
    :: m == JOINING -> skip
    :: m != FREE && m != JOINING ->
#else
    :: m != FREE ->
#endif
      p = pos[i];
      if
#ifdef M_NOFLOOR
      :: true -> pins[i] = p
#else
      :: m == JOINING -> floor = 0
      :: m == HOLDING && p < floor -> floor = p
      :: m == SKIP -> pins[i] = p
      :: else
#endif
      fi
    fi;
    i++
  :: else -> break
  od;
  i = 0; m = 0; p = 0
}

#define PINNED(s) (pins[0] == s || pins[SUBS - 1] == s)

inline take_back() {
  d_step {
    i = 0;
    do
    :: i < SLOTS ->
      if
      :: used_by[i] != 0 && (given_up[i] || (used_by[i] < bound && used_by[i] < floor)) ->
        if
        :: PINNED(used_by[i]) -> given_up[i] = 1
        :: else -> used_by[i] = 0; given_up[i] = 0; room++
        fi
      :: else
      fi;
      i++
    :: else -> break
    od;
    i = 0
  }
}

#ifdef M_NODROP
#define DROPPABLE(s) false
#else
#define DROPPABLE(s) (dead[s] && mode[s] != FREE)
#endif

/* Those that have died lose their places; else somebody has to read on. */
inline wait_for_room() {
  d_step {
    changed = 0;
    i = 0;
    do
    :: i < SUBS ->
      if :: DROPPABLE(i) -> mode[i] = FREE; changed = 1 :: else fi;
      i++
    :: else -> break
    od;
    i = 0
  }
  if
  :: changed
  :: !changed ->
    (mode[0] != seen_mode[0] || pos[0] != seen_pos[0] || DROPPABLE(0) ||
     mode[SUBS - 1] != seen_mode[SUBS - 1] || pos[SUBS - 1] != seen_pos[SUBS - 1] ||
     DROPPABLE(SUBS - 1))
  fi
}

proctype Publisher() {
  byte k = 1, slot = 0, next, room = SLOTS - 1, bound = 1, wanted, i, m, p;
  byte seen_mode[SUBS], seen_pos[SUBS];
  bool changed;
  used_by[0] = 255;  /* where the next event goes */
  do
  :: k <= N ->
    do
    :: room > 0 -> break
    :: else ->
      d_step {
        i = 0;
        do
        :: i < SUBS -> seen_mode[i] = mode[i]; seen_pos[i] = pos[i]; i++
        :: else -> break
        od;
        i = 0
      }
      look();
      wanted = (k - 1 < bound + BATCH -> k - 1 : bound + BATCH);
      wanted = (floor < wanted -> floor : wanted);
      if
      :: wanted > bound -> atomic { bound = wanted; oldest = wanted }
      :: else
      fi;
#ifndef M_STALE
      look();
#endif
      take_back();
      if :: room == 0 -> wait_for_room() :: else fi
    od;
    atomic {
      if
      :: used_by[1] == 0 -> next = 1
      :: used_by[2] == 0 -> next = 2
      :: used_by[SLOTS - 1] == 0 -> next = SLOTS - 1
      :: used_by[0] == 0 -> next = 0
      fi;
      room--; used_by[next] = 255
    };
    left[slot] = k;
#ifdef M_EARLY
    index[k] = slot;
    atomic { word_seq[slot] = k; word_next[slot] = next };
    right[slot] = k;
#else
    right[slot] = k;
    index[k] = slot;
    atomic { word_seq[slot] = k; word_next[slot] = next };
#endif
    atomic { published = k; used_by[slot] = k; slot = next; k++ }
  :: else -> break
  od
}

proctype Subscriber(byte me; byte how) {
  byte seq, slot, next, w, o, began, got, missed;
  STEP(mode[me] = JOINING);
  STEP(w = published);
  STEP(o = oldest);
  atomic {  /* now, the last one, or the oldest that is left */
    if
    :: seq = w + 1
    :: w > 0 -> seq = w
    :: seq = (o > w + 1 -> w + 1 : o)
    fi;
    began = seq
  };
  STEP(
    if
    :: index[seq] != 255 && word_seq[index[seq]] == seq -> slot = index[seq]
    :: else ->
      if
      :: seq == 1 -> slot = 0
      :: else ->
        assert(index[seq - 1] != 255 && word_seq[index[seq - 1]] == seq - 1);
        slot = word_next[index[seq - 1]]
      fi
    fi);
  STEP(pos[me] = seq);
  STEP(mode[me] = how);
  do
  :: seq <= N ->
    STEP(word_seq[slot] >= seq -> w = word_seq[slot]; next = word_next[slot]);
    if
    :: how == HOLDING -> assert(w == seq); goto L_take
    :: how == SKIP && w != seq -> goto L_catch_up
    :: else
    fi;
#ifdef M_NOBOUND
    goto L_take;
#endif
#ifndef M_LATE
    STEP(o = oldest);
#endif
    if :: seq >= o -> goto L_take :: else -> goto L_catch_up fi;
L_catch_up:
    STEP(o = oldest);
    assert(o > seq);
    STEP(pos[me] = o);
#ifndef M_ONCE
    STEP(w = oldest);
    if :: w != o -> goto L_catch_up :: else fi;
#endif
    STEP(assert(index[o] != 255 && word_seq[index[o]] == o);
         slot = index[o]; next = word_next[slot]);
    atomic { missed = missed + o - seq; seq = o };
L_take:
    STEP(assert(left[slot] == seq));
    STEP(assert(right[slot] == seq));
#ifdef M_LATE
    STEP(o = oldest);
#endif
    atomic { got++; slot = next; seq++; w = 0 };
    STEP(pos[me] = seq)
  :: else -> break
  od;
  assert(got + missed == N + 1 - began);
  assert(how == SKIP || missed == 0);
  STEP(mode[me] = FREE);
L_end:
  skip
}

init {
  byte i;
  atomic {
    do
    :: i < N + 2 -> index[i] = 255; i++
    :: else -> break
    od;
    run Publisher();
#ifdef HOLD
    run Subscriber(0, HOLDING);
#else
    run Subscriber(0, SKIP);
#endif
#if SUBS > 1
    run Subscriber(1, HOLDING)
#endif
  }
}
