// A handler that returns what is neither a Status nor a Reply.
// expect: this handler does not fit its Command
// expect: user.create
// expect: Row
#include <shmbus/shmbus.hpp>

struct User {
  std::uint64_t id;
};
struct Row {
  std::uint64_t number;
};
using Create = shmbus::Command<"user.create", User, Row>;

struct Unrelated {};

void wrong(shmbus::Server& server) {
  (void)server.on<Create>([](const User&) { return Unrelated{}; });
}
