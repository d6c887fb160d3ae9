// Where in a value something is: a chain through the stack of the function that follows it, read
// only when there is an error to report.
#pragma once

#include <cstddef>
#include <string_view>

#include "codec/message.hpp"

namespace shmbus::codec {

struct Place {
  const Place* around = nullptr;
  std::string_view name;  ///< of a member; of the root
  std::size_t index = 0;  ///< of an element, when it has no name

  void put(Message& message) const noexcept {
    if (around == nullptr) {
      message.put(name);
      return;
    }
    around->put(message);
    if (name.empty()) {
      message.put("[").put(index).put("]");
    } else {
      message.put(".").foreign(name);
    }
  }
};

}  // namespace shmbus::codec
