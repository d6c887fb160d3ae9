// Which names a server has, with which types, for threads other than the one that serves: whoever
// exchanges a handler gets the error at once when it does not fit.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "shmbus/error.hpp"
#include "shmbus/schema.hpp"

namespace shmbus::serve {

class Roster {
 public:
  /// What an exchange is about to do, said under the lock: those that follow see its types.
  struct Exchange {
    std::uint64_t registration = 0;  ///< for is_current()
    bool new_types = false;          ///< compatible with the old ones, but not the same
  };

  /// May throw std::bad_alloc, as exchange() may.
  void enter(std::uint32_t record, const Schema& schema);
  void leave(std::uint32_t record) noexcept;
  /// The name was not given up since.
  [[nodiscard]] bool is_current(std::uint32_t record, std::uint64_t registration) const noexcept;

  /// Calls `post` in the order in which exchanges were allowed. not_registered, or type_mismatch
  /// with what differs; a handler of bytes fits every types and leaves them as they are.
  template <class Post>
  Result<void> exchange(std::uint32_t record, std::string_view name, const Schema& schema,
                        Post post) {
    const std::scoped_lock lock(mutex_);
    auto allowed = allow(record, name, schema);
    if (!allowed) return tl::unexpected<Error>(allowed.error());
    post(*allowed);
    if (allowed->new_types) keep(entries_.find(record)->second, schema);
    return {};
  }

 private:
  struct Entry {
    std::uint64_t registration = 0;
    std::uint64_t hash = 0;
    std::string text;
  };
  Result<Exchange> allow(std::uint32_t record, std::string_view name, const Schema& schema) const;
  static void keep(Entry& entry, const Schema& schema);

  mutable std::mutex mutex_;
  std::uint64_t registrations_ = 0;
  std::unordered_map<std::uint32_t, Entry> entries_;
};

}  // namespace shmbus::serve
