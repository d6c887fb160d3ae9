// Calls a command through the installed library, handler and caller in one process.
// Usage: consumer <version that must be installed>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <shmbus/shmbus.hpp>
#include <shmbus/version.hpp>
#include <string>
#include <string_view>
#include <thread>

namespace {

struct Numbers {
  std::int64_t a;
  std::int64_t b;
};
using Add = shmbus::Command<"numbers.add", Numbers, std::int64_t>;

int failed(const char* what, const shmbus::Error& error) {
  const auto text = error.message.view();
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(text.size()), text.data());
  return 1;
}

int call_once(const std::string& path) {
  auto bus = shmbus::Bus::open(path);
  if (!bus) return failed("open", bus.error());
  auto server = bus->serve();
  if (!server) return failed("serve", server.error());
  auto added = server->on<Add>([](const Numbers& in) { return in.a + in.b; });
  if (!added) return failed("on", added.error());
  const std::jthread handler([&](const std::stop_token& stop) { (void)server->run(stop); });

  auto caller = bus->caller<Add>();
  if (!caller) return failed("caller", caller.error());
  const auto sum = caller->call({.a = 40, .b = 2});
  if (!sum) return failed("call", sum.error());
  std::printf("40 + 2 = %lld\n", static_cast<long long>(*sum));
  return *sum == 42 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || std::string_view(argv[1]) != SHMBUS_VERSION) {
    std::fprintf(stderr, "the installed version is %s\n", SHMBUS_VERSION);
    return 1;
  }
  const std::string path = "./consumer." + std::to_string(getpid()) + ".bus";
  const int result = call_once(path);
  std::remove(path.c_str());
  return result;
}
