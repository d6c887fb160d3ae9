// The counters of a name that several servers run. A name's counters in the segment have one
// writer; a member of a group counts in its own memory, and adds that to them now and then.
// Nobody's next command waits for a line that another member writes, and what a kill loses is a
// tenth of a second of counting.
#pragma once

#include <cstdint>

#include "layout/stats.hpp"

namespace shmbus::serve {

struct SharedCounts {
  explicit SharedCounts(std::uint32_t of) noexcept : record(of) {}

  void add_to(layout::NameStats& all) noexcept {
    move(mine.commands, all.commands);
    move(mine.errors, all.errors);
    move(mine.expired, all.expired);
    move(mine.bytes_in, all.bytes_in);
    move(mine.bytes_out, all.bytes_out);
    if (move(mine.sampled, all.sampled) == 0) return;  // what was queued waits for the next time
    for (std::size_t i = 0; i < layout::histogram_buckets; ++i) {
      move(mine.service_ns.bucket[i], all.service_ns.bucket[i]);
      move(mine.queue_ns.bucket[i], all.queue_ns.bucket[i]);
    }
  }

  std::uint32_t record;
  layout::NameStats mine{};

 private:
  static std::uint64_t move(layout::Word64& from, layout::Word64& to) noexcept {
    const std::uint64_t count = from.load(std::memory_order_relaxed);
    if (count == 0) return 0;
    from.store(0, std::memory_order_relaxed);
    to.fetch_add(count, std::memory_order_relaxed);
    return count;
  }
};

}  // namespace shmbus::serve
