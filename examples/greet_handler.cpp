// The handler's side of the smallest program: greet_handler [BUS]
// [readme]
#include <string>

#include "greet.hpp"
#include "report.hpp"

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");  // creates it when there is none
  if (!bus) return report(bus.error());
  auto server = bus->serve();
  if (!server) return report(server.error());
  auto added = server->on<Greet>([](const Person& person, shmbus::String<64>& greeting) {
    greeting = std::string_view("hello, " + std::string(person.name.view()));
  });
  if (!added) return report(added.error());
  auto stop = shmbus::stop_on_signals();  // SIGTERM and SIGINT; killed, it leaves nothing either
  if (!stop) return report(stop.error());
  if (auto ended = server->run(stop->token()); !ended) return report(ended.error());
}
// [readme]
