// What this process registered, by index of the name record. An owner runs a command only if it
// finds its name here: the name table can be scribbled over, this cannot.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "shmbus/server.hpp"

namespace shmbus::serve {

class HandlerTable {
 public:
  explicit HandlerTable(std::uint32_t names) : handlers_(names) {}

  [[nodiscard]] const detail::Handler* find(std::uint32_t record) const noexcept {
    return record < handlers_.size() ? handlers_[record].get() : nullptr;
  }
  void set(std::uint32_t record, std::unique_ptr<detail::Handler> handler) noexcept {
    handlers_[record] = std::move(handler);
  }
  void clear(std::uint32_t record) noexcept { handlers_[record].reset(); }
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(handlers_.size());
  }

 private:
  std::vector<std::unique_ptr<detail::Handler>> handlers_;
};

}  // namespace shmbus::serve
