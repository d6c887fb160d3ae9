#include "torture/paused/director.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "shmbus/shmbus.hpp"
#include "torture/support/bus_state.hpp"

namespace shmbus::torture {

Director::Director(const Scene&, SceneResult& result)
    : result_(result), path_("/dev/shm/shmbus-paused." + std::to_string(::getpid())) {
  ::unlink(path_.c_str());
  test::Child maker([this] {
    OpenOptions options;
    options.capacities = {.participants = 24, .names = 16, .endpoints = 8, .lanes = 32};
    return Bus::open(path_, options) ? 0 : 1;
  });
  check(maker.wait() == 0, "cannot make a bus");
}

Director::~Director() { ::unlink(path_.c_str()); }

test::Child Director::start(int (*body)(const Stage&), const char* stop_point) {
  return test::Child([this, body, stop_point] {
    if (stop_point != nullptr) stop_at(*notes_, stop_point);
    return body(stage());
  });
}

test::Child Director::start_daemon() {
  return test::Child([this] {
    const char* folder = std::getenv("SHMBUS_BIN");
    const std::string program =
        std::string(folder != nullptr ? folder : SHMBUS_BIN_DIR) + "/shmbusd";
    ::execl(program.c_str(), "shmbusd", "--bus", path_.c_str(), "--log-level", "error", nullptr);
    return 127;
  });
}

void Director::check(bool good, const std::string& what) {
  if (good) return;
  ++result_.failures;
  const auto used = std::strlen(result_.problems);
  std::snprintf(result_.problems + used, sizeof result_.problems - used, "  %s\n", what.c_str());
}

void Director::newcomer(const std::function<int()>& body, const char* what) {
  const int code = test::Child(body).wait(20s);
  check(code == 0, std::string(what) + " ended with " + std::to_string(code));
}

void Director::observe(std::chrono::milliseconds time, bool handler_stands, bool registered) {
  const auto until = std::chrono::steady_clock::now() + time;
  do {
    const auto before = notes_->elsewhere.load();
    newcomer([this] { return look_for_the_dead(stage()); }, "a newcomer that looks for the dead");
    if (registered) {
      newcomer([this] { return try_to_take_the_name(stage()); }, "a rival for the name");
      newcomer([&] { return try_call(stage(), !handler_stands); }, "a newcomer's call");
    }
    check(test::eventually([&] { return notes_->elsewhere > before; }), "the others stand too");
    test::nap(100ms);
  } while (std::chrono::steady_clock::now() < until);
}

void Director::end(std::vector<std::pair<const char*, test::Child*>> parts, test::Child& daemon) {
  notes_->stop = true;
  for (auto& [name, child] : parts) {
    if (child->pid() <= 0) continue;
    if (std::string_view(name) == "the handler") notes_->stop_handler = true;
    const int code = child->wait(20s);
    check(code == 0, std::string(name) + " ended with " + std::to_string(code));
  }
  daemon.kill();
  check(notes_->declared_dead == 0, "somebody was declared dead to a caller");
  check(notes_->late == 0, "a caller waited too long");
  check(notes_->strange == 0, "a caller heard something impossible");
  const bool clean = test::eventually([&] {
    test::Child([&] { return take_what_is_left(stage()); }).wait();
    return census_of(path_) == test::Census{};
  });
  std::ostringstream left;
  left << "left: " << census_of(path_);
  check(clean, left.str());
  const auto findings = doctor_findings(path_, 1ms);
  check(findings.empty(), "doctor: " + findings);
}

}  // namespace shmbus::torture
