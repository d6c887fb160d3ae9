#include "torture/step/point_base.hpp"

#include <unistd.h>

#include <sstream>

#include "torture/step/subject.hpp"

namespace shmbus::torture {

using test::Child;
using namespace std::chrono_literals;

PointBase::PointBase(const Operation& operation, Peers peers, std::chrono::seconds limit)
    : operation_(operation),
      path_("/dev/shm/shmbus-step." + std::to_string(::getpid())),
      world_{path_, *ledger_, peers, operation.handler_beside && operation.caller_beside},
      watch_(path_, operation.events || operation.streams),
      limit_(limit) {
  ::unlink(path_.c_str());
}

PointBase::~PointBase() { ::unlink(path_.c_str()); }

PointResult PointBase::play(const Target& target) {
  result_.summary.points = 1;
  if (set_the_scene()) {
    run_on(0);  // the tracer and its child take turns: one processor makes them faster
    result_.walk = walk(subject_.pid(), *ledger_, watch_, target);
    run_on(std::nullopt);
    if (result_.walk.stuck) problem(result_.summary.hung, "the operation does not end");
    subject_.kill();
    see_the_rest();
  }
  auto& sum = result_.summary;
  if (sum.lost + sum.duplicated + sum.hung + sum.leaked + sum.other == 0) sum.recovered = 1;
  return std::move(result_);
}

void PointBase::problem(std::uint64_t& counter, const std::string& what) {
  ++counter;
  result_.problems += "  " + what + "\n";
}

bool PointBase::expect(bool good, const char* what) {
  if (!good) problem(result_.summary.other, std::string("setting the scene: ") + what);
  return good;
}

bool PointBase::make_the_bus() {
  Child maker([this] { return Bus::open(path_, tiny_bus()) ? 0 : 1; });
  if (!expect(maker.wait() == 0, "make the bus")) return false;
  watch_.look_for_file();
  return true;
}

bool PointBase::prepare_the_subject() {
  subject_ = Child([this] { return be_subject(world_, operation_); });
  return expect(ready(ledger_->prepared), "prepare the subject");
}

Child PointBase::peer(int (*body)(World&)) {
  return Child([this, body] { return body(world_); });
}

Child PointBase::peer(int (*body)(World&, WaitMode)) {
  const auto wait = parked() ? WaitMode::blocking : WaitMode::adaptive;
  return Child([this, body, wait] { return body(world_, wait); });
}

bool PointBase::ready(const std::atomic<int>& flag, int least) const {
  return test::eventually([&] { return flag >= least; }, limit_);
}

bool PointBase::stands(const Child& child, const std::atomic<int>& reached) {
  return test::eventually([&] { return reached != 0 && is_stopped(child.pid()); }, 10s);
}

void PointBase::newcomer(int (*body)(World&), const char* what) {
  const Stopwatch clock;
  const int code = peer(body).wait(limit_);
  note(clock);
  judge_exit(code, what);
}

void PointBase::finish(Child& child, const char* who) {
  if (child.pid() <= 0) return;
  const Stopwatch clock;
  const int code = child.wait(limit_);
  note(clock);
  judge_exit(code, who);
}

void PointBase::judge_exit(int code, const char* who) {
  if (code == 0) return;
  problem(result_.summary.hung, std::string(who) + " ended with " + std::to_string(code));
}

void PointBase::note(const Stopwatch& clock) {
  result_.slowest_ms = std::max(result_.slowest_ms, clock.ms());
}

std::string PointBase::what_is_left() const {
  std::ostringstream text;
  text << census_of(path_);
  if (operation_.events) text << " " << event_census_of(path_);
  text << "; " << doctor_findings(path_);
  return text.str();
}

void PointBase::examine() {
  const auto findings = doctor_findings(path_, 1ms);
  if (!findings.empty()) problem(result_.summary.other, "doctor: " + findings);
  if (!files_left(path_).empty()) problem(result_.summary.leaked, "files: " + files_left(path_));
}

}  // namespace shmbus::torture
