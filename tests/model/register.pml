/* Registering names without a lock: lease a record, fill it unseen, publish it by one CAS.
 *
 * Code      words/table.cpp: probe, lease_record, fill, intern, give_back, return_leases
 * Bounds    2 slots, 2 records; registrants 1 and 2 intern the same name, registrant 3 one whose
 *           probe starts at the same slot (-DSAME: all three intern one name); one of them is killed
 *           at any step; a reclaimer returns what a dead one had
 *           leased, and so does a second one, as late as it likes. The first look of intern() is
 *           left out: it only saves work.
 * Property  A name has one record, the same for everybody, and it never changes. A published record
 *           is in the table once, and nobody fills it again. In the end a record is published, or
 *           its lease is free: none leaks. Nobody waits.
 * Mutants   M_PLAIN   the slot is published by a plain store
 *           M_BLIND   a reclaimer returns a lease without a look at the table
 *           M_FILLLATE the record is filled after it was published
 */
#define SLOTS 2
#define RECORDS 2
#define PUBLISHED 9
#define A 1
#define B 2

byte slot[SLOTS];             /* record + 1 */
byte lease[RECORDS];
byte name[RECORDS];           /* the text */
byte record_of[3];            /* ghost: record + 1, by name */
byte dead;
byte finished;

#define DIE :: !dead -> dead = me; goto L_end
#define STEP(x) atomic { if :: x DIE fi }

/* Leaves at = record in `found` (+ 1), or the first empty slot in `at`. Both names start at 0. */
inline probe() {
  at = 0; found = 0;
  do
  :: at < SLOTS ->
    STEP(s = slot[at]);
    if
    :: s == 0 -> break
    :: else ->
      STEP(if :: name[s - 1] == what -> found = s :: else fi; s = 0);
      if :: found -> break :: else -> at++ fi
  fi
  :: else -> break
  od
}

proctype Registrant(byte me; byte what) {
  byte at, found, s, r;
  do
  :: r < RECORDS ->
    STEP(s = lease[r]);
    if
    :: s == 0 ->
      STEP(if :: lease[r] == 0 -> lease[r] = me; s = 255 :: else -> s = 1 fi);
      if :: s == 255 -> s = 0; break :: else fi
    :: else
    fi;
    s = 0; r++
  :: else -> goto L_full
  od;
  STEP(assert(lease[r] == me && slot[0] != r + 1 && slot[1] != r + 1));
#ifndef M_FILLLATE
  STEP(name[r] = what);
#endif
  do
  :: probe();
    if
    :: found || at == SLOTS -> STEP(lease[r] = 0);
      if :: found -> goto L_found :: else -> goto L_full fi
    :: else
    fi;
    STEP(if
#ifdef M_PLAIN
      :: true ->
#else
      :: slot[at] == 0 ->
#endif
        slot[at] = r + 1; s = 255
      :: else fi);
    if
    :: s == 255 -> s = 0;
#ifdef M_FILLLATE
      STEP(name[r] = what);
#endif
      STEP(assert(lease[r] == me || (dead && lease[r] == PUBLISHED)); lease[r] = PUBLISHED);
      found = r + 1; break
    :: else
    fi
  od;
L_found:
  atomic {
    assert(name[found - 1] == what);
    assert(record_of[what] == 0 || record_of[what] == found);
    record_of[what] = found; goto L_end
  };
L_full:
  /* Allowed only for want of a record: with one that was leased and has come, or will come, back. */
  atomic { assert(dead || lease[0] != 0 || lease[1] != 0) };
L_end:
  atomic { finished++; at = 0; found = 0; s = 0; r = 0 }
}

proctype Reclaimer() {
  byte i, at, s, who;
  bool in_table;
end_idle:
  dead;
  who = dead;
  do
  :: i < RECORDS ->
    atomic { s = lease[i] };
    if
    :: s == who ->
#ifndef M_BLIND
      do
      :: at < SLOTS -> atomic { if :: slot[at] == i + 1 -> in_table = 1 :: else fi; at++ }
      :: else -> at = 0; break
      od;
#endif
      atomic {
        if :: lease[i] == s -> lease[i] = (in_table -> PUBLISHED : 0) :: else fi;
        in_table = 0
      }
    :: else
    fi;
    atomic { i++; s = 0 }
  :: else -> break
  od;
  atomic { i = 0; who = 0 }
}

proctype Monitor() {
  byte i, n, at;
  timeout;
  atomic {
    assert(finished == 3);
    do
    :: i < RECORDS ->
      n = 0; at = 0;
      do :: at < SLOTS -> if :: slot[at] == i + 1 -> n++ :: else fi; at++ :: else -> break od;
      assert((lease[i] == PUBLISHED && n == 1) || (lease[i] == 0 && n == 0));
      i++
    :: else -> break
    od;
    assert(slot[0] == 0 || slot[1] == 0 || name[slot[0] - 1] != name[slot[1] - 1])
  }
}

init { atomic {
  run Registrant(1, A); run Registrant(2, A);
#ifdef SAME
  run Registrant(3, A);
#else
  run Registrant(3, B);
#endif
  run Reclaimer(); run Reclaimer(); run Monitor()
} }
