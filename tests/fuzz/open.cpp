// Any bytes as the file of a bus: the tool looks at it, a program joins it and tries to work.
#include <cstring>

#include "inspect/doctor.hpp"
#include "layout/header.hpp"
#include "memory_bus.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

/// A sound header is enough: zeros behind it are an empty bus. Large ones would only cost time.
void complete(const fuzz::MemoryFile& file, std::span<const std::uint8_t> bytes) {
  constexpr std::uint64_t bytes_max = std::uint64_t{1} << 20;
  layout::Header header{};
  if (bytes.size() < sizeof header) return;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.segment_bytes > bytes.size() && header.segment_bytes <= bytes_max) {
    file.grow(header.segment_bytes);
  }
}

void join(const std::string& path) {
  auto bus = Bus::open(path, fuzz::tiny_bus());
  if (!bus) return;
  auto server = bus->serve();
  if (server) (void)server->on("a", [](Context&) { return Status::ok(); });
  auto caller = bus->caller("a");
  if (!server || !caller) return;
  auto pending = caller->start({}, 100, 1ms);
  (void)server->poll();
  if (pending) (void)pending->wait();
  (void)bus->reclaim();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file;
  file.fill({data, size});
  complete(file, {data, size});
  const auto report = inspect::look_at(file.path());
  if (report) (void)inspect::examine_file(*report);
  if (const auto reader = inspect::Reader::open(file.path())) {
    (void)inspect::examine(*reader);
  }
  join(file.path());
  return 0;
}
