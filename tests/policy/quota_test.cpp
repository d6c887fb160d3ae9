// Quotas of a user, with real users: what one may hold, what others still get, what comes back.
#include <grp.h>
#include <unistd.h>

#include "policy/policy_process.hpp"

using namespace shmbus;
using namespace shmbus::test;
using namespace std::chrono_literals;

namespace {

constexpr uid_t anna = 60'001;
constexpr uid_t berta = 60'002;
constexpr int cannot_become = 99;

Child as(uid_t user, std::function<int()> body) {
  return Child([user, body = std::move(body)] {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 ||
        ::setresuid(user, user, user) != 0) {
      return cannot_become;
    }
    return body();
  });
}

bool may_become_others() {
  if (::geteuid() == 0 && as(anna, [] { return 0; }).wait() == 0) return true;
  WARN("SKIPPED: not root, or it may not become others");
  return false;
}

OpenOptions shared_bus(const Quotas& quotas) {
  auto options = small_bus();
  options.quotas_per_uid = quotas;
  options.mode = 0666;
  options.default_timeout = 300ms;
  return options;
}

/// 0, or the number of the error.
template <class T>
int code(const Result<T>& result, std::string_view must_name = {}) {
  if (result) return 0;
  const bool named = result.error().message.view().find(must_name) != std::string_view::npos;
  return named ? static_cast<int>(result.error().kind) : 98;
}
constexpr int limit = static_cast<int>(ErrorKind::limit_reached);

/// A user's process that holds what `take` takes `wanted` times; its exit code is what the next one
/// says. It goes on holding until `release`.
struct Holding {
  std::atomic<int> next{-1};
  std::atomic<bool> release{false};
};
template <class Take>
Child holder(uid_t user, Holding& shared, int wanted, Take take) {
  return as(user, [&shared, wanted, take] {
    std::vector<decltype(take())> held;
    for (int i = 0; i < wanted; ++i) {
      held.push_back(take());
      if (!held.back()) return 50 + static_cast<int>(held.back().error().kind);
    }
    shared.next = code(take(), "the quota of user 60001 is used up");
    while (!shared.release) nap(1ms);
    return 0;
  });
}

}  // namespace

TEST_CASE("a user gets no more endpoints than its quota, others and root do", "[quota]") {
  if (!may_become_others()) return;
  TempBus path;
  auto bus = Bus::open(path.path(), shared_bus({.participants = 2}));
  REQUIRE_OK(bus);
  const auto open = [&] { return Bus::open(path.path()); };
  Shared<Holding> shared;
  auto first = holder(anna, *shared, 2, open);
  CHECK(eventually([&] { return shared->next != -1; }));
  CHECK(shared->next == limit);
  CHECK(as(anna, [&] { return code(open()); }).wait() == limit);
  CHECK(as(berta, [&] { return code(open()); }).wait() == 0);
  CHECK_OK(open());
  first.kill();  // what the dead held is not held against the living
  CHECK(as(anna, [&] { return code(open()); }).wait() == 0);
}

TEST_CASE("a user gets no more lanes than its quota, and has them again from its dead", "[quota]") {
  if (!may_become_others()) return;
  TempBus path;
  auto bus = Bus::open(path.path(), shared_bus({.lanes = 3}));
  REQUIRE_OK(bus);
  const auto owner = worker_process(path.path());
  REQUIRE_OK(bus->wait_until_available("work", 10s));
  // A lane for each thread's port on each Bus.
  const auto attach = [&]() -> Result<std::pair<Bus, RawCaller>> {
    auto mine = Bus::open(path.path());
    if (!mine) return tl::unexpected<Error>(mine.error());
    auto caller = mine->caller("work");
    if (!caller) return tl::unexpected<Error>(caller.error());
    if (auto called = call(*caller, Do::answer, 2s); !called) {
      return tl::unexpected<Error>(called.error());
    }
    return std::pair(std::move(*mine), std::move(*caller));
  };
  Shared<Holding> shared;
  auto first = holder(anna, *shared, 3, attach);
  CHECK(eventually([&] { return shared->next != -1; }, 10s));
  CHECK(shared->next == limit);
  CHECK(as(anna, [&] { return code(attach()); }).wait() == limit);
  CHECK(as(berta, [&] { return code(attach()); }).wait() == 0);
  first.kill();
  CHECK(as(anna, [&] { return eventually([&] { return attach().has_value(); }) ? 0 : 1; }).wait() ==
        0);
}

