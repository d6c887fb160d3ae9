// Calls the commands of users.yaml.
//   example_users_caller [BUS]
#include <iostream>
#include <shmbus/shmbus.hpp>

#include "report.hpp"
#include "users.hpp"

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  auto create = bus->caller<users::UserCreate>({.when_vacant = shmbus::WhenVacant::wait});
  if (!create) return report(create.error());

  users::NewUser ann;
  if (!ann.email.assign("ann@example.org")) return 1;
  ann.plan = users::Plan::paid;
  ann.nick = "ann";
  const auto user = create->call(ann, 5s);
  if (!user) return report(user.error());
  std::cout << user->email.view() << " is user " << user->id << " since "
            << user->since.text().view();

  const auto again = create->call(ann, 5s);
  if (again || again.error().code != 409) return 1;
  std::cout << "; again: " << again.error().message.view() << '\n';
}
