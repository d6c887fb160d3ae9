// What this process registered, by index of the name record. An owner runs a command only if it
// finds its name here: the name table can be scribbled over, this cannot.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "layout/stats.hpp"
#include "serve/swap_state.hpp"
#include "shmbus/server.hpp"

namespace shmbus::serve {

/// Holds a handler that has left the table until everything that it deferred is answered. The last
/// to let go destroys it: the table, or the process that gives the last answer.
struct HandlerLife {
  HandlerLife() noexcept = default;
  HandlerLife(const HandlerLife&) = delete;
  HandlerLife& operator=(const HandlerLife&) = delete;
  ~HandlerLife() {
    { const detail::Handler last = std::move(handler); }
    if (swap) swap->move_to(SwapStage::gone);
  }

  detail::Handler handler;
  std::shared_ptr<detail::SwapState> swap;  ///< if it was exchanged
};

class HandlerTable {
 public:
  struct Entry {
    detail::Handler handler;
    layout::NameStats* stats = nullptr;  ///< where its runs are counted
  };

  explicit HandlerTable(std::uint32_t names) : entries_(names), lives_(names) {
    removed_.reserve(names);
  }

  [[nodiscard]] const Entry* find(std::uint32_t record) const noexcept {
    if (record >= entries_.size() || !entries_[record].handler) return nullptr;
    return &entries_[record];
  }
  void set(std::uint32_t record, detail::Handler handler, layout::NameStats& stats) noexcept {
    entries_[record] = {std::move(handler), &stats};
  }
  /// For a command that the handler defers: it lives until the command is answered. May throw.
  std::shared_ptr<HandlerLife> life(std::uint32_t record) {
    if (find(record) == nullptr) return nullptr;
    if (!lives_[record]) lives_[record] = std::make_shared<HandlerLife>();
    return lives_[record];
  }
  /// life() would ask for no memory.
  [[nodiscard]] bool has_life(std::uint32_t record) const noexcept {
    return find(record) == nullptr || lives_[record] != nullptr;
  }
  /// REQUIRES: has_life(record), find(record)
  [[nodiscard]] const std::shared_ptr<HandlerLife>& known_life(
      std::uint32_t record) const noexcept {
    return lives_[record];
  }
  /// Between two commands. REQUIRES: find(record)
  void replace(std::uint32_t record, detail::Handler handler,
               std::shared_ptr<detail::SwapState> swap) noexcept {
    detail::Handler old = std::exchange(entries_[record].handler, std::move(handler));
    swap->move_to(SwapStage::installed);
    if (const auto life = std::exchange(lives_[record], nullptr)) {
      life->handler = std::move(old);
      life->swap = std::move(swap);
    } else {
      { const detail::Handler last = std::move(old); }
      swap->move_to(SwapStage::gone);
    }
  }
  /// A handler may remove itself while it runs: it lives on until drop_removed().
  void clear(std::uint32_t record) {
    auto& handler = entries_[record].handler;
    auto life = std::exchange(lives_[record], nullptr);
    if (life) life->handler = std::exchange(handler, {});
    removed_.emplace_back(std::exchange(handler, {}), std::move(life));
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
  /// Made when a handler first defers. Beside the entries: those are read for every command.
  std::vector<std::shared_ptr<HandlerLife>> lives_;
  std::vector<std::pair<detail::Handler, std::shared_ptr<HandlerLife>>> removed_;
};

}  // namespace shmbus::serve
