// What a server that was replaced still owes at one endpoint: answers that its handlers deferred.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "layout/words.hpp"

namespace shmbus::serve {

struct PendingReplies {
  std::uint32_t endpoint = 0;
  layout::DrainingWord word;
  std::vector<std::shared_ptr<std::atomic<std::uint32_t>>> lanes;  ///< answers owed, by lane

  [[nodiscard]] bool all_answered() const noexcept {
    return std::all_of(lanes.begin(), lanes.end(), [](const auto& owed) {
      return owed->load(std::memory_order_acquire) == 0;  // SYNC deferred
    });
  }
};

}  // namespace shmbus::serve
