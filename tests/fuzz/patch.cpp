// A sound bus with work under way, some of whose words are replaced: cells, journals, lane words,
// endpoints, tickets, names, extents, participants, statistics. An input is a list of such patches;
// then everybody goes on with what he was doing, newcomers join, and the doctor looks.
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

#include "inspect/doctor.hpp"
#include "memory_bus.hpp"
#include "segment/open.hpp"
#include "segment/view.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

struct Patch {
  std::uint8_t region;
  std::uint8_t how;
  std::uint16_t at;
  std::uint32_t low;
  std::uint32_t high;
};
static_assert(sizeof(Patch) == 12);

/// The bytes of a bus that nobody has used yet.
const std::vector<std::uint8_t>& sound_bus() {
  static const std::vector<std::uint8_t> bytes = [] {
    const std::string path = "/dev/shm/shmbus-fuzz." + std::to_string(::getpid());
    auto options = fuzz::tiny_bus();
    options.create = true;
    (void)Bus::open(path, options);
    std::ifstream file(path, std::ios::binary);
    std::vector<std::uint8_t> read{std::istreambuf_iterator<char>(file), {}};
    ::unlink(path.c_str());
    return read;
  }();
  return bytes;
}

class Patcher {
 public:
  explicit Patcher(const std::string& path) {
    auto file = segment::File::open({path, {}});
    segment::OpenFile opened;
    if (!file ||
        segment::examine(file->fd(), sound_bus().size(), opened) != segment::Condition::usable) {
      std::abort();
    }
    geometry_ = opened.geometry;
    bytes_ = geometry_.segment_bytes;
    base_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd(), 0);
    if (base_ == MAP_FAILED) std::abort();
  }
  Patcher(const Patcher&) = delete;
  Patcher& operator=(const Patcher&) = delete;
  ~Patcher() { ::munmap(base_, bytes_); }

  void apply(const Patch& patch) {
    const std::array regions = {
        geometry_.participants, geometry_.name_slots,   geometry_.name_records,
        geometry_.endpoints,    geometry_.inboxes,      geometry_.lane_words,
        geometry_.extent_words, geometry_.bus_events,   geometry_.lanes,
        geometry_.name_stats,   geometry_.lane_latency, geometry_.published_bus,
        geometry_.lanes,        geometry_.lanes};  // lanes more often: most of what matters is
                                                   // there
    const auto& region = regions[patch.region % regions.size()];
    const std::uint64_t words = region.bytes() / 8;
    auto* first = reinterpret_cast<layout::Word64*>(static_cast<std::byte*>(base_) + region.offset);
    auto& word = first[patch.at % words];
    const std::uint64_t value = patch.low | (std::uint64_t{patch.high} << 32U);
    switch (patch.how % 4) {
      case 0:
        word.store(value);
        break;
      case 1:
        word.fetch_xor(value);
        break;
      case 2:
        word.fetch_add(value);
        break;
      default:
        word.store(first[value % words].load());
    }
  }

 private:
  layout::Geometry geometry_;
  std::uint64_t bytes_ = 0;
  void* base_ = nullptr;
};

Status echo(Context& context) {
  (void)context.caller();
  (void)context.remaining();
  const auto to = context.reply_buffer(context.request().size());
  if (!to.empty()) std::memmove(to.data(), context.request().data(), to.size());
  return context.cancelled() ? Status::reject(1, "too late") : Status::ok();
}

/// Work under way on both sides, then the patches, then everybody goes on.
void scene(const std::string& path, std::span<const Patch> patches) {
  auto bus = Bus::open(path, fuzz::tiny_bus());
  if (!bus) {
    std::fprintf(stderr, "%s\n", std::string(bus.error().message.view()).c_str());
    std::abort();
  }
  const bool ordered = !patches.empty() && patches[0].how >= 128;
  auto server = bus->serve({.order = ordered ? Order::global : Order::per_caller});
  if (!server || !server->on("a", echo)) std::abort();
  auto caller = bus->caller("a", {.when_full = WhenFull::fail});
  const std::array<std::byte, 1500> large{};
  std::array<std::byte, 1500> room{};
  auto first = caller->start(large, large.size(), 200us);
  (void)server->poll();
  if (first) (void)first->wait();
  auto second = caller->start(large, large.size(), 200us);
  auto third = caller->start({}, 0, 200us);
  (void)caller->send({large.data(), 20});
  {
    Patcher patcher(path);
    for (const Patch& patch : patches) patcher.apply(patch);
  }
  (void)server->poll();
  (void)server->run_for(1us);
  if (second) (void)second->wait();
  if (third) third->cancel();
  (void)caller->call({}, room, 100us);
  (void)caller->flush();
  (void)bus->reclaim();
  if (const auto reader = inspect::Reader::open(path)) {
    (void)inspect::examine(*reader);
  }
  if (auto newcomer = Bus::open(path, fuzz::tiny_bus())) {
    auto heir = newcomer->serve();
    if (heir && heir->on("a", echo)) (void)heir->poll();
    if (heir) (void)heir->on("b", echo);
    auto again = newcomer->caller("a");
    if (again) (void)again->call({}, room, 100us);
  }
  (void)server->off("a");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file;
  file.fill(sound_bus());
  std::vector<Patch> patches(std::min<std::size_t>(size / sizeof(Patch), 64));
  if (!patches.empty()) std::memcpy(patches.data(), data, patches.size() * sizeof(Patch));
  scene(file.path(), patches);
  return 0;
}
