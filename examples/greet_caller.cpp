// The caller's side of the smallest program: greet_caller [BUS [NAME]]
// [readme]
#include <iostream>

#include "greet.hpp"
#include "report.hpp"

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  auto greet = bus->caller<Greet>({.when_vacant = shmbus::WhenVacant::wait});  // start in any order
  if (!greet) return report(greet.error());
  const auto name = shmbus::String<32>::make(argc > 2 ? argv[2] : "world");
  if (!name) return report(name.error());  // it does not fit
  const auto greeting = greet->call({.name = *name}, 2s);
  if (!greeting) return report(greeting.error());  // says which of 18 things happened
  std::cout << greeting->view() << '\n';
}
// [readme]
