// A command that reaches a member's endpoint after the member has left and its place was cleared.
#include <cstring>

#include "base/testpoint.hpp"
#include "groups/oracle.hpp"
#include "support/catch.hpp"
#include "words/members.hpp"

#if defined(SHMBUS_TESTPOINTS)

using namespace shmbus;
using namespace std::chrono_literals;
using test::Oracle;
using test::Work;

namespace {

constexpr Registration in_group{.sharing = Sharing::group};

/// Done once, by the calling thread, when its command is filled and not yet committed.
std::function<void()> before_commit;

void before_the_commit(const std::function<void()>& act) {
  before_commit = act;
  testpoint::hook = [](const char* name) {
    if (std::strcmp(name, "lane.filled") != 0) return;
    testpoint::hook = nullptr;
    before_commit();
  };
}

std::size_t members_in(const segment::View& view) {
  const auto members = names::load_members(view, 0);
  return static_cast<std::size_t>(std::count_if(members.word.begin(), members.word.end(),
                                                [](auto word) { return word.bound(); }));
}

}  // namespace

TEST_CASE("a command to a member that has just left is run by another", "[groups]") {
  test::TempBus path;
  test::Shared<Oracle> oracle;
  auto leaver = test::member(path.path(), *oracle, 0, 0us, in_group);
  auto bus = test::open_when_served(path.path(), "work");
  const auto watcher = test::join(path.path());
  auto caller = bus.caller("work", {.in_group = InGroup::pinned});
  REQUIRE(caller);
  std::uint64_t room = 0;
  CHECK_OK(caller->call(test::raw(Work{oracle->next++, 0, 0}), test::raw(room), 10s));
  const auto stays = test::member(path.path(), *oracle, 1, 0us, in_group);
  REQUIRE(test::eventually([&] { return members_in(watcher->view()) == 2; }));

  before_the_commit([&] {
    oracle->leave[0] = true;
    (void)leaver.wait();
    (void)test::eventually([&] { return members_in(watcher->view()) == 1; });
  });
  const std::uint32_t command = oracle->next++;
  CHECK_OK(caller->call(test::raw(Work{command, 0, 1}), test::raw(room), 10s));
  CHECK(testpoint::hook == nullptr);
  CHECK(oracle->ran[command] == 1);
  CHECK(oracle->by[1] == 1);
}

#endif
