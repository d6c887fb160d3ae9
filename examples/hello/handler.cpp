#include "greet.hpp"

int main() {
  auto bus = shmbus::Bus::open("hello");  // creates the bus when there is none
  if (!bus) return failed(bus.error());
  auto server = bus->serve();
  if (!server) return failed(server.error());
  auto added = server->on<Greet>([](const Person& person, shmbus::String<64>& greeting) {
    greeting = std::string_view("hello, " + std::string(person.name.view()));
  });
  if (!added) return failed(added.error());
  auto stop = shmbus::stop_on_signals();  // SIGTERM and SIGINT; killed, it leaves nothing either
  if (!stop) return failed(stop.error());
  if (auto ended = server->run(stop->token()); !ended) return failed(ended.error());
}
