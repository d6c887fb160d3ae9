// What this process registered, by index of the name record. An owner runs a command only if it
// finds its name here: the name table can be scribbled over, this cannot.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "layout/stats.hpp"
#include "shmbus/server.hpp"

namespace shmbus::serve {

class HandlerTable {
 public:
  struct Entry {
    detail::Handler handler;
    layout::NameStats* stats = nullptr;  ///< where its runs are counted
  };

  explicit HandlerTable(std::uint32_t names) : entries_(names) { removed_.reserve(names); }

  [[nodiscard]] const Entry* find(std::uint32_t record) const noexcept {
    if (record >= entries_.size() || !entries_[record].handler) return nullptr;
    return &entries_[record];
  }
  void set(std::uint32_t record, detail::Handler handler, layout::NameStats& stats) noexcept {
    entries_[record] = {std::move(handler), &stats};
  }
  /// A handler may remove itself while it runs: it lives on until drop_removed().
  void clear(std::uint32_t record) {
    removed_.push_back(std::exchange(entries_[record].handler, {}));
  }
  /// One that never ran.
  void withdraw(std::uint32_t record) noexcept { entries_[record].handler = {}; }
  void drop_removed() noexcept {
    if (!removed_.empty()) removed_.clear();
  }
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(entries_.size());
  }

 private:
  std::vector<Entry> entries_;
  std::vector<detail::Handler> removed_;
};

}  // namespace shmbus::serve
