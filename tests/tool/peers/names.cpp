// peer_names BUS LOG NAME...: serves each of these names, whatever is in them, and writes the name
// of each command that it runs to LOG, a line each.
#include <cstdio>
#include <string>

#include "shmbus/shmbus.hpp"

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  auto bus = shmbus::Bus::open(argv[1], {.label = "names"});
  if (!bus) return 3;
  auto server = bus->serve({.label = "names"});
  if (!server) return 4;
  const std::string log = argv[2];
  for (int i = 3; i < argc; ++i) {
    const std::string name = argv[i];
    const auto added = server->on(name, [log, name](shmbus::Context&) {
      std::FILE* file = std::fopen(log.c_str(), "ae");
      if (file == nullptr) return shmbus::Status::reject(1, "no log");
      std::fprintf(file, "%s\n", name.c_str());
      (void)std::fclose(file);
      return shmbus::Status::ok();
    });
    if (!added) {
      std::fprintf(stderr, "%s: %s\n", name.c_str(),
                   std::string(added.error().message.view()).c_str());
      return 5;
    }
  }
  return server->run({}) ? 0 : 6;
}
