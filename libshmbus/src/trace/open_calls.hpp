// The spans of calls that were started and are waited for later, by the cell of their lane. Memory
// for it is taken when the first is started.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>

#include "trace/spans.hpp"

namespace shmbus::trace {

class OpenCalls {
 public:
  struct Open {
    CallSpan span;
    CommandId command;
  };

  /// False without memory: the span is not recorded.
  bool put(std::uint32_t cell, std::uint32_t cells, const Open& open) noexcept {
    if (!by_cell_) by_cell_.reset(new (std::nothrow) Open[cells]);  // NOLINT: may fail
    if (!by_cell_) return false;
    by_cell_[cell] = open;
    return true;
  }
  /// REQUIRES: put(cell) was true.
  [[nodiscard]] const Open& at(std::uint32_t cell) const noexcept { return by_cell_[cell]; }

 private:
  std::unique_ptr<Open[]> by_cell_;  // NOLINT: an array that may fail to be made
};

}  // namespace shmbus::trace
