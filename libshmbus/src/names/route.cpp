#include "names/route.hpp"

#include <unistd.h>

#include "base/testpoint.hpp"
#include "recovery/endpoint.hpp"
#include "words/members.hpp"

namespace shmbus::names {

using layout::BindingWord;
using layout::RouteWord;

namespace {

constexpr int tries_max = 1'000;  // each lost to somebody else's change

/// Nothing when there is no such place, or nobody sits there any more.
std::optional<Place> live_canary(const Attachment& bus, const Members& members) noexcept {
  const auto place = members.canary();
  if (!place || !members.word[*place].bound()) return std::nullopt;
  recovery::recover_endpoint(bus, members.word[*place].endpoint());
  return takes(bus.view, members.word[*place]) ? place : std::nullopt;
}

tl::unexpected<Error> no_canary() noexcept {
  return fail(
      ErrorKind::not_registered,
      "this name has no live canary: start a handler that registers it with Sharing::canary");
}

/// One change from what was seen, and what it takes to be known. `next_of(members)` may refuse.
template <class NextOf>
Result<void> change(const Attachment& bus, std::uint32_t record, NextOf next_of) noexcept {
  const std::uint32_t uid = ::geteuid();
  if (uid != 0 && bus.view.name(record).owner_uid.load(std::memory_order_relaxed) != uid) {
    return fail(ErrorKind::not_permitted, "another user registered this name");
  }
  for (int tries = 0; tries < tries_max; ++tries) {
    if (!bus.intact()) break;
    const Members members = load_members(bus.view, record);
    // What somebody changed and did not come to announce comes first.
    if (members.route.bits != 0 && members.route.from() == members.word[0].gen()) {
      announce(bus.view, record);
      continue;
    }
    const Result<RouteWord> next = next_of(members);
    if (!next) return tl::unexpected<Error>(next.error());
    SHMBUS_TESTPOINT("route.decided");
    if (!move_route(bus.view, record, members.route, *next)) continue;
    SHMBUS_TESTPOINT("route.changed");
    announce(bus.view, record);
    SHMBUS_TESTPOINT("route.announced");
    return {};
  }
  return fail(ErrorKind::overloaded, "others change this route all the time: try again");
}

}  // namespace

Result<void> give_to_canary(const Attachment& bus, std::uint32_t record, RouteWord::Rule rule,
                            std::uint32_t value) noexcept {
  return change(bus, record, [&](const Members& members) -> Result<RouteWord> {
    const auto canary = live_canary(bus, members);
    if (!canary || members.route.promoted()) return no_canary();
    return RouteWord::make(members.route.stable(), *canary, rule, value, members.word[0].gen(),
                           false);
  });
}

Result<void> promote(const Attachment& bus, std::uint32_t record) noexcept {
  return change(bus, record, [&](const Members& members) -> Result<RouteWord> {
    const auto canary = live_canary(bus, members);
    if (!canary || members.route.promoted()) return no_canary();
    const auto from = members.word[0].gen();
    if (members.group()) return RouteWord::make(0, 0, RouteWord::Rule::nobody, 0, from, false);
    return RouteWord::make(*canary, members.route.stable(), RouteWord::Rule::nobody, 0, from, true);
  });
}

Result<void> roll_back(const Attachment& bus, std::uint32_t record) noexcept {
  return change(bus, record, [&](const Members& members) -> Result<RouteWord> {
    const RouteWord route = members.route;
    const auto from = members.word[0].gen();
    if (!route.promoted()) {
      if (!members.canary()) return no_canary();
      return RouteWord::make(route.stable(), route.canary(), RouteWord::Rule::nobody, 0, from,
                             false);
    }
    if (!live_canary(bus, members)) {
      return fail(ErrorKind::not_registered,
                  "the former owner has gone: start it again as a canary, then promote it");
    }
    return RouteWord::make(route.canary(), route.stable(), RouteWord::Rule::nobody, 0, from, false);
  });
}

}  // namespace shmbus::names
