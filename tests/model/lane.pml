/* A lane from the publish to the reply, through the death of its owners: exactly once, or told.
 *
 * Code      call: lane/caller_lane.* publish, release; call/caller_wait.cpp sleep; words/directory.cpp
 *           attach, detach, initialise. serve: owner_lane.hpp take, reply_target.cpp commit,
 *           wake_caller, owned_endpoint.cpp acquire, adopt, drop_if_drained, forget. recovery/
 *           endpoint.cpp: recover_endpoint, release_lanes, last_words, tell_started, stop_serving
 * Bounds    K commands (4) by a caller with W outstanding (2) over N cells (3), so that cells are used
 *           again. Owner 1 is killed at any step, owner 2 follows (-DOWNERS=3: two deaths, and the
 *           journal slot of the first is used again); each has up to 2 started commands and answers
 *           them in any order. Two recoverers, each as late as it likes, one of which may stop for
 *           ever at any step (a kill is the same: it holds nothing). -DLEASES=2: the lane is given
 *           back and leased once more.
 * Property  A command is executed at most once. "ok" was executed once and never told; "died" had
 *           been started, and is never executed afterwards. A reply goes into the very command that
 *           it answers, a verdict too. Everything that was committed is answered, and a caller
 *           never sleeps beside its answer, without any slice to help (an invalid end state).
 * Not here  how an owner hears of a command (parking.pml, cold.pml): it polls. Vacating, cancelling.
 * Mutants   M_LATECURSOR  the cursor is stored after the effect
 *           M_NORECHECK   a recoverer reads the cursor, and does not ask again who serves the lane
 *           M_NOWAKE      recovery does not wake the caller
 *           M_PLAIN       (with -DK=3 -DN=2 -DW=1) the verdict is a plain store
 *           M_VACATEFIRST the endpoint is made vacant before the started commands were told
 *           M_RESTART     (with -DLEASES=2) each lease counts from 1 again
 */
#ifndef K
#define K 4
#endif
#ifndef N
#define N 3
#endif
#ifndef W
#define W 2
#endif
#ifndef OWNERS
#define OWNERS 2
#endif
#ifndef LEASES
#define LEASES 1
#endif
#define IDS (K * LEASES)

#define REQ 1
#define REP 2
#define OK 1
#define DIED 2

/* A cell's word {seq, phase, status}, then `next` and, as a ghost, which command it is. */
byte seq[N], ph[N], st[N], nxt[N], id[N];
byte cs[2] = 1, cc[2];         /* the two journals: {seq, cell}, each one word */
byte gen;                      /* control: who owns the endpoint */
bool owned;
bool dead[OWNERS + 1];
byte lgen, served;             /* the lane's word, with: */
bool attached = 1, orphan;
bool park, asleep;
byte execd[IDS], started[IDS], told[IDS];
byte stops = 1;

#define SLOT (me % 2)

/* The caller: private are the free cells, in order, and what is outstanding. */
proctype Caller() {
  byte k, s = 1, at, n, nf, no, i, lease;
  byte fr[N], oc[W], os[W], oi[W];
L_lease:
  atomic { at = 0; nf = 0; i = 1; do :: i < N -> fr[nf] = i; nf++; i++ :: else -> break od; i = 0 }
  do
  :: atomic { k < K && no < W && nf > 0 ->
      n = fr[0]; nf--; i = 0;
      do :: i < nf -> fr[i] = fr[i + 1]; i++ :: else -> break od; fr[nf] = 0; i = 0;
      /* Nobody looks at the rest of the cell before its word says so. */
      nxt[at] = n; id[at] = lease * K + k;
      seq[at] = s; ph[at] = REQ; st[at] = 0;
      oc[no] = at; os[no] = s; oi[no] = lease * K + k; no++;
      at = n; n = 0; s++; k++ }
  :: no > 0 ->
      do
      :: atomic { seq[oc[0]] == os[0] && ph[oc[0]] == REP -> break }
      :: atomic { !(seq[oc[0]] == os[0] && ph[oc[0]] == REP) -> park = 1 };
         if
         :: atomic { seq[oc[0]] == os[0] && ph[oc[0]] == REP -> park = 0; break }
         :: atomic { else -> asleep = 1 }
         fi;
         atomic { !asleep -> park = 0 }
      od;
      atomic {
        assert(id[oc[0]] == oi[0]);
        if
        :: st[oc[0]] == OK -> assert(execd[oi[0]] == 1 && !told[oi[0]])
        :: else -> assert(st[oc[0]] == DIED && told[oi[0]] && started[oi[0]])
        fi;
        fr[nf] = oc[0]; nf++; no--; i = 0;
        do :: i < no -> oc[i] = oc[i + 1]; os[i] = os[i + 1]; oi[i] = oi[i + 1]; i++
           :: else -> break od;
        oc[no] = 0; os[no] = 0; oi[no] = 0; i = 0
      }
  :: atomic { k == K && no == 0 -> break }
  od;
#if LEASES > 1
  /* detach; the owner frees the lane, or anybody if none serves it; attach again. */
  if
  :: lease + 1 < LEASES ->
    orphan = 1;
    if
    :: atomic { orphan && served == 0 -> attached = 0; orphan = 0; lgen++ }
    :: !attached
    fi;
    atomic {
      i = 0;
      do :: i < N -> seq[i] = 0; ph[i] = 0; st[i] = 0; nxt[i] = 0; id[i] = 0; i++
         :: else -> break od;
      i = 0; k = 0; lease++; fr[0] = 0;
#ifdef M_RESTART
      s = 1;
#else
      s = s + 1;
#endif
      cs[0] = s; cs[1] = s; cc[0] = 0; cc[1] = 0; attached = 1
    };
    goto L_lease
  :: else
  fi;
#endif
  atomic { at = 0; n = 0 }
}

