// A new release of a handler replaces the running one, and no caller notices: takeover [BUS]
//
// Three processes: release 1 serves greet; release 2 takes it over; this one calls all the while.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "greet.hpp"
#include "report.hpp"

namespace {

using namespace std::chrono_literals;

int serve(const char* where, int release) {
  auto bus = shmbus::Bus::open(where);
  if (!bus) return report(bus.error());
  auto server = bus->serve({.label = "greeter", .stand_by = true});
  if (!server) return report(server.error());
  auto added = server->on<Greet>([=](const Person& person, shmbus::String<64>& greeting) {
    const auto text =
        "hello, " + std::string(person.name.view()) + ", from " + std::to_string(release);
    return greeting.assign(text) ? shmbus::Status::ok() : shmbus::Status::reject(1, "too long");
  });
  if (!added) return report(added.error());
  // Everything is ready: from here on it takes microseconds. When nobody serves the name yet, this
  // registers it.
  if (auto taken = server->take_over(5s); !taken) return report(taken.error());
  // Returns when the next release has taken over, and what was deferred here has been answered.
  if (auto ended = server->run({}); !ended) return report(ended.error());
  return server->replaced() ? 0 : 1;
}

pid_t start(const char* where, int release) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(serve(where, release));
  return child;
}

}  // namespace

int main(int argc, char** argv) {
  const char* where = argc > 1 ? argv[1] : "takeover";
  const pid_t first = start(where, 1);
  auto bus = shmbus::Bus::open(where);
  if (!bus) return report(bus.error());
  auto greet = bus->caller<Greet>({.when_vacant = shmbus::WhenVacant::wait});
  if (!greet) return report(greet.error());

  pid_t second = -1;
  int failed = 0;
  std::string before;
  std::string after;
  for (int calls = 0; calls < 200'000 && after.empty(); ++calls) {
    const auto greeting = greet->call({.name = "Ada"});
    if (!greeting) {
      ++failed;
      continue;
    }
    const std::string text(greeting->view());
    if (before.empty()) {
      before = text;
      second = start(where, 2);  // the upgrade
    } else if (text != before) {
      after = text;
    }
  }
  int status = 0;
  const bool left = ::waitpid(first, &status, 0) == first && WIFEXITED(status);
  if (second > 0) ::kill(second, SIGKILL);
  if (second > 0) ::waitpid(second, nullptr, 0);
  std::printf("%s; %s; %d calls failed; release 1 ended %s\n", before.c_str(), after.c_str(),
              failed, left && WEXITSTATUS(status) == 0 ? "by itself" : "badly");
  return 0;
}
