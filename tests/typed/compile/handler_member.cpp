// A member function that changes the request.
// expect: this handler does not fit its Command
// expect: user.create
#include <shmbus/shmbus.hpp>

struct User {
  std::uint64_t id;
};
using Create = shmbus::Command<"user.create", User>;

struct Users {
  void create(User&) {}
};

void wrong(shmbus::Server& server, Users& users) { (void)server.on<Create>(&Users::create, users); }
