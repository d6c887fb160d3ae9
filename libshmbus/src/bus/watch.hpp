// What stands behind NameWatch: the binding under which each name was last told of, and whose it
// was. A look at all names is a load of each binding word, and one question to the kernel for each
// endpoint that has an owner. An endpoint that is taken over keeps its binding: only its holder
// tells.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "os/fd_bridge.hpp"
#include "session/core.hpp"
#include "shmbus/command.hpp"
#include "shmbus/name_watch.hpp"

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
  struct Served {
    std::uint64_t binding = vacant;  ///< under which the name has a live handler, or vacant
    layout::ParticipantId holder;    ///< of the endpoint; nobody when it went in this very moment
  };
  struct Name {
    std::string text;  ///< empty when all names are watched
    std::uint32_t record = 0;
    bool known = false;           ///< in the table: it stays there
    Served told{never_told, {}};  ///< how it was when it was last told of
  };
  enum class News : std::uint8_t { none, came_or_went, changed_hands, taken_over };

  void recover_endpoints() noexcept;
  [[nodiscard]] Served serving(Name& name) noexcept;
  [[nodiscard]] static News news_of(const Name& name, const Served& now) noexcept;
  [[nodiscard]] bool anything_new() noexcept;
  void tell_one(Name& name, const Served& now, Tell tell, void* user, std::size_t& told) noexcept;
  [[nodiscard]] NameChange describe(const Name& name, const Served& now) const noexcept;

  std::shared_ptr<BusCore> bus_;
  std::vector<Name> names_;
  bool all_;
  std::unique_ptr<wait::FdBridge> bridge_;
};

}  // namespace shmbus::detail
