// A handler of another request.
// expect: this handler does not fit its Command
// expect: user.create
// expect: HandlerFitsCommand
#include <shmbus/shmbus.hpp>

struct User {
  std::uint64_t id;
};
struct Order {
  std::uint64_t id;
};
using Create = shmbus::Command<"user.create", User>;

void wrong(shmbus::Server& server) {
  (void)server.on<Create>([](const Order&) {});
}
