// Named as in Alglave, Maranget, Tautschnig: Herding cats (TOPLAS 2014), where the shapes are
// collected; what C++ allows of each is said by RC11, see weak_memory.hpp.
#include "layout/participant.hpp"
#include "os/fence.hpp"
#include "os/file_lock.hpp"
#include "os/futex.hpp"
#include "schedule/litmus.hpp"

namespace shmbus::schedule::litmus {
namespace {

constexpr auto rlx = std::memory_order_relaxed;
constexpr auto acq = std::memory_order_acquire;
constexpr auto rel = std::memory_order_release;
constexpr auto sc = std::memory_order_seq_cst;

void fence(std::memory_order order) { Scheduler::the().fence(order); }
void full() { fence(sc); }
void touch(bool writes) {
  const auto& geometry = World::the().geometry();
  Scheduler::the().touch(World::the().view(0) + geometry.extents.offset, 8, writes);
}

const std::vector<std::uint64_t> bit{0, 1};
bool all(const Results&) { return true; }
bool not_10(const Results& r) { return !(r[0] == 1 && r[1] == 0); }
bool not_00(const Results& r) { return r[0] != 0 || r[1] != 0; }

using Order = std::memory_order;
using Between = void (*)();
void nothing() {}

/// x = 1; y = 1 || r0 = y; r1 = x
Shape mp(std::string name, Order store, Order load, bool (*allowed)(const Results&),
         Between writer = nothing, Between reader = nothing) {
  return {"MP " + std::move(name),
          {[=](Table& t) {
             t.x.store(1, rlx);
             writer();
             t.y.store(1, store);
           },
           [=](Table& t) {
             t.r[0] = t.y.load(load);
             reader();
             t.r[1] = t.x.load(rlx);
           }},
          {bit, bit},
          allowed,
          {}};
}

/// x = 1; r0 = y || y = 1; r1 = x
Shape sb(std::string name, Order store, Order load, bool (*allowed)(const Results&),
         Between first = nothing, Between second = nothing) {
  return {"SB " + std::move(name),
          {[=](Table& t) {
             t.x.store(1, store);
             first();
             t.r[0] = t.y.load(load);
           },
           [=](Table& t) {
             t.y.store(1, store);
             second();
             t.r[1] = t.x.load(load);
           }},
          {bit, bit},
          allowed,
          {}};
}

/// x = 1 || y = 1 || r0 = x; r1 = y || r2 = y; r3 = x
Shape iriw(std::string name, Order store, Order load, bool ordered, Between reader = nothing) {
  return {"IRIW " + std::move(name),
          {[=](Table& t) { t.x.store(1, store); }, [=](Table& t) { t.y.store(1, store); },
           [=](Table& t) {
             t.r[0] = t.x.load(load);
             reader();
             t.r[1] = t.y.load(load);
           },
           [=](Table& t) {
             t.r[2] = t.y.load(load);
             reader();
             t.r[3] = t.x.load(load);
           }},
          {bit, bit, bit, bit},
          [=](const Results& r) {
            return !ordered || !(r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0);
          },
          {}};
}

/// x = 1; y = 2 || y = 1; x = 2, and what stays
Shape two_plus_two_w(std::string name, Order store, bool ordered, Between between = nothing) {
  return {"2+2W " + std::move(name),
          {[=](Table& t) {
             t.x.store(1, store);
             between();
             t.y.store(2, store);
           },
           [=](Table& t) {
             t.y.store(1, store);
             between();
             t.x.store(2, store);
           }},
          {{1, 2}, {1, 2}},
          [=](const Results& r) { return !ordered || !(r[0] == 1 && r[1] == 1); },
          [](Table& t) {
            t.r[0] = t.x.load();
            t.r[1] = t.y.load();
          },
          false,
          false};
}

/// x = 1 || r0 = x; y = 1 || r1 = y; r2 = x
Shape wrc(std::string name, Order store, Order load, bool ordered) {
  return {"WRC " + std::move(name),
          {[=](Table& t) { t.x.store(1, rlx); },
           [=](Table& t) {
             t.r[0] = t.x.load(rlx);
             t.y.store(1, store);
           },
           [=](Table& t) {
             t.r[1] = t.y.load(load);
             t.r[2] = t.x.load(rlx);
           }},
          {bit, bit, bit},
          [=](const Results& r) { return !ordered || !(r[0] == 1 && r[1] == 1 && r[2] == 0); },
          {}};
}

/// x = 1; y = 1 || y = 2; r0 = x, and which y stays
Shape r(std::string name, bool ordered, Between between) {
  return {"R " + std::move(name),
          {[=](Table& t) {
             t.x.store(1, rlx);
             between();
             t.y.store(1, rlx);
           },
           [=](Table& t) {
             t.y.store(2, rlx);
             between();
             t.r[0] = t.x.load(rlx);
           }},
          {bit, {1, 2}},
          [=](const Results& o) { return !ordered || !(o[0] == 0 && o[1] == 2); },
          [](Table& t) { t.r[1] = t.y.load(); },
          false,
          false};
}

/// x = 2; y = 1 || r0 = y; x = 1, and which x stays
Shape s(std::string name, Order store, Order load, bool ordered) {
  return {"S " + std::move(name),
          {[=](Table& t) {
             t.x.store(2, rlx);
             t.y.store(1, store);
           },
           [=](Table& t) {
             t.r[0] = t.y.load(load);
             t.x.store(1, rlx);
           }},
          {bit, {1, 2}},
          [=](const Results& o) { return !ordered || !(o[0] == 1 && o[1] == 2); },
          [](Table& t) { t.r[1] = t.x.load(); },
          false,
          false};
}

/// Plain data, then a flag; the thread that sees the flag reads the data, or overwrites it.
Shape race(std::string name, Order store, Order load, bool first_writes, bool found) {
  return {"race " + std::move(name),
          {[=](Table& t) {
             touch(first_writes);
             t.y.store(1, store);
           },
           [=](Table& t) {
             if ((t.r[0] = t.y.load(load)) == 1) touch(!first_writes);
           }},
          {bit},
          all,
          {},
          found,
          false};
}

void coherence(std::vector<Shape>& out) {
  out.push_back({"CoRR",
                 {[](Table& t) { t.x.store(1, rlx); },
                  [](Table& t) {
                    t.r[0] = t.x.load(rlx);
                    t.r[1] = t.x.load(rlx);
                  }},
                 {bit, bit},
                 not_10,
                 {},
                 false,
                 false});
  out.push_back({"CoRR of two writers",
                 {[](Table& t) { t.x.store(1, rlx); }, [](Table& t) { t.x.store(2, rlx); },
                  [](Table& t) {
                    t.r[0] = t.x.load(rlx);
                    t.r[1] = t.x.load(rlx);
                  },
                  [](Table& t) {
                    t.r[2] = t.x.load(rlx);
                    t.r[3] = t.x.load(rlx);
                  }},
                 {{0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}},
                 [](const Results& o) {
                   if ((o[0] != 0 && o[1] == 0) || (o[2] != 0 && o[3] == 0)) return false;
                   const bool up = (o[0] == 1 && o[1] == 2) || (o[2] == 1 && o[3] == 2);
                   const bool down = (o[0] == 2 && o[1] == 1) || (o[2] == 2 && o[3] == 1);
                   return !(up && down);
                 },
                 {},
                 false,
                 false});
  out.push_back({"CoWR",
                 {[](Table& t) {
                    t.x.store(1, rlx);
                    t.r[0] = t.x.load(rlx);
                  },
                  [](Table& t) { t.x.store(2, rlx); }},
                 {{1, 2}, {1, 2}},
                 [](const Results& o) { return !(o[0] == 2 && o[1] == 1); },
                 [](Table& t) { t.r[1] = t.x.load(); },
                 false,
                 false});
}

void read_modify_writes(std::vector<Shape>& out) {
  out.push_back({"two additions",
                 {[](Table& t) { t.r[0] = t.x.fetch_add(1, rlx); },
                  [](Table& t) { t.r[1] = t.x.fetch_add(1, rlx); }},
                 {bit, bit},
                 [](const Results& o) { return o[0] != o[1]; },
                 {},
                 false,
                 false});
  out.push_back({"one of two wins",
                 {[](Table& t) {
                    std::uint64_t seen = 0;
                    t.r[0] = t.x.compare_exchange_strong(seen, 1, rlx, rlx) ? 1 : 0;
                  },
                  [](Table& t) {
                    std::uint64_t seen = 0;
                    t.r[1] = t.x.compare_exchange_strong(seen, 2, rlx, rlx) ? 1 : 0;
                  }},
                 {bit, bit},
                 [](const Results& o) { return o[0] != o[1]; },
                 {},
                 false,
                 false});
  const auto reader = [](Table& t) {
    t.r[0] = t.x.load(acq);
    t.r[1] = t.d.load(rlx);
  };
  out.push_back({"release sequence",
                 {[](Table& t) {
                    t.d.store(1, rlx);
                    t.x.store(10, rel);
                  },
                  [](Table& t) { t.x.fetch_add(1, rlx); }, reader},
                 {{0, 1, 10, 11}, bit},
                 [](const Results& o) { return o[0] < 10 || o[1] == 1; },
                 {},
                 false,
                 false});
  out.push_back({"release sequence ended by a store",
                 {[](Table& t) {
                    t.d.store(1, rlx);
                    t.x.store(1, rel);
                    t.x.store(2, rlx);
                  },
                  reader},
                 {{0, 1, 2}, bit},
                 [](const Results& o) { return o[0] != 1 || o[1] == 1; },
                 {},
                 false,
                 false});
}

/// What the kernel gives.
void kernel(std::vector<Shape>& out) {
  out.push_back({"lock of the dead",
                 {[](Table& t) {
                    t.d.store(1, rlx);
                    Scheduler::the().die();
                  },
                  [](Table& t) {
                    const auto state = liveness::query_lock(-1, layout::token_lock_offset, 1);
                    t.r[0] = state == liveness::LockState::free ? 1 : 0;
                    t.r[1] = t.d.load(rlx);
                  }},
                 {bit, bit},
                 not_10,
                 {},
                 false,
                 true});
  const auto waker = [](Table& t) {
    t.d.store(1, rlx);
    wait::bump_and_wake(t.count);
  };
  out.push_back({"futex, then what it was for",
                 {waker,
                  [](Table& t) {
                    t.r[0] = 1;
                    while (t.count.load(rlx) == 0) wait::futex_wait(t.count, 0, 1'000'000'000);
                    t.r[1] = t.d.load(rlx);
                  }},
                 {{1}, bit},
                 all,
                 {},
                 false,
                 false});
  out.push_back({"futex, then the count, acquired",
                 {waker,
                  [](Table& t) {
                    while (t.count.load(acq) == 0) wait::futex_wait(t.count, 0, 1'000'000'000);
                    t.r[0] = 1;
                    t.r[1] = t.d.load(rlx);
                  }},
                 {{1}, bit},
                 not_10,
                 {},
                 false,
                 false});
}

std::vector<Shape> make() {
  const auto publisher = [] { wait::publisher_fence(); };
  const auto sleeper = [] { (void)wait::sleeper_fence(); };
  std::vector<Shape> out{
      mp("relaxed", rlx, rlx, all),
      mp("release, acquire", rel, acq, not_10),
      mp("release, relaxed", rel, rlx, all),
      mp("relaxed, acquire", rlx, acq, all),
      mp(
          "fences", rlx, rlx, not_10, [] { fence(rel); }, [] { fence(acq); }),
      mp("release fence alone", rlx, rlx, all, [] { fence(rel); }),
      mp("acquire fence alone", rlx, rlx, all, nothing, [] { fence(acq); }),
      sb("relaxed", rlx, rlx, all),
      sb("release, acquire", rel, acq, all),
      sb("full fences", rlx, rlx, not_00, full, full),
      sb("one full fence", rlx, rlx, all, full),
      sb("sequentially consistent", sc, sc, not_00),
      sb("publisher and sleeper", rel, acq, not_00, publisher, sleeper),
      sb("sleeper and publisher", rel, acq, not_00, sleeper, publisher),
      sb("publisher alone", rel, acq, all, publisher),
      sb("sleeper alone", rel, acq, all, nothing, sleeper),
      sb("two publishers", rel, acq, all, publisher, publisher),
      sb("two sleepers", rel, acq, not_00, sleeper, sleeper),
      {"LB, which is left out",
       {[](Table& t) {
          t.r[0] = t.x.load(rlx);
          t.y.store(1, rlx);
        },
        [](Table& t) {
          t.r[1] = t.y.load(rlx);
          t.x.store(1, rlx);
        }},
       {bit, bit},
       [](const Results& o) { return !(o[0] == 1 && o[1] == 1); },
       {},
       false,
       false},
      iriw("relaxed", rlx, rlx, false),
      iriw("release, acquire", rel, acq, false),
      iriw("full fences", rlx, rlx, true, full),
      iriw("sequentially consistent", sc, sc, true),
      two_plus_two_w("relaxed", rlx, false),
      two_plus_two_w("release", rel, false),
      two_plus_two_w("full fences", rlx, true, full),
      wrc("relaxed", rlx, rlx, false),
      wrc("release, acquire", rel, acq, true),
      r("relaxed", false, nothing),
      r("full fences", true, full),
      s("relaxed", rlx, rlx, false),
      s("release, acquire", rel, acq, true),
      race("after a relaxed flag", rlx, acq, true, true),
      race("after a flag not acquired", rel, rlx, true, true),
      race("none", rel, acq, true, false),
      race("of a late reader", rlx, acq, false, true),
      race("none of a late reader", rel, acq, false, false),
  };
  coherence(out);
  read_modify_writes(out);
  kernel(out);
  return out;
}

}  // namespace

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = make();
  return all;
}

}  // namespace shmbus::schedule::litmus
