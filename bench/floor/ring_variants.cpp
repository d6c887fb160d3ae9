// floor.ring.variant.*: what each property of a lane costs or brings by itself, one-way, between
// two processes. Every message is one line: a word that may be the flag, a word that may name the
// next slot, and 48 bytes of payload, written and read in full.
//
//   index      the consumer reads how far the producer is from a line that both share
//   flag       each slot says by itself that it is full
//   reads      the producer reads a slot before it fills it again
//   stores     the consumer writes a word of each slot that it has read
//   draws      each side asks ahead for the lines that it will write
//   hint       a flag, and an index that is looked at first
//   linked     the slot says where the next message will be, as the cells of a lane do
//   expected   linked, but the neighbour's line is asked for meanwhile
//   cursor     the consumer stores before each message which it is
//
// A lane is flag, reads, stores, draws, expected and cursor.

#include <atomic>
#include <cstdint>
#include <string>

#include "harness/clock.hpp"
#include "harness/link.hpp"
#include "peers/ring_pair.hpp"
#include "suites.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 48;

enum class Found { by_index, by_flag, by_hint_and_flag };
enum class Next { neighbour, linked, expected };

struct Shape {
  std::uint32_t slots = 256;
  Found found = Found::by_index;
  Next next = Next::neighbour;
  bool reads = false;
  bool stores = false;
  bool draws = false;
  bool cursor = false;
};

struct alignas(64) Slot {
  std::atomic<std::uint64_t> flag{0};
  std::atomic<std::uint64_t> next{0};
  std::byte payload[kBytes];
};
static_assert(sizeof(Slot) == 64);

struct alignas(128) Index {
  std::atomic<std::uint64_t> value{0};
};

template <Shape S>
class VariantRing {
  static_assert((S.slots & (S.slots - 1)) == 0, "slots are found by masking");

 public:
  template <class Fill>
  void send(Fill&& fill) {
    const std::uint64_t sequence = ++sent_;
    while (sequence - freed_seen_ > S.slots - 1) {
      freed_seen_ = freed_.value.load(std::memory_order_acquire);
      if (sequence - freed_seen_ > S.slots - 1) {
        spin_pause();
      }
    }
    Slot& slot = slot_of(sequence);
    if constexpr (S.reads) {
      seen_ += slot.flag.load(std::memory_order_relaxed);
    }
    fill(slot.payload);
    slot.next.store((sequence + 1) & kMask, std::memory_order_relaxed);
    if constexpr (S.found != Found::by_index) {
      slot.flag.store(sequence, std::memory_order_release);
    }
    if constexpr (S.found != Found::by_flag) {
      published_.value.store(sequence, std::memory_order_release);
    }
    if constexpr (S.draws) {
      __builtin_prefetch(&slot_of(sequence + kAheadOfProducer), 1, 3);
    }
  }

  template <class Read>
  void receive(Read&& read) {
    const std::uint64_t sequence = ++taken_;
    Slot& slot = S.next == Next::neighbour ? slot_of(sequence) : slots_[at_];
    if constexpr (S.next == Next::expected) {
      __builtin_prefetch(&slot_of(sequence + kAheadOfConsumer), 0, 3);
    }
    wait_for(slot, sequence);
    if constexpr (S.cursor) {
      cursor_.value.store(sequence, std::memory_order_relaxed);
    }
    at_ = slot.next.load(std::memory_order_relaxed) & kMask;
    read(static_cast<const std::byte*>(slot.payload));
    if constexpr (S.stores) {
      slot.next.store(0, std::memory_order_relaxed);
    }
    if constexpr (S.stores && S.draws) {
      __builtin_prefetch(&slot_of(sequence + kAheadOfConsumer), 1, 3);
    }
    if (sequence % kBetweenFrees == 0) {
      freed_.value.store(sequence, std::memory_order_release);
    }
  }

