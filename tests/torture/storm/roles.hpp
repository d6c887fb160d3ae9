// The bodies of a storm's processes.
#pragma once

#include <string>

#include "shmbus/shmbus.hpp"
#include "support/child.hpp"
#include "torture/storm/book.hpp"
#include "torture/storm/weather.hpp"

namespace shmbus::torture {

struct Role {
  std::string path;
  Book& book;
  Weather weather;
  std::uint64_t seed;
};

inline constexpr std::uint64_t patience_ns = 10'000'000'000;  ///< no wait takes longer
inline constexpr std::chrono::seconds long_timeout{20};

/// While a handler is stopped, the owners of dead callers that it still owes a look may be all that
/// there are.
inline Result<Bus> open_patiently(const std::string& path, const char* label) {
  const auto until = now_ns() + patience_ns;
  for (;;) {
    auto bus = Bus::open(path, {.label = label});
    if (bus || bus.error().kind != ErrorKind::limit_reached || now_ns() > until) return bus;
    test::nap(std::chrono::milliseconds(1));
  }
}

/// Calls until the book says stop, then waits for what is under way. Returns an exit code.
int call_for_ever(const Role& role, std::uint32_t life);

/// How a handler comes to its name.
enum class Part : std::uint8_t {
  owner,      ///< registers it; in a storm with a canary stands beside who has it already
  member,     ///< joins the group
  canary,     ///< stands on trial; serves like the others when there is nobody to stand beside
  successor,  ///< takes over from the process that has it, within a while
  enforcer,   ///< the same, and kills one that does not give way
  heir,       ///< waits until nobody has it
};

struct Post {
  unsigned name = 0;    ///< number of the name
  unsigned number = 0;  ///< of all posts
  Part part = Part::owner;
};

/// Exit code of a successor that was not given its slot in time.
inline constexpr int not_given = 20;

/// Serves until SIGTERM, or until it was replaced.
int serve_for_ever(const Role& role, const Post& post);
/// Changes once which callers the canary gets. May fail: there need not be one.
int change_route(const Role& role, unsigned name);

inline std::string name_of(unsigned which) { return "run." + std::to_string(which); }

}  // namespace shmbus::torture
