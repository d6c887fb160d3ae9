// Any bytes behind the words of a topic with a publisher and two subscribers: those that were there
// before and those that come go on, or are told an error.
//
// The input is a list of stores: {where 4, what 4} each, at words of topics, broadcast lanes, their
// words and their memory. Between two of them somebody takes a step.
#include <cstring>

#include "inspect/doctor.hpp"
#include "inspect/reader.hpp"
#include "memory_bus.hpp"
#include "session/core.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

/// A new bus needs a name.
class TempFile {
 public:
  TempFile() : path_("/dev/shm/shmbus-fuzz-events." + std::to_string(::getpid())) { remove(); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() { remove(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void remove() const { (void)::unlink(path_.c_str()); }
  std::string path_;
};

struct Region {
  std::byte* begin;
  std::uint64_t bytes;
};

/// One store, in one of the regions that events live in.
void spoil(const segment::View& view, std::uint32_t where, std::uint32_t what) {
  const auto& g = view.geometry();
  const auto at = [&](const layout::Region& region) {
    std::byte* const base = view.extents() - g.extents.offset;
    return Region{base + region.offset, region.end() - region.offset};
  };
  const Region regions[] = {at(g.topics), at(g.broadcast_words), at(g.broadcasts), at(g.extents),
                            at(g.extent_words)};
  const Region& region = regions[where % std::size(regions)];
  const std::uint64_t word = (where / std::size(regions)) % (region.bytes / 4);
  // As another process would: whole words, whatever else goes on.
  reinterpret_cast<layout::Word32*>(region.begin)[word].store(what);
}

void read_a_little(RawSubscriber& in) {
  for (int i = 0; i < 3; ++i) {
    const auto event = in.next(0ns);
    if (!event) return;
    unsigned sum = 0;
    for (const std::byte byte : event->bytes()) sum += std::to_integer<unsigned>(byte);
    volatile const unsigned all = sum;
    (void)all;
  }
}

void step(Bus& bus, RawPublisher& out, RawSubscriber& skips, RawSubscriber& holds, unsigned which) {
  const std::byte event[40] = {};
  switch (which % 4) {
    case 0:
      for (int i = 0; i < 40; ++i) (void)out.publish(event, 0ns);
      break;
    case 1:
      read_a_little(skips);
      break;
    case 2:
      read_a_little(holds);
      break;
    default:
      if (auto late = bus.subscribe("tick", {.from = From::oldest})) read_a_little(*late);
      if (auto next = bus.publisher("tick", {.event_bytes = 100})) (void)next->publish(event, 0ns);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const TempFile file;
  auto options = fuzz::tiny_bus();
  options.capacities.broadcasts = 3;
  options.create = true;
  auto bus = Bus::open(file.path(), options);
  auto core = detail::BusCore::open(file.path(), {options, false});
  if (!core || !bus) return 0;
  auto out = bus->publisher("tick", {.event_bytes = 100});
  auto skips = bus->subscribe("tick");
  auto holds = bus->subscribe("tick", {.when_slow = WhenSlow::hold});
  if (!out || !skips || !holds) return 0;
  for (std::size_t i = 0; i + 8 <= size && i < 64 * 8; i += 8) {
    std::uint32_t store[2];
    std::memcpy(store, data + i, sizeof store);
    spoil((*core)->view(), store[0], store[1]);
    step(*bus, *out, *skips, *holds, store[0] >> 24U);
  }
  if (const auto reader = inspect::Reader::open(file.path())) (void)inspect::examine(*reader);
  (void)bus->reclaim();
  return 0;
}
