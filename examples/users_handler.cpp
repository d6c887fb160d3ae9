// Handles the commands of users.yaml, whose types the build made into users.hpp.
//   example_users_handler [BUS]
#include "users.hpp"

#include <shmbus/shmbus.hpp>
#include <vector>

#include "report.hpp"

class Users {
 public:
  shmbus::Result<users::User> create(const users::NewUser& wanted) {
    for (const auto& user : all_) {
      if (user.email == wanted.email.view()) {
        return shmbus::fail(shmbus::ErrorKind::rejected, "the address is known", 409);
      }
    }
    all_.push_back({.id = static_cast<std::int64_t>(all_.size()) + 1,
                    .email = wanted.email,
                    .plan = wanted.plan,
                    .since = *shmbus::Timestamp::parse("2026-11-22T08:30:00Z")});
    return all_.back();
  }
  [[nodiscard]] std::uint64_t count() const { return all_.size(); }

 private:
  std::vector<users::User> all_;
};

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  auto server = bus->serve({.label = "users"});
  if (!server) return report(server.error());
  Users all;
  auto added = server->on<users::UserCreate>(&Users::create, all);
  if (added) {
    added = server->on<users::UserCount>([&all](const shmbus::Nothing&) { return all.count(); });
  }
  if (!added) return report(added.error());
  auto stop = shmbus::stop_on_signals();
  if (!stop) return report(stop.error());
  if (auto ended = server->run(stop->token()); !ended) return report(ended.error());
}
