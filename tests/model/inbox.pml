/* The inbox: an MPSC ring of tickets, one CAS to claim a slot and fill it.
 *
 * Code      words/inbox.cpp: push, catch_up, Consumer::Consumer, peek, release
 * Bounds    2 slots, 2 producers with 2 and 3 tickets (2.5 laps), or 3 producers with one each
 *           (-DTHREE); one producer stops for ever at any step (a kill and a stop are the same here:
 *           it holds nothing); each may be as
 *           slow as it likes between its CAS and its store of the tail, which is what makes the tail
 *           stale by laps; the consumer is killed once at any step, and a successor goes on.
 * Property  A ticket goes into the first position that was never filled (no hole, no overtaking).
 *           "Full" is said only when the ring is full. Every ticket that was put is seen, in order;
 *           more than once only if the consumer was killed before it released it.
 * Not here  forged words and tails (Consumer::repair_tail), the wrap of turns and tags.
 * Mutants   M_TWOSTEP   the slot is claimed, then filled: a stopped producer stalls all others
 *           M_NOTURN    release() empties the slot for the same lap
 *           M_OVERSHOOT catch_up() jumps to the lap that an empty slot waits for: beyond the tail
 */
#define SLOTS 2
#define TICKETS 6

byte turn[SLOTS], what[SLOTS];  /* one word each */
byte tail, head;                /* the two hints */
byte filled, released;          /* ghosts: positions ever filled, ever released */
byte queue[TICKETS];            /* ghost: what was put, by position */
byte seen_upto;                 /* ghost: positions that a consumer has looked at */
bool stopped, killed;

#define EMPTY(p) (2 * ((p) / SLOTS))

#define STEP(x) atomic { if :: x :: !stopped -> stopped = 1; goto L_end fi }

proctype Producer(byte me; byte count) {
  byte n, pos, step, t;
  do
  :: n < count ->
    STEP(pos = tail; step = 0);
    do
    :: step < 2 * SLOTS ->
      STEP(t = turn[pos % SLOTS];
        if
        :: t < EMPTY(pos) -> assert(filled - released == SLOTS); t = 255   /* full */
        :: else
        fi);
      if
      :: t == 255 -> break
      :: t != 255 && t != EMPTY(pos) ->
#ifdef M_OVERSHOOT
        atomic { pos = pos + ((t - EMPTY(pos)) / 2) * SLOTS + 1; step++; t = 0 }
#else
        atomic { pos = pos + ((t - EMPTY(pos) - 1) / 2) * SLOTS + 1; step++; t = 0 }
#endif
      :: t == EMPTY(pos) ->
        STEP(if
          :: turn[pos % SLOTS] == t ->
#ifdef M_TWOSTEP
             assert(pos == filled); filled++; turn[pos % SLOTS] = t + 1; what[pos % SLOTS] = 0; t = 254
#else
             assert(pos == filled); queue[filled] = me * 8 + n + 1; filled++;
             turn[pos % SLOTS] = t + 1; what[pos % SLOTS] = me * 8 + n + 1; t = 254
#endif
          :: else -> pos++; step++; t = 0
          fi);
        if
        :: t == 254 ->
#ifdef M_TWOSTEP
          STEP(queue[pos] = me * 8 + n + 1; what[pos % SLOTS] = me * 8 + n + 1);
#endif
          STEP(tail = pos + 1);
          break
        :: else
        fi
      fi
    :: else -> break
    od;
    atomic { n++; pos = 0; t = 0; step = 0 }
  :: else -> break
  od;
L_end: skip
}

#define KILL :: !killed -> killed = 1; goto L_again

proctype Consumer() {
  byte h, w, i;
L_again:
  /* Consumer::Consumer: the head may be behind by what was released but not stored. */
  atomic {
    h = head; w = 0; i = 0;
    do
    :: i < SLOTS && turn[h % SLOTS] > EMPTY(h) + 1 -> h++; i++
    :: else -> break
    od;
    i = 0
  }
  do
  :: atomic {
#ifdef M_TWOSTEP
       turn[h % SLOTS] != EMPTY(h) && what[h % SLOTS] != 0
#else
       turn[h % SLOTS] != EMPTY(h)
#endif
       -> assert(turn[h % SLOTS] == EMPTY(h) + 1); w = what[h % SLOTS];
       assert(w == queue[h]);
       assert(h == seen_upto || (killed && h + 1 == seen_upto));
       if :: h == seen_upto -> seen_upto++ :: else fi
     }
     atomic { if
#ifdef M_NOTURN
       :: turn[h % SLOTS] = EMPTY(h); what[h % SLOTS] = 0; released++
#else
       :: turn[h % SLOTS] = EMPTY(h) + 2; what[h % SLOTS] = 0; released++
#endif
       KILL fi };
     atomic { if :: h++; head = h; w = 0 KILL fi }
  :: atomic { turn[h % SLOTS] == EMPTY(h) && !killed -> killed = 1; goto L_again }
  :: atomic { timeout -> assert(seen_upto == filled && released == filled); break }
  od
}

init { atomic { 
#ifdef THREE
  run Producer(0, 1); run Producer(1, 1); run Producer(2, 1);
#else
  run Producer(0, 2); run Producer(1, 3);
#endif
  run Consumer() } }
