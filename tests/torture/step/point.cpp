#include "torture/step/point.hpp"

#include <unistd.h>

#include <csignal>
#include <sstream>

#include "torture/step/subject.hpp"
#include "torture/support/bus_state.hpp"

namespace shmbus::torture {
namespace {

using test::Child;
using namespace std::chrono_literals;

class Point {
 public:
  Point(const Operation& operation, Peers peers)
      : operation_(operation),
        path_("/dev/shm/shmbus-step." + std::to_string(::getpid())),
        world_{path_, *ledger_, peers, operation.handler_beside && operation.caller_beside},
        watch_(path_) {
    ::unlink(path_.c_str());
  }
  Point(const Point&) = delete;
  Point& operator=(const Point&) = delete;
  ~Point() { ::unlink(path_.c_str()); }

  PointResult play(const Target& target) {
    result_.summary.points = 1;
    if (set_the_scene()) {
      run_on(0);  // the tracer and its child take turns: one processor makes them faster
      result_.walk = walk(subject_.pid(), *ledger_, watch_, target);
      run_on(std::nullopt);
      if (result_.walk.stuck) problem(result_.summary.hung, "the operation does not end");
      subject_.kill();
      see_the_others();
      clear_the_scene();
      judge();
    }
    auto& sum = result_.summary;
    if (sum.lost + sum.duplicated + sum.hung + sum.leaked + sum.other == 0) sum.recovered = 1;
    return std::move(result_);
  }

 private:
  void problem(std::uint64_t& counter, const std::string& what) {
    ++counter;
    result_.problems += "  " + what + "\n";
  }
  bool expect(bool good, const char* what) {
    if (!good) problem(result_.summary.other, std::string("setting the scene: ") + what);
    return good;
  }
  Child peer(int (*body)(World&)) {
    return Child([this, body] { return body(world_); });
  }
  Child peer(int (*body)(World&, WaitMode), bool parked) {
    const auto wait = parked ? WaitMode::blocking : WaitMode::adaptive;
    return Child([this, body, wait] { return body(world_, wait); });
  }
  bool flagged(const std::atomic<int>& flag, std::chrono::milliseconds limit = 10s) {
    return test::eventually([&] { return flag != 0; }, limit);
  }
  [[nodiscard]] bool parked() const { return world_.peers == Peers::parked; }

  bool set_the_scene() {
    // Who waits for a registration publishes later, and would then stop with nobody to wake it.
    if (!has_somebody_to_reclaim()) ledger_->reached = 1;
    if (!operation_.no_bus) {
      Child maker([this] { return Bus::open(path_, tiny_bus()) ? 0 : 1; });
      if (!expect(maker.wait() == 0, "make the bus")) return false;
      watch_.look_for_file();
    }
    if (operation_.handler_beside) handler_ = peer(serve, parked());
    if (operation_.predecessor) predecessor_ = peer(serve_stuck);
    if (operation_.handler_beside || operation_.predecessor) {
      if (!expect(flagged(ledger_->serving), "register")) return false;
    }
    if (world_.peers == Peers::mid_recovery && has_somebody_to_reclaim()) {
      reclaimer_ = peer(reclaim_and_stop);
      if (!expect(flagged(ledger_->reclaimer_ready), "the reclaimer")) return false;
    }
    subject_ = Child([this] { return be_subject(world_, operation_); });
    if (!expect(flagged(ledger_->prepared), "prepare the subject")) return false;
    return set_the_peers();
  }

  /// A caller that dies needs somebody to have sent to.
  [[nodiscard]] bool has_somebody_to_reclaim() const {
    return !operation_.no_bus && std::string_view(operation_.name) != "register";
  }

