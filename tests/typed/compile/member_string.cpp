// A member that owns memory of one process.
// expect: this member cannot live in shared memory
// expect: user.create
// expect: email
// expect: basic_string
#include <shmbus/shmbus.hpp>
#include <string>

struct User {
  std::uint64_t id;
  std::string email;
};
shmbus::CommandName name() { return shmbus::Command<"user.create", User>::name; }
