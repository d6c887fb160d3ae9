// Handler processes for tests of the public interface, and the bytes that go to and fro.
#pragma once

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "shmbus/shmbus.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

namespace shmbus::test {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
template <class T>
requires std::is_trivially_copyable_v<T> std::span<const std::byte> raw(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}
template <class T>
requires std::is_trivially_copyable_v<T> std::span<std::byte> raw(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}
template <class T>
T number_in(std::span<const std::byte> bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

/// Copies `bytes` into the reply.
inline Status answer(Context& context, std::span<const std::byte> bytes) {
  const auto memory = context.reply_buffer(bytes.size());
  if (!memory.empty()) std::memcpy(memory.data(), bytes.data(), bytes.size());
  return Status::ok();
}

using Setup = std::function<bool(Bus&, Server&)>;

/// The body of a handler process: opens the bus, registers by `setup`, runs until it is killed.
inline int serve_for_ever(const std::string& path, const Setup& setup,
                          const ServeOptions& options = {.label = "handler"},
                          const OpenOptions& opening = {.label = "handler process"}) {
  auto bus = Bus::open(path, opening);
  if (!bus) return 10;
  auto server = bus->serve(options);
  if (!server) return 11;
  if (!setup(*bus, *server)) return 12;
  return server->run({}) ? 0 : 13;
}

inline Child handler_process(const std::string& path, const Setup& setup,
                             const ServeOptions& options = {.label = "handler"},
                             const OpenOptions& opening = {.label = "handler process"}) {
  return Child([&] { return serve_for_ever(path, setup, options, opening); });
}

/// Registers handlers of bytes.
struct Named {
  std::string name;
  std::function<Status(Context&)> run;
};
inline Setup handlers(std::vector<Named> all) {
  return [all = std::move(all)](Bus&, Server& server) {
    for (const auto& one : all) {
      if (!server.on(one.name, one.run)) return false;
    }
    return true;
  };
}

/// The test's own bus, open, once `name` is served there.
inline Bus open_when_served(const std::string& path, const std::string& name,
                            const OpenOptions& opening = {.label = "test"}) {
  auto bus = Bus::open(path, opening);
  if (!bus) FAIL(describe(bus.error()));
  const auto ready = bus->wait_until_available(name, 10s);
  if (!ready) FAIL(describe(ready.error()));
  return std::move(*bus);
}
inline RawCaller caller_of(Bus& bus, const std::string& name, const CallerOptions& options = {}) {
  auto caller = bus.caller(name, options);
  if (!caller) FAIL(describe(caller.error()));
  return std::move(*caller);
}

/// Milliseconds since it was made.
class Stopwatch {
 public:
  [[nodiscard]] double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace shmbus::test
