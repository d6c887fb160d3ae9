#include <csignal>

#include "torture/step/point_base.hpp"

namespace shmbus::torture {
namespace {

using test::Child;
using namespace std::chrono_literals;

class Point final : public PointBase {
 public:
  Point(const Operation& operation, Peers peers) : PointBase(operation, peers, 10s) {}

 private:
  bool set_the_scene() override {
    // Who waits for a registration publishes later, and would then stop with nobody to wake it.
    if (!has_somebody_to_reclaim()) ledger_->reached = 1;
    if (!operation_.no_bus && !make_the_bus()) return false;
    if (operation_.handler_beside) handler_ = peer(serve);
    if (operation_.predecessor) predecessor_ = peer(serve_stuck);
    if (operation_.handler_beside || operation_.predecessor) {
      if (!expect(ready(ledger_->serving), "register")) return false;
    }
    if (world_.peers == Peers::mid_recovery && has_somebody_to_reclaim()) {
      reclaimer_ = peer(reclaim_and_stop);
      if (!expect(ready(ledger_->reclaimer_ready), "the reclaimer")) return false;
    }
    return prepare_the_subject() && set_the_peers();
  }

  /// A caller that dies needs somebody to have sent to.
  [[nodiscard]] bool has_somebody_to_reclaim() const {
    return !operation_.no_bus && std::string_view(operation_.name) != "register";
  }

  bool set_the_peers() {
    if (operation_.caller_beside) {
      beside_ = peer(call_beside);
      const bool can_publish = std::string_view(operation_.name) != "register";
      if (can_publish && world_.peers == Peers::mid_step) {
        auto& reached = world_.both_stop ? ledger_->caller_reached : ledger_->reached;
        if (!expect(stands(beside_, reached), "stop the caller")) return false;
      } else if (can_publish) {
        if (!expect(ready(ledger_->beside_ready), "the caller beside")) return false;
      }
    }
    if (operation_.handler_beside && world_.peers == Peers::mid_step) {
      early_ = peer(call_early);
      if (!expect(stands(handler_, ledger_->reached), "stop the handler")) return false;
    }
    if (operation_.dead_caller || reclaimer_.pid() > 0) {
      Child dead = peer(leave_things_behind);
      if (!expect(ready(ledger_->dead_ready), "the caller that dies")) return false;
      dead.kill();
    }
    if (reclaimer_.pid() > 0) {
      ledger_->go = 1;
      if (!expect(stands(reclaimer_, ledger_->reached), "stop the reclaimer")) return false;
    }
    predecessor_.kill();
    return true;
  }

  void see_the_rest() override {
    see_the_others();
    clear_the_scene();
    judge();
  }

  void see_the_others() {
    if (operation_.no_bus) {
      Child maker([this] { return Bus::open(path_, tiny_bus()) ? 0 : 1; });
      if (maker.wait() != 0) problem(result_.summary.hung, "nobody can make the bus");
    }
    newcomer(work_elsewhere, "work elsewhere");  // beside peers that are still stopped
    for (const Child* stopped : {&handler_, &beside_, &reclaimer_}) stopped->signal(SIGCONT);
    if (!operation_.handler_beside || operation_.takes_over) {
      const int before = ledger_->serving;
      const Stopwatch clock;
      Child former = std::move(handler_);  // it may have been replaced
      handler_ = operation_.takes_over ? peer(serve_next) : peer(serve);
      if (!test::eventually([&] { return ledger_->serving > before; }, 10s)) {
        problem(result_.summary.hung, "no successor can register");
      }
      note(clock);
    }
    finish(beside_, "the caller beside");
    finish(early_, "the early caller");
    finish(reclaimer_, "the stopped reclaimer");
    newcomer(call_afresh, "a fresh caller");
  }

  void clear_the_scene() {
    expect_census({.participants = 1, .endpoints = 1}, "while a handler lives");
    handler_.kill();
    expect_census({}, "in the end");
    examine();
  }

  void expect_census(const test::Census& wanted, const char* when) {
    expect_nothing_left(
        when, [&] { return peer(close_the_books).wait(10s) == 0 && census_of(path_) == wanted; });
  }

  void judge() {
    for (std::uint64_t id = 0; id < command_id::count; ++id) {
      const auto runs = ledger_->runs[id].load();
      const auto heard = ledger_->heard[id].load();
      if (is_wrong(id, runs, heard)) {
        problem(runs > 1 || (heard == Heard::not_run && runs != 0) ? result_.summary.duplicated
                : heard == Heard::late                             ? result_.summary.hung
                                                                   : result_.summary.lost,
                "command " + std::to_string(id) + ": runs=" + std::to_string(runs) +
                    " heard=" + std::to_string(static_cast<int>(heard)));
      }
    }
  }

  [[nodiscard]] bool is_wrong(std::uint64_t id, unsigned runs, Heard heard) const {
    const bool of_subject = id < command_id::peer;
    const bool of_dead = id >= command_id::dead && id < command_id::fresh;
    const bool handlers_live = operation_.handler_beside && !operation_.takes_over;
    switch (heard) {
      case Heard::nothing:
        return runs != 0;
      case Heard::sending:  // killed before it was told; the living are always told
        return runs > 1 || !(of_subject || of_dead);
      case Heard::sent:
        // One with a time limit may be dropped when it is over.
        if (of_subject && (operation_.gives_up || world_.peers == Peers::mid_step)) return runs > 1;
        if (handlers_live) return runs != 1;
        if (of_subject || of_dead) return runs > 1;
        return runs > 1 || (runs == 0 && ledger_->reported_lost == 0);
      case Heard::ok:
        return runs != 1;
      case Heard::not_run:
        return runs != 0;
      case Heard::unknown:
        return runs > 1 || handlers_live;
      case Heard::late:
        return runs > 1 || !(of_subject && operation_.gives_up);
      case Heard::wrong:
        break;
    }
    return true;
  }

  Child handler_;
  Child predecessor_;
  Child beside_;
  Child early_;
};

}  // namespace

PointResult try_point(const Operation& operation, Peers peers, const Target& target) {
  if (operation.events) return try_event_point(operation, peers, target);
  if (operation.streams) return try_stream_point(operation, peers, target);
  return Point(operation, peers).play(target);
}

}  // namespace shmbus::torture
