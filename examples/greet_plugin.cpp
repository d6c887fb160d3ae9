// The handler of `greet` as a plug-in: shmbus host greet_plugin.so. It includes the headers and
// links nothing of the library. Built twice, so that there is another one to reload.
#include <shmbus/plugin.hpp>
#include <string>

#include "greet.hpp"

#ifndef GREETING
#define GREETING "hello, "
#define GREETING_VERSION "1.0"
#endif

class Greeter {
 public:
  /// Adds the commands. It runs in a process of its own first: commands.trial() is true there.
  bool init(shmbus::plugin::Commands& commands) {
    return commands.add<Greet>([](const Person& person, shmbus::String<64>& greeting) {
      greeting = shmbus::String<64>::truncate(GREETING + std::string(person.name.view()));
    });
  }
  /// Asked after init, before it may serve.
  bool probe() { return true; }
};
SHMBUS_PLUGIN(Greeter, "greeter", GREETING_VERSION)
