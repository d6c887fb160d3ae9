// A pointer, deep inside the reply.
// expect: this member cannot live in shared memory
// expect: user.find
// expect: Link
// expect: next
#include <shmbus/shmbus.hpp>

struct Link {
  std::uint32_t value;
  const Link* next;
};
struct Found {
  std::uint64_t id;
  Link first;
};
shmbus::CommandName name() { return shmbus::Command<"user.find", std::uint64_t, Found>::name; }