#define DIE :: me < OWNERS && !dead[me] -> dead[me] = 1; goto L_dead
#define STEP(x) atomic { if :: x DIE fi }

proctype Owner(byte me) {
  byte s, c, n, i, w, p;       /* next command; p commands started and not yet answered: */
  byte dc[2], ds[2], di[2];
end_standby:
  atomic { !owned && gen == me - 1 -> owned = 1; gen = me };
L_adopt:
end_adopt:
  atomic { if
    :: attached && served == 0 -> served = me
    DIE fi };
  /* A successor reads the later of the two journals; both stand still. */
  atomic { if
    :: cs[0] >= cs[1] -> s = cs[0]; c = cc[0]
    :: cs[0] < cs[1] -> s = cs[1]; c = cc[1]
    DIE fi };
end_idle:
  do
  :: atomic { p < 2 && seq[c] == s && ph[c] == REQ -> n = nxt[c]; w = id[c] };
#ifdef M_LATECURSOR
    STEP(assert(execd[w] == 0 && !told[w]); execd[w]++);
    STEP(cs[SLOT] = s + 1; cc[SLOT] = n; started[w] = 1);
#else
    STEP(cs[SLOT] = s + 1; cc[SLOT] = n; started[w] = 1);
    STEP(assert(execd[w] == 0 && !told[w]); execd[w]++);
#endif
    atomic { dc[p] = c; ds[p] = s; di[p] = w; p++; s++; c = n; n = 0; w = 0 }
  :: atomic { p > 0 ->
      if :: i = 0 :: p == 2 -> i = 1 fi;
      if
      :: /* the reply is a plain store: nobody else may have moved the word */
        assert(seq[dc[i]] == ds[i] && ph[dc[i]] == REQ && id[dc[i]] == di[i]);
        ph[dc[i]] = REP; st[dc[i]] = OK;
        if :: i == 0 -> dc[0] = dc[1]; ds[0] = ds[1]; di[0] = di[1] :: else fi;
        p--; dc[p] = 0; ds[p] = 0; di[p] = 0; i = 0
      DIE fi };
    atomic { if
      :: park -> i = 1
      :: !park
      DIE fi };
    if :: i == 1 -> STEP(asleep = 0; i = 0) :: else fi
#if LEASES > 1
  :: atomic { orphan && p == 0 && !(seq[c] == s && ph[c] == REQ) ->
      if
      :: assert(served == me); served = 0; attached = 0; orphan = 0; lgen++; s = 0; c = 0;
         goto L_adopt
      DIE fi }
#endif
  :: atomic { me < OWNERS && !dead[me] -> dead[me] = 1; goto L_dead }
  od;
L_dead: skip
}

#undef STEP
#define STEP(x) atomic { if :: x :: stops > 0 -> stops--; goto L_stop fi }

proctype Recoverer() {
  byte g, a, b, i, w, s, l, upto;
  do
  :: upto < OWNERS - 1 ->
end_idle:
    atomic { owned && gen > upto && dead[gen] -> g = gen };
#ifdef M_VACATEFIRST
    STEP(if :: owned && gen == g -> owned = 0 :: else fi);
#endif
    STEP(w = (attached && served == g); l = lgen);
    if
    :: w ->
      STEP(a = cs[0]);
      STEP(b = cs[1]);
#ifdef M_NORECHECK
      atomic { if :: b > a -> a = b :: else fi; b = 0; l = 0 };
#else
      STEP(w = (served == g && lgen == l); if :: b > a -> a = b :: else fi; b = 0; l = 0);
#endif
      if
      :: w -> i = 0;
        do
        :: i < N ->
          STEP(s = (seq[i] < a && ph[i] == REQ -> seq[i] : 0));
          if
          :: s != 0 ->
#ifdef M_PLAIN
            STEP(assert(seq[i] == s); told[id[i]] = 1; ph[i] = REP; st[i] = DIED)
#else
            STEP(if
              :: seq[i] == s && ph[i] == REQ ->
                assert(started[id[i]] && !told[id[i]]);
                told[id[i]] = 1; ph[i] = REP; st[i] = DIED
              :: else fi)
#endif
          :: else
          fi;
          atomic { i++; s = 0 }
        :: else -> break
        od;
        atomic { i = 0; a = 0 }
      :: else -> a = 0
      fi
    :: else -> l = 0
    fi;
    w = 0;
#ifndef M_NOWAKE
    STEP(asleep = 0);
#endif
    STEP(if :: served == g -> served = 0 :: else fi);
    STEP(if :: owned && gen == g -> owned = 0 :: else fi);
    atomic { upto = g; g = 0 }
  :: else -> break
  od;
L_stop: skip
}

init { atomic {
  run Caller(); run Recoverer(); run Recoverer(); run Owner(1); run Owner(2);
#if OWNERS > 2
  run Owner(3);
#endif
} }
