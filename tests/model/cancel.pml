/* Withdrawing a command: "it was not started and will not be" is certain when said.
 *
 * Code      lane/caller_lane.*: ask_to_cancel, maybe_started, quarantine, collect, release,
 *           clear_cancel; serve/server_core.cpp: why_not, refuse; lane/owner_lane.hpp: take,
 *           cancel_asked; call/caller_core.cpp: cancel, finish_call; caller_wait.cpp: give_up_waiting
 * Bounds    3 cells, 4 calls, so cells are used again; the caller may withdraw each and then goes on
 *           waiting, or leaves its cell in quarantine (one at a time) and makes the next call; owner
 *           1 is killed at any step and owner 2 goes on; the recovery is one step (lane.pml has it
 *           in full).
 * Property  Once a caller was told so, the command never runs. A command that nobody
 *           withdrew is not refused. A cell is used again only after the owner has answered it.
 * Mutants   M_BITFIRST   the owner looks at the bit, then stores its cursor
 *           M_ASKFIRST   the caller looks at the cursor, then sets the bit
 *           M_NOQUARANTINE  a withdrawn cell is used again at once
 *           M_KEEPBIT    the bit stays when the cell is used again
 */
#define CALLS 4
#define N 3
#define REQ 1
#define REP 2
#define OK 1
#define DIED 2
#define CANCELLED 3

byte seq[N], ph[N], st[N], nxt[N];
bool cancel[N];
byte cursor = 1, cell;          /* the later of the two journals */
byte gen = 1;
bool dead;
bool ran[CALLS + 1], asked[CALLS + 1], withdrawn[CALLS + 1];

#define ANSWERED(c, q) (seq[c] == q && ph[c] == REP)

inline take_back(c) {                  /* collect, release */
#ifndef M_KEEPBIT
  cancel[c] = 0;
#endif
  fr[nf] = c; nf++
}

proctype Caller() {
  byte s = 1, at, w, nf = 2;
  byte fr[N];                          /* private: free cells, in order */
  byte q, qs;                          /* private: one cell in quarantine, for call qs */
  bool started;
  atomic { fr[0] = 1; fr[1] = 2 };
  do
  :: atomic { s <= CALLS && nf > 0 ->
      w = at; at = fr[0]; fr[0] = fr[1]; fr[1] = 0; nf--;
      nxt[w] = at; seq[w] = s; ph[w] = REQ; st[w] = 0 };
    if
    :: qs == 0 ->                      /* withdraw it: one at a time is enough */
#ifdef M_ASKFIRST
      started = cursor > s;
      atomic { cancel[w] = 1; asked[s] = 1 };
#else
      atomic { cancel[w] = 1; asked[s] = 1 };
      started = cursor > s;
#endif
      atomic { if :: !started -> withdrawn[s] = 1; assert(!ran[s]) :: else fi; started = 0 };
      if
#ifdef M_NOQUARANTINE
      :: atomic { take_back(w); w = 0; s++ }
#else
      :: atomic { q = w; qs = s; w = 0; s++ }
#endif
      :: goto L_wait
      fi
    :: true ->
L_wait:
      atomic { ANSWERED(w, s) ->
        assert(st[w] != OK || ran[s]);
        assert(st[w] != CANCELLED || asked[s]) };
      take_back(w);
      atomic { w = 0; s++ }
    fi
  :: atomic { qs != 0 && ANSWERED(q, qs) };
    take_back(q);
    atomic { q = 0; qs = 0 }
  :: atomic { s > CALLS && qs == 0 -> break }
  od
}

#define DIE :: me == 1 && !dead -> dead = 1; goto L_dead
#define STEP(x) atomic { if :: x DIE fi }

proctype Owner(byte me) {
  byte s, c, n;
  bool wants;
end_standby:
  atomic { gen == me -> s = cursor; c = cell };
end_idle:
  do
  :: atomic { seq[c] == s && ph[c] == REQ -> n = nxt[c] };
#ifdef M_BITFIRST
    STEP(wants = cancel[c]);
    STEP(cursor = s + 1; cell = n);
#else
    STEP(cursor = s + 1; cell = n);
    STEP(wants = cancel[c]);
#endif
    if
    :: wants -> STEP(assert(seq[c] == s && ph[c] == REQ && asked[s]); ph[c] = REP; st[c] = CANCELLED)
    :: else ->
      STEP(assert(!withdrawn[s] && !ran[s]); ran[s] = 1);
      STEP(assert(seq[c] == s && ph[c] == REQ); ph[c] = REP; st[c] = OK)
    fi;
    atomic { c = n; s++; n = 0; wants = 0 }
  :: atomic { me == 1 && !dead -> dead = 1; goto L_dead }
  od;
L_dead: skip
}

proctype Recoverer() {
  byte i;
end_idle:
  atomic { dead;
    do
    :: i < N -> if :: ph[i] == REQ && seq[i] < cursor -> ph[i] = REP; st[i] = DIED :: else fi; i++
    :: else -> break
    od;
    gen = 2 }
}

init { atomic { run Caller(); run Owner(1); run Owner(2); run Recoverer() } }