TEST_CASE("a user gets no more payload memory than its quota", "[quota]") {
  if (!may_become_others()) return;
  TempBus path;
  auto bus = Bus::open(path.path(), shared_bus({.extents = 3}));
  REQUIRE_OK(bus);
  const auto owner = worker_process(path.path());
  REQUIRE_OK(bus->wait_until_available("work", 10s));
  const auto hoard = [&](uid_t user, std::size_t wanted) {
    return as(user,
              [&path, wanted] {
                auto mine = Bus::open(path.path());
                auto caller = mine->caller("work");
                std::vector<Loan> loans;
                for (;;) {
                  auto loan = caller->loan(4096);
                  if (!loan) {
                    const bool named = loan.error().message.view().find("quotas_per_uid.extents") !=
                                       std::string_view::npos;
                    return loans.size() == wanted && named ? static_cast<int>(loan.error().kind)
                                                           : 97;
                  }
                  loans.push_back(std::move(*loan));
                  if (loans.size() > wanted) return 96;
                }
              })
        .wait();
  };
  CHECK(hoard(anna, 3) == limit);
  CHECK(hoard(berta, 3) == limit);
  // Root has what is there.
  auto caller = caller_of(*bus, "work");
  std::vector<Loan> loans;
  for (int i = 0; i < 8; ++i) {
    auto loan = caller.loan(4096);
    REQUIRE_OK(loan);
    loans.push_back(std::move(*loan));
  }
}

TEST_CASE("a user gets no more servers and names than its quota", "[quota]") {
  if (!may_become_others()) return;
  TempBus path;
  auto bus = Bus::open(path.path(), shared_bus({.endpoints = 2, .names = 3}));
  REQUIRE_OK(bus);
  const auto served = [&](Bus& mine, const std::string& name) -> Result<Server> {
    auto server = mine.serve();
    if (!server) return server;
    auto added = server->on(name, [](Context&) { return Status::ok(); });
    if (!added) return tl::unexpected<Error>(added.error());
    return server;
  };
  const int result = as(anna, [&] {
                       auto mine = Bus::open(path.path());
                       auto a = served(*mine, "a");
                       auto b = served(*mine, "b");
                       if (!a || !b) return 1;
                       if (code(served(*mine, "c"), "quotas_per_uid.endpoints") != limit) return 2;
                       // "c" is known now, though nobody serves it: that was the third name.
                       if (code(a->on("d", [](Context&) { return Status::ok(); }),
                                "quotas_per_uid.names") != limit) {
                         return 3;
                       }
                       *b = {};
                       return code(served(*mine, "b"));
                     }).wait();
  CHECK(result == 0);
  CHECK(as(berta, [&] {
          auto mine = Bus::open(path.path());
          return code(served(*mine, "berta's"));
        }).wait() == 0);
}

TEST_CASE("a policy is set by root, by who made the bus, or by who registered the name",
          "[quota]") {
  if (!may_become_others()) return;
  TempBus path;
  auto bus = Bus::open(path.path(), shared_bus({}));
  REQUIRE_OK(bus);
  const auto set = [&](uid_t user) {
    return as(user,
              [&path] {
                auto mine = Bus::open(path.path());
                return mine ? code(mine->set_policy("work", {.deadline = 1s})) : 97;
              })
        .wait();
  };
  CHECK(set(anna) == static_cast<int>(ErrorKind::not_permitted));
  REQUIRE_OK(bus->set_policy("work", {.deadline = 2s}));  // nobody has the name yet
  CHECK(set(anna) == static_cast<int>(ErrorKind::not_permitted));
  const auto owner = as(anna, [&] { return serve_for_ever(path.path(), worker()); });
  REQUIRE_OK(bus->wait_until_available("work", 10s));  // root's policy did not take it from her
  CHECK(set(anna) == 0);
  CHECK(set(berta) == static_cast<int>(ErrorKind::not_permitted));
}