 private:
  static constexpr std::uint64_t kMask = S.slots - 1;
  static constexpr std::uint64_t kBetweenFrees = 8;
  static constexpr std::uint64_t kAheadOfProducer = 8;
  static constexpr std::uint64_t kAheadOfConsumer = 4;

  [[nodiscard]] Slot& slot_of(std::uint64_t sequence) noexcept { return slots_[sequence & kMask]; }

  void wait_for(const Slot& slot, std::uint64_t sequence) noexcept {
    if constexpr (S.found != Found::by_flag) {
      while (published_seen_ < sequence) {
        published_seen_ = published_.value.load(std::memory_order_acquire);
        if (published_seen_ < sequence) {
          spin_pause();
        }
      }
    }
    if constexpr (S.found != Found::by_index) {
      while (slot.flag.load(std::memory_order_acquire) != sequence) {
        spin_pause();
      }
    }
  }

  Index published_;
  Index freed_;
  Index cursor_;
  // The producer's own.
  alignas(128) std::uint64_t sent_ = 0;
  std::uint64_t freed_seen_ = 0;
  std::uint64_t seen_ = 0;
  // The consumer's own.
  alignas(128) std::uint64_t taken_ = 0;
  std::uint64_t published_seen_ = 0;
  std::uint64_t at_ = 1;
  alignas(128) Slot slots_[S.slots];
};

template <Shape S>
void add(Registry& registry, const char* name) {
  const std::string reference = "floor.ring.variant.index.256";
  const std::string full = std::string("floor.ring.variant.") + name;
  registry.add({.name = full,
                .payload = kBytes,
                .mode = "spin",
                .unit = Unit::per_second,
                .ratio_to = full == reference ? std::string() : reference,
                .tier = Tier::detail,
                .run_round = [](const RoundBudget& budget) {
                  return run_stream<kBytes, RingPairLink<VariantRing<S>>>(budget,
                                                                          Isolation::processes);
                }});
}

constexpr Shape kFlag{.found = Found::by_flag};
constexpr Shape kFlagStores{.found = Found::by_flag, .stores = true, .cursor = true};
constexpr Shape kLane{
    .found = Found::by_flag, .reads = true, .stores = true, .draws = true, .cursor = true};

constexpr Shape with(Shape shape, std::uint32_t slots, Next next = Next::neighbour) {
  shape.slots = slots;
  shape.next = next;
  return shape;
}

}  // namespace

void register_floor_ring_variants(Registry& registry) {
  add<Shape{}>(registry, "index.256");
  add<Shape{.slots = 1024}>(registry, "index.1024");
  add<Shape{.slots = 64}>(registry, "index.64");
  add<Shape{.reads = true}>(registry, "index_reads.256");
  add<Shape{.stores = true}>(registry, "index_stores.256");
  add<kFlag>(registry, "flag.256");
  add<Shape{.found = Found::by_flag, .reads = true}>(registry, "flag_reads.256");
  add<with(Shape{.found = Found::by_hint_and_flag, .cursor = true}, 256)>(registry, "hint.256");
  add<with(kFlagStores, 64)>(registry, "flag_stores.64");
  add<kFlagStores>(registry, "flag_stores.256");
  add<with(kFlagStores, 64, Next::linked)>(registry, "linked_flag_stores.64");
  add<with(kFlagStores, 256, Next::linked)>(registry, "linked_flag_stores.256");
  add<with(kFlagStores, 64, Next::expected)>(registry, "expected_flag_stores.64");
  add<with(kFlagStores, 256, Next::expected)>(registry, "expected_flag_stores.256");
  add<with(kLane, 64)>(registry, "lane.64");
  add<kLane>(registry, "lane.256");
  add<with(kLane, 64, Next::linked)>(registry, "linked_lane.64");
  add<with(kLane, 256, Next::linked)>(registry, "linked_lane.256");
  add<with(kLane, 64, Next::expected)>(registry, "expected_lane.64");
  add<with(kLane, 256, Next::expected)>(registry, "expected_lane.256");
}

}  // namespace shmbus::bench
