/* A window: records in a ring, waiting for room and for records, and the end.
 *
 * Code      stream/window.*: reserve, commit, next, tell; stream/ends.*: wait_for_room,
 *           wait_for_next; serve/stream_end.*: sleep; call/caller_pending.*: wait_for
 * Bounds    one writer of N records of two and one unit in turn, in a ring of SIZE units, so that
 *           some are preceded by one that fills the ring up; one reader. Either may sleep. The
 *           reader tells of what it has read after any record, and before it sleeps. Which of the
 *           two is the caller makes no difference here. With -DKILL one of them is killed at any
 *           step; with -DCANCEL the reader cancels at any moment. Without a kill nobody wakes up by
 *           time. A record is written and read in two halves.
 * Property  What is read is whole and the next record. At the end, whatever it is, the reader has
 *           read all that put() had returned for. Both come to an end.
 * Mutants   M_EARLY    a record is committed before it is complete
 *           M_GIVEUP   its memory is given back while it is read
 *           M_UNTOLD   a reader sleeps before it has told what it read
 *           M_RBLIND   a reader sleeps without looking again, M_WBLIND: a writer does
 *           M_QUIET    a writer looks whether the reader sleeps before it commits, the end too
 *           M_ANSWER   a reader that finds the answer, or a death, does not look again for records
 *           M_CANCEL   a writer sleeps without looking whether it was cancelled
 *           M_NOROOM   a record that fills the ring up is written without room
 */
#ifndef N
#define N 5
#endif
#ifndef SIZE
#define SIZE 4
#endif

#define LEN(k) (1 + (k) % 2)
#define FILL 9

byte word[SIZE], left[SIZE], right[SIZE];
byte written, consumed;
bool answered, cancelled, writer_dead, reader_dead, anybody_killed;
bool writer_parked, reader_parked;
byte writer_count, reader_count;
byte put, got; /* the ledgers: put() has returned for so many; so many were read */

#ifdef KILL
#define STEP(x) \
  if \
  :: atomic { x } \
  :: atomic { !anybody_killed -> anybody_killed = 1; DEAD = 1; goto L_end } \
  fi
#else
#define STEP(x) atomic { x }
#endif

#define DEAD writer_dead
inline wake_reader() {
  STEP(parked = reader_parked;);
  if
  :: parked -> STEP(reader_count++; parked = 0;)
  :: else
  fi
}

active proctype writer() {
  byte k = 1, at, w, c, seen;
  bool parked, look;
  do
  :: k <= N ->
    do
    :: STEP(c = consumed; look = cancelled;);
      if
      :: look -> goto L_answer
      :: else
      fi;
#ifdef M_NOROOM
      if
      :: SIZE - at < LEN(k) ->
#else
      if
      :: SIZE - at < LEN(k) && SIZE - (w - c) >= SIZE - at ->
#endif
        STEP(word[at] = FILL;);
        STEP(w = w + SIZE - at; at = 0; written = w;)
      :: else
      fi;
      if
      :: SIZE - at >= LEN(k) && SIZE - (w - c) >= LEN(k) -> break
      :: else
      fi;
      wake_reader();
      STEP(seen = writer_count;);
      STEP(writer_parked = 1;);
#ifdef M_WBLIND
      look = 1;
#else
#ifdef M_CANCEL
      STEP(look = (consumed == c););
#else
      STEP(look = (consumed == c && !cancelled););
#endif
#endif
      if
      :: look -> STEP((writer_count != seen || reader_dead) -> look = 0;)
      :: else
      fi;
      STEP(writer_parked = 0;);
      if
      :: reader_dead -> goto L_answer
      :: else
      fi
    od;
#ifdef M_EARLY
    STEP(written = w + LEN(k););
#endif
    STEP(word[at] = LEN(k); left[at] = k;);
    STEP(right[at + LEN(k) - 1] = k;);
#ifdef M_QUIET
    STEP(parked = reader_parked;);
    STEP(w = w + LEN(k); written = w;);
    if
    :: parked -> STEP(reader_count++; parked = 0;)
    :: else
    fi;
#else
    STEP(w = w + LEN(k); written = w;);
    wake_reader();
#endif
    atomic {
      put = k;
      at = (at + LEN(k) == SIZE -> 0 : at + LEN(k));
      k++
    }
  :: else -> break
  od;
L_answer:
#ifdef M_QUIET
  STEP(parked = reader_parked;);
  STEP(answered = 1;);
  if
  :: parked -> STEP(reader_count++; parked = 0;)
  :: else
  fi;
#else
  STEP(answered = 1;); /* of a stream to the handler: the record that says that it is the last */
  wake_reader();
#endif
L_end:
  skip
}
#undef DEAD

#define DEAD reader_dead
inline wake_writer() {
  STEP(parked = writer_parked;);
  if
  :: parked -> STEP(writer_count++; parked = 0;)
  :: else
  fi
}

inline tell() {
  if
  :: told != c ->
    STEP(consumed = c; told = c;);
    wake_writer()
  :: else
  fi
}

active proctype reader() {
  byte e = 1, at, w, c, told, seen;
  bool parked, look;
  do
  :: c == w -> /* nothing known of */
    STEP(w = written;);
    if
    :: c != w
    :: else ->
#ifndef M_UNTOLD
      tell();
#endif
      STEP(look = (answered || writer_dead););
      if
      :: look ->
#ifdef M_ANSWER
        break
#else
        STEP(w = written;);
        if
        :: c == w -> break
        :: else
        fi
#endif
      :: else ->
        STEP(seen = reader_count;);
        STEP(reader_parked = 1;);
#ifdef M_RBLIND
        look = 1;
#else
        STEP(look = (written == w && !answered););
#endif
        if
        :: look -> STEP((reader_count != seen || writer_dead) -> look = 0;)
        :: else
        fi;
        STEP(reader_parked = 0;)
      fi
    fi
  :: c != w ->
    assert(w - c <= SIZE);
    if
    :: word[at] == FILL -> atomic { c = c + SIZE - at; at = 0 }
    :: else ->
      assert(word[at] == LEN(e));
#ifdef M_GIVEUP
      STEP(consumed = c + LEN(e););
#endif
      STEP(assert(left[at] == e););
      STEP(assert(right[at + LEN(e) - 1] == e););
      atomic {
        got = e;
        c = c + LEN(e);
        at = (at + LEN(e) == SIZE -> 0 : at + LEN(e));
        e++
      };
      if
      :: tell()
      :: skip
      fi
    fi
#ifdef CANCEL
  :: !cancelled ->
    STEP(cancelled = 1;);
    STEP(writer_count++;);
    (answered || writer_dead) -> goto L_end
#endif
  od;
  assert(got >= put && got <= put + 1);
  assert(writer_dead || got == N);
L_end:
  skip
}
