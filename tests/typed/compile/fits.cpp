// Every shape of handler compiles, also without exceptions and RTTI.
#include <shmbus/shmbus.hpp>

using namespace shmbus;

struct User {
  std::uint64_t id;
  String<64> email;
};
struct Row {
  std::uint64_t number;
};
using Create = Command<"user.create", User, Row>;
using Ping = Command<"ping", Nothing>;
using Count = Command<"count", Nothing, std::uint64_t>;

struct Users {
  Status create(const User&, Row&, Context&) { return {}; }
  Row make(const User&) const { return {}; }
};
Row make(const User&) { return {}; }
void fill(const User&, Row&) {}

void all(Server& server, Users& users) {
  (void)server.on<Create>([](const User&, Row&) {});
  (void)server.on<Create>([](const User&, Row&, Context&) { return Status::ok(); });
  (void)server.on<Create>([](const User&) { return Row{}; });
  (void)server.on<Create>([](const User&) {});
  (void)server.on<Create>([](const User&, Context&) -> Result<Row> { return Row{}; });
  (void)server.on<Create>([](const User&, Deferred<Create> later) { (void)later.reply({}); });
  (void)server.on<Create>([](const User&, Deferred<Create>, Context&) {});
  (void)server.on<Create>(make);
  (void)server.on<Create>(&fill);
  (void)server.on<Create>(&Users::create, users);
  (void)server.on<Create>(&Users::make, users);
  (void)server.on<Ping>([] {});
  (void)server.on<Ping>([](const Nothing&) { return Status::ok(); });
  (void)server.on<Ping>([](Context&) {});
  (void)server.on<Count>([] { return 7U; });
  (void)server.on<Count>([](std::uint64_t& out) { out = 7; });
  (void)server.on<Count>([](Deferred<Count> later) { (void)later.reply(7); });
}
