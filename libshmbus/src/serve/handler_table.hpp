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
  explicit HandlerTable(std::uint32_t names) : handlers_(names) { removed_.reserve(names); }

  [[nodiscard]] const detail::Handler* find(std::uint32_t record) const noexcept {
    return record < handlers_.size() ? handlers_[record].get() : nullptr;
  }
  void set(std::uint32_t record, std::unique_ptr<detail::Handler> handler) noexcept {
    handlers_[record] = std::move(handler);
  }
  /// A handler may remove itself while it runs: it lives on until drop_removed().
  void clear(std::uint32_t record) { removed_.push_back(std::move(handlers_[record])); }
  void drop_removed() noexcept { removed_.clear(); }
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(handlers_.size());
  }

 private:
  std::vector<std::unique_ptr<detail::Handler>> handlers_;
  std::vector<std::unique_ptr<detail::Handler>> removed_;
};

}  // namespace shmbus::serve