  bool set_the_peers() {
    if (operation_.caller_beside) {
      beside_ = peer(call_beside, parked());
      const bool can_publish = std::string_view(operation_.name) != "register";
      if (can_publish && world_.peers == Peers::mid_step) {
        auto& reached = world_.both_stop ? ledger_->caller_reached : ledger_->reached;
        if (!expect(stands(beside_, reached), "stop the caller")) return false;
      } else if (can_publish) {
        if (!expect(flagged(ledger_->beside_ready), "the caller beside")) return false;
      }
    }
    if (operation_.handler_beside && world_.peers == Peers::mid_step) {
      early_ = peer(call_early);
      if (!expect(stands(handler_, ledger_->reached), "stop the handler")) return false;
    }
    if (operation_.dead_caller || reclaimer_.pid() > 0) {
      Child dead = peer(leave_things_behind);
      if (!expect(flagged(ledger_->dead_ready), "the caller that dies")) return false;
      dead.kill();
    }
    if (reclaimer_.pid() > 0) {
      ledger_->go = 1;
      if (!expect(stands(reclaimer_, ledger_->reached), "stop the reclaimer")) return false;
    }
    predecessor_.kill();
    return true;
  }

  bool stands(const Child& child, const std::atomic<int>& reached) {
    return test::eventually([&] { return reached != 0 && is_stopped(child.pid()); }, 10s);
  }

  /// Runs a newcomer, who must succeed soon.
  void newcomer(int (*body)(World&), const char* what) {
    const Stopwatch clock;
    Child child = peer(body);
    const int code = child.wait(10s);
    note(clock);
    if (code != 0) {
      problem(result_.summary.hung, std::string(what) + " ended with " + std::to_string(code));
    }
  }
  void note(const Stopwatch& clock) {
    result_.slowest_ms = std::max(result_.slowest_ms, clock.ms());
  }
  void finish(Child& child, const char* who) {
    if (child.pid() <= 0) return;
    const Stopwatch clock;
    const int code = child.wait(10s);
    note(clock);
    if (code != 0) {
      problem(result_.summary.hung, std::string(who) + " ended with " + std::to_string(code));
    }
  }

  void see_the_others() {
    if (operation_.no_bus) {
      Child maker([this] { return Bus::open(path_, tiny_bus()) ? 0 : 1; });
      if (maker.wait() != 0) problem(result_.summary.hung, "nobody can make the bus");
    }
    newcomer(work_elsewhere, "work elsewhere");  // whoever has been stopped still is
    for (const Child* stopped : {&handler_, &beside_, &reclaimer_}) stopped->signal(SIGCONT);
    if (!operation_.handler_beside || operation_.takes_over) {
      const int before = ledger_->serving;
      const Stopwatch clock;
      Child former = std::move(handler_);  // it may have been replaced
      handler_ = operation_.takes_over ? peer(serve_next, parked()) : peer(serve, parked());
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
    const auto findings = doctor_findings(path_, 1ms);
    if (!findings.empty()) problem(result_.summary.other, "doctor: " + findings);
    if (!files_left(path_).empty()) problem(result_.summary.leaked, "files: " + files_left(path_));
  }

  void expect_census(const test::Census& wanted, const char* when) {
    const bool clean = test::eventually(
        [&] { return peer(close_the_books).wait(10s) == 0 && census_of(path_) == wanted; }, 5s);
    if (clean) return;
    std::ostringstream text;
    text << "left " << when << ": " << census_of(path_) << "; " << doctor_findings(path_);
    problem(result_.summary.leaked, text.str());
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

  const Operation& operation_;
  std::string path_;
  test::Shared<Ledger> ledger_;
  World world_;
  SegmentWatch watch_;
  PointResult result_;
  Child subject_;
  Child handler_;
  Child predecessor_;
  Child beside_;
  Child early_;
  Child reclaimer_;
};

}  // namespace

PointResult try_point(const Operation& operation, Peers peers, const Target& target) {
  if (operation.events) return try_event_point(operation, peers, target);
  if (operation.streams) return try_stream_point(operation, peers, target);
  return Point(operation, peers).play(target);
}

}  // namespace shmbus::torture
