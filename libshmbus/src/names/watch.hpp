// What stands behind NameWatch: the binding under which each name was last told of. A look at all
// names is a load of each binding word, and one question to the kernel for each endpoint that has
// an owner.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bus/core.hpp"
#include "shmbus/command.hpp"
#include "shmbus/name_watch.hpp"
#include "wait/fd_bridge.hpp"

namespace shmbus::detail {

class NameWatchCore {
 public:
  using Tell = void (*)(void* user, const NameChange& change);

  /// Empty: all names of the bus. May throw std::bad_alloc.
  NameWatchCore(std::shared_ptr<BusCore> bus, std::vector<std::string> names);

  Result<std::size_t> poll(Tell tell, void* user) noexcept;
  Result<bool> wait(Duration timeout) noexcept;
  Result<int> fd();

 private:
  static constexpr std::uint64_t never_told = ~0ULL;
  static constexpr std::uint64_t vacant = 0;
  struct Name {
    std::string text;  ///< empty when all names are watched
    std::uint32_t record = 0;
    bool known = false;               ///< in the table: it stays there
    std::uint64_t told = never_told;  ///< the binding it was last told of, or vacant
  };

  /// Marks the endpoints whose owner is alive, recovering those whose owner is not.
  void look_at_endpoints() noexcept;
  /// The binding under which the name has a live handler, or vacant.
  [[nodiscard]] std::uint64_t serving(Name& name) noexcept;
  [[nodiscard]] bool anything_new() noexcept;
  void tell_one(Name& name, std::uint64_t now, Tell tell, void* user, std::size_t& told) noexcept;
  [[nodiscard]] NameChange describe(const Name& name, std::uint64_t binding) const noexcept;

  std::shared_ptr<BusCore> bus_;
  std::vector<Name> names_;
  std::vector<layout::ControlWord> controls_;  ///< of the endpoints, at the last look
  bool all_;
  std::unique_ptr<wait::FdBridge> bridge_;
};

}  // namespace shmbus::detail
