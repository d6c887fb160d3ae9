// One kill in an operation on events: what the others are given, and what is left.
#include <csignal>

#include "torture/step/event_peers.hpp"
#include "torture/step/point_base.hpp"

namespace shmbus::torture {
namespace {

using test::Child;
using namespace std::chrono_literals;

class EventPoint final : public PointBase {
 public:
  EventPoint(const Operation& operation, Peers peers)
      : PointBase(operation, peers, 20s), scene_(*operation.events) {}

 private:
  bool set_the_scene() override {
    if (!make_the_bus()) return false;
    if (scene_.readers) {
      holder_ = peer(hold_beside);
      skipper_ = peer(skip_beside);
      if (!expect(ready(book().readers, 2), "the readers")) return false;
    }
    if (scene_.publisher) {
      publisher_ = peer(publish_beside);
      if (!expect(ready(book().publishing), "the publisher")) return false;
      book().wanted = 10;
      const bool there =
          test::eventually([&] { return book().published[source::beside] == book().wanted; });
      if (!expect(there, "the first events")) return false;
    }
    if (world_.peers == Peers::mid_recovery) {
      reclaimer_ = peer(reclaim_and_stop_there);
      if (!expect(ready(ledger_->reclaimer_ready), "the reclaimer")) return false;
    }
    if (!let_them_die()) return false;
    return prepare_the_subject() && stop_peers();
  }

  bool let_them_die() {
    if (scene_.dead_publisher) {
      if (world_.peers == Peers::mid_step) ledger_->armed = 1;  // at the first event of the dead
      if (!dies(die_after_publishing)) return false;
      if (world_.peers == Peers::mid_step && !stop_skipper()) return false;
    }
    if (scene_.dead_subscriber && !dies(die_holding)) return false;
    if (scene_.no_free_lane && !dies(die_with_all_lanes)) return false;
    if (reclaimer_.pid() <= 0) return true;
    if (!scene_.no_free_lane && !dies(die_making_a_lane)) return false;
    ledger_->go = 1;
    if (scene_.no_free_lane) return true;  // nothing to stop at
    return expect(stands(reclaimer_, ledger_->reached), "stop the reclaimer");
  }
  bool dies(int (*body)(World&)) {
    return expect(peer(body).wait(10s) == test::ended_by(SIGKILL), "one that dies");
  }

  bool stop_peers() {
    if (world_.peers != Peers::mid_step || !scene_.publisher) return true;
    ledger_->armed = 1;
    book().wanted += laps;
    return expect(stands(publisher_, ledger_->reached), "stop the publisher") && stop_skipper();
  }
  bool stop_skipper() {
    return expect(stands(skipper_, ledger_->caller_reached), "stop the one that skips");
  }

  void see_the_rest() override {
    see_the_others();
    judge();
    clear_the_scene();
  }

  void see_the_others() {
    for (const Child* stopped : {&publisher_, &skipper_, &reclaimer_}) {
      if (stopped->pid() > 0) stopped->signal(SIGCONT);
    }
    finish(reclaimer_, "the stopped reclaimer");
    newcomer(publish_afresh, "a fresh publisher");
    if (scene_.publisher) {
      book().wanted += laps;
      const Stopwatch clock;
      const bool all =
          test::eventually([&] { return book().published[source::beside] == book().wanted; }, 20s);
      note(clock);
      if (!all) problem(result_.summary.hung, "the publisher beside does not get on");
    }
    book().over = 1;
    finish(publisher_, "the publisher beside");
    finish(holder_, "the one that holds");
    finish(skipper_, "the one that skips");
  }

  /// The one that holds was there all the time: it has all of a living one's events, and of one
  /// that was killed those that it knew to be published, and at most the one that it was at.
  void judge() {
    if (!scene_.readers) return;
    const auto& holder = book().holder;
    for (std::uint64_t from = 0; from < source::count; ++from) {
      const std::uint64_t heard = holder.newest[from];
      const std::uint64_t told = book().published[from];
      const bool killed = from == source::subject || from == source::dead;
      if (heard == told || (killed && heard == told + 1)) continue;
      problem(heard < told ? result_.summary.lost : result_.summary.duplicated,
              "of source " + std::to_string(from) + " " + std::to_string(told) +
                  " were published and " + std::to_string(heard) + " read");
    }
    if (holder.missed != 0) problem(result_.summary.lost, "the one that holds missed some");
    const auto& skipper = book().skipper;
    const std::uint64_t accounted = skipper.delivered + skipper.missed;
    if (accounted != holder.delivered) {
      problem(result_.summary.lost, std::to_string(holder.delivered) +
                                        " events, and the one that skips accounts for " +
                                        std::to_string(accounted));
    }
    const auto& subject = book().subject;
    for (const auto* heard : {&holder, &skipper, &subject}) {
      if (heard->wrong == 0) continue;
      problem(result_.summary.duplicated, std::to_string(heard->wrong) + " torn or out of order");
    }
  }

  void clear_the_scene() {
    expect_nothing_left("in the end", [&] {
      return peer(take_all_lanes).wait(10s) == 0 && census_of(path_) == test::Census{} &&
             event_census_of(path_) == EventCensus{};
    });
    examine();
  }

  EventBook& book() { return ledger_->events; }

  const EventScene scene_;
  Child publisher_;
  Child holder_;
  Child skipper_;
};

}  // namespace

PointResult try_event_point(const Operation& operation, Peers peers, const Target& target) {
  return EventPoint(operation, peers).play(target);
}

}  // namespace shmbus::torture
