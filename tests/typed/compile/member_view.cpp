// A view is trivially copyable, and points all the same.
// expect: this member cannot live in shared memory
// expect: log.write
// expect: line
// expect: basic_string_view
#include <shmbus/shmbus.hpp>

struct Entry {
  std::int32_t level;
  std::string_view line;
};
shmbus::CommandName name() { return shmbus::Command<"log.write", Entry>::name; }
