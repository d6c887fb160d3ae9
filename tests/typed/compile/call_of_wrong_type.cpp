// A call with another request.
// expect: Order
// expect: Request
#include <shmbus/shmbus.hpp>

struct User {
  std::uint64_t id;
};
struct Order {
  std::uint64_t id;
};
void wrong(shmbus::Caller<shmbus::Command<"user.create", User>>& create) {
  (void)create.call(Order{1});
}
