#include "greet.hpp"

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  auto bus = shmbus::Bus::open("hello");
  if (!bus) return failed(bus.error());
  auto greet = bus->caller<Greet>({.when_vacant = shmbus::WhenVacant::wait});  // start in any order
  if (!greet) return failed(greet.error());
  const auto name = shmbus::String<32>::make(argc > 1 ? argv[1] : "world");
  if (!name) return failed(name.error());  // it does not fit
  const auto greeting = greet->call({.name = *name}, 2s);
  if (!greeting) return failed(greeting.error());  // one of 19 kinds
  std::cout << greeting->view() << '\n';
}
