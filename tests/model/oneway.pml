/* One-way commands: `done` beside the cursor, and who is told that one was lost.
 *
 * Code      lane/caller_lane.hpp: publish_cell, collect; lane/owner_lane.hpp: take, mark_done;
 *           serve/server_core.cpp: answer, refuse; words/journal.hpp: effective_done,
 *           started_unanswered; recovery/endpoint.cpp: last_words, tell_started, release_lanes
 * Bounds    K commands (4) over N cells (3); with -DREFUSE the owner may refuse one; owner 1 is killed at any step
 *           and owner 2 goes on; two recoverers, as late as they like, one of which may stop for
 *           ever at any step.
 * Property  A cell that is taken back in silence: its command has run to its end, once. One that is
 *           reported: it was refused, or it was started and its owner died before it could say that
 *           it had finished; it never runs afterwards. Each is taken back once, and the caller never waits for ever.
 * Mutants   M_DONEFIRST  `done` is stored before the effect
 *           M_NODONE     the recoverer does not compare with `done`
 *           M_NOWORD     the caller takes back everything below `done` without a look at the word
 *           M_WORDFIRST  the caller loads the word, then `done`
 *           M_REFUSED    (with -DREFUSE) a refused command is done first, then answered
 */
#ifndef K
#define K 4
#endif
#ifndef N
#define N 3
#endif

#define SEND 1
#define REP 2
#define DIED 1
#define REFUSED 2

byte seq[N], ph[N], st[N], nxt[N];   /* the command's number is its sequence number - 1 */
byte cs[2] = 1, cc[2], done[2];      /* two journals; cursor and done are two words */
byte gen, served;
bool owned, dead;
byte begun[K], ended[K], fin[K], told[K], refused[K];  /* fin: its `done` was stored */
bool stopped, one_refused;

#define SLOT (me % 2)
#define CMD(s) ((s) - 1)
#define MAX(a, b) ((a) > (b) -> (a) : (b))

proctype Caller() {
  byte s = 1, at, n, nf, no, i, d, a, w;
  byte fr[N], oc[N], os[N];
  bool vain;
  d_step { i = 1; do :: i < N -> fr[nf] = i; nf++; i++ :: else -> break od; i = 0 }
  do
  :: atomic { s <= K && nf > 0 ->
      n = fr[0]; nf--; i = 0;
      do :: i < nf -> fr[i] = fr[i + 1]; i++ :: else -> break od; fr[nf] = 0; i = 0;
      nxt[at] = n; seq[at] = s; ph[at] = SEND; st[at] = 0;
      oc[no] = at; os[no] = s; no++; at = n; n = 0; s++ }
  :: atomic { (nf == 0 || s > K) && no > 0 &&
      /* It polls: looks when there is something to see, and once in vain at any time. */
      (!vain || os[0] < MAX(done[0], done[1]) || (seq[oc[0]] == os[0] && ph[oc[0]] == REP)) };
#ifdef M_WORDFIRST
    atomic { w = (seq[oc[0]] == os[0] && ph[oc[0]] == REP -> st[oc[0]] : 0) };
#endif
    a = done[0];
    atomic { d = done[1]; d = MAX(a, d); a = 0 };
#ifndef M_WORDFIRST
    atomic { w = (seq[oc[0]] == os[0] && ph[oc[0]] == REP -> st[oc[0]] : 0) };
#endif
    atomic {
#ifdef M_NOWORD
      w = (os[0] < d -> 0 : w);
#endif
      if
      :: w == 0 && os[0] >= d -> vain = 1
      :: else ->
        if
        :: w == 0 -> assert(ended[CMD(os[0])] == 1 && !told[CMD(os[0])] && !refused[CMD(os[0])])
        :: w == DIED -> assert(told[CMD(os[0])] && !fin[CMD(os[0])])
        :: w == REFUSED -> assert(refused[CMD(os[0])] && begun[CMD(os[0])] == 0)
        fi;
        fr[nf] = oc[0]; nf++; no--; i = 0;
        do :: i < no -> oc[i] = oc[i + 1]; os[i] = os[i + 1]; i++ :: else -> break od;
        oc[no] = 0; os[no] = 0; i = 0
      fi;
      d = 0; w = 0
    }
  :: atomic { s > K && no == 0 -> break }
  od
}

