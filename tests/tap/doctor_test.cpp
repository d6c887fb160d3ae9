// The doctor beside a bus at work: nothing that is merely under way is a fault.
#include <csignal>

#include "inspect/doctor.hpp"
#include "recorder/recorder.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

struct Load {
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> policies{0};
  std::atomic<bool> stop{false};
};

/// Traced calls, small and large, so that every ring and the tap are written all the time.
int call_until_stopped(const std::string& path, Load& load) {
  auto bus = Bus::open(path, {.label = "caller"});
  if (!bus || !bus->wait_until_available("echo", 10s)) return 20;
  auto caller = bus->caller("echo", {.trace_ratio = 1});
  if (!caller) return 21;
  std::vector<std::byte> request(8);
  std::vector<std::byte> reply(4096);
  while (!load.stop) {
    request.resize(request.size() == 8 ? 2000 : 8);
    if (caller->call(request, reply) != request.size()) return 22;
    ++load.calls;
  }
  return 0;
}

/// Joins, sets a policy that refuses nobody, and leaves, again and again.
int set_policies_until_stopped(const std::string& path, Load& load) {
  while (!load.stop) {
    auto bus = Bus::open(path, {.label = "setter"});
    if (!bus) return 30;
    for (std::uint32_t i = 0; i < 50; ++i) {
      if (!bus->set_policy("echo", {.outstanding = 1000 + i})) return 31;
      ++load.policies;
    }
  }
  return 0;
}

std::string list(const std::vector<inspect::Finding>& findings) {
  std::string text;
  for (const auto& f : findings) text += f.id + " (" + f.subject + " " + f.what + ")\n";
  return text;
}

/// Those that a single look must not find either: nothing of this is ever wrong for a moment.
bool about_recorder_or_policy(const inspect::Finding& finding) {
  return finding.id.starts_with("recorder-") || finding.id.starts_with("policy-") ||
         finding.id.starts_with("tap-");
}

}  // namespace

TEST_CASE("the doctor finds nothing wrong with a bus at work") {
  const TempBus place;
  Shared<Load> load;
  const auto handler = handler_process(
      place.path(), handlers({{"echo", [](Context& c) { return answer(c, c.request()); }}}));
  auto bus = open_when_served(place.path(), "echo");
  std::vector<Child> workers;
  for (int i = 0; i < 2; ++i) {
    workers.emplace_back([&] { return call_until_stopped(place.path(), *load); });
  }
  workers.emplace_back([&] { return set_policies_until_stopped(place.path(), *load); });
  REQUIRE(eventually([&] { return load->calls > 100 && load->policies > 100; }, 20s));
  const auto core = join(place.path());
  const auto reader = inspect::Reader::open(place.path());
  REQUIRE_OK(reader);
  const Stopwatch clock;
  int looks = 0;
  for (; clock.ms() < 3'000; ++looks) {
    recorder::ask_for_events(core->attachment(), true);
    for (const auto& finding : inspect::examine(*reader)) {
      if (about_recorder_or_policy(finding)) FAIL_CHECK(list({finding}));
    }
  }
  for (int i = 0; i < 10; ++i) {
    recorder::ask_for_events(core->attachment(), true);
    const auto findings = inspect::settled(*reader, 150ms);
    INFO(list(findings));
    CHECK(findings.empty());
  }
  const auto calls = load->calls.load();
  load->stop = true;
  for (auto& worker : workers) CHECK(worker.wait() == 0);
  std::printf("%d looks beside %llu calls and %llu policies\n", looks,
              static_cast<unsigned long long>(calls),
              static_cast<unsigned long long>(load->policies.load()));
  CHECK(looks > 20);
  CHECK(core->view().tap().head.next.load() > 2 * layout::tap_slots);  // it was a busy one
}

TEST_CASE("the doctor names a policy whose setter was killed, and gc mends it") {
  const TempBus place;
  const auto handler =
      handler_process(place.path(), handlers({{"echo", [](Context&) { return Status::ok(); }}}));
  auto bus = open_when_served(place.path(), "echo");
  const auto core = join(place.path());
  Shared<std::atomic<std::uint32_t>> party;
  Child setter([&] {
    const auto own = join(place.path());
    *party = own->attachment().me.bits;
    ::raise(SIGSTOP);
    return 0;
  });
  REQUIRE(eventually([&] { return *party != 0; }));
  // Killed between the first store of a setter and the last.
  core->view().policy(0).asked.changing.store(*party);
  setter.kill();
  const auto found = run_tool({"--bus", place.path(), "doctor"});
  INFO(found.out);
  CHECK(found.code == 70);
  CHECK(found.out.find("[policy-unfinished] name 0 'echo' has a policy that participant ") !=
        std::string::npos);
  CHECK(found.out.find("`shmbus gc` tells the callers") != std::string::npos);
  CHECK(run_tool({"--bus", place.path(), "gc"}).code == 0);
  CHECK(run_tool({"--bus", place.path(), "doctor"}).out.find("policy-") == std::string::npos);
}