#define DIE :: me == 1 && !dead -> dead = 1; goto L_dead
#define STEP(x) atomic { if :: x DIE fi }

proctype Owner(byte me) {
  byte s, c, n;
end_standby:
  atomic { !owned && gen == me - 1 -> owned = 1; gen = me };
  atomic { if :: served == 0 -> served = me DIE fi };
  atomic { if
    :: cs[0] >= cs[1] -> s = cs[0]; c = cc[0]
    :: cs[0] < cs[1] -> s = cs[1]; c = cc[1]
    DIE fi };
end_idle:
  do
  :: atomic { seq[c] == s && ph[c] == SEND -> n = nxt[c] };
    STEP(cs[SLOT] = s + 1; cc[SLOT] = n);
#ifdef REFUSE
    if
    :: true ->
#endif
#ifdef M_DONEFIRST
      STEP(done[SLOT] = s + 1; fin[CMD(s)] = 1);
#endif
      STEP(assert(begun[CMD(s)] == 0 && !told[CMD(s)]); begun[CMD(s)]++);
      STEP(ended[CMD(s)]++);
#ifndef M_DONEFIRST
      STEP(done[SLOT] = s + 1; fin[CMD(s)] = 1);
#endif
#ifdef REFUSE
    :: atomic { !one_refused -> one_refused = 1 };
#ifdef M_REFUSED
      STEP(done[SLOT] = s + 1; fin[CMD(s)] = 1);
#endif
      STEP(assert(seq[c] == s && ph[c] == SEND); ph[c] = REP; st[c] = REFUSED; refused[CMD(s)] = 1);
#ifndef M_REFUSED
      STEP(done[SLOT] = s + 1; fin[CMD(s)] = 1)
#endif
    fi;
#endif
    atomic { s++; c = n; n = 0 }
  :: atomic { me == 1 && !dead -> dead = 1; goto L_dead }
  od;
L_dead: skip
}

#undef STEP
#define STEP(x) atomic { if :: x :: !stopped -> stopped = 1; goto L_stop fi }

proctype Recoverer() {
  byte a, b, d, i, s;
  bool w;
end_idle:
  atomic { owned && gen == 1 && dead };
  STEP(w = (served == 1));
  if
  :: w ->
    STEP(a = cs[0]);
    STEP(b = cs[1]);
    STEP(d = done[0]);
    STEP(if :: done[1] > d -> d = done[1] :: else fi);
    STEP(w = (served == 1); if :: b > a -> a = b :: else fi; b = 0);
    if
    :: w ->
      do
      :: i < N ->
#ifdef M_NODONE
        STEP(s = (seq[i] < a && ph[i] == SEND -> seq[i] : 0));
#else
        STEP(s = (seq[i] < a && seq[i] >= d && ph[i] == SEND -> seq[i] : 0));
#endif
        if
        :: s != 0 ->
          STEP(if
            :: seq[i] == s && ph[i] == SEND ->
              assert(!told[CMD(s)] && !fin[CMD(s)]);
              told[CMD(s)] = 1; ph[i] = REP; st[i] = DIED
            :: else fi)
        :: else
        fi;
        atomic { i++; s = 0 }
      :: else -> break
      od
    :: else
    fi
  :: else
  fi;
  STEP(if :: served == 1 -> served = 0 :: else fi);
  STEP(if :: owned && gen == 1 -> owned = 0 :: else fi);
L_stop: skip
}

init { atomic { run Caller(); run Recoverer(); run Recoverer(); run Owner(1); run Owner(2) } }
