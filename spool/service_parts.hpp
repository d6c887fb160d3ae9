// What a Service keeps between taking a command and answering for it. For its own files.
#pragma once

#include "spool/service.hpp"

namespace shmbus::spool {

struct Service::Accepted {
  std::optional<Deferred<SpoolPut>> answer;  ///< none: it came out of an outbox
  Entry entry;
  std::string key;
  bool repeated = false;
  bool dropped = false;
  std::vector<std::int64_t> replaces;  ///< in the queue; erased in the same transaction
  std::vector<std::string> calls;
  std::vector<std::string> events;
  std::vector<std::byte> body;  ///< for calls and events
};

struct Service::Changed {
  std::optional<Deferred<SpoolChange>> answer;
  std::uint64_t count = 0;
  struct One {
    Entry entry;
    std::string key;
    bool was_dead = false;
    bool now_waits = false;
  };
  std::vector<One> ones;
};

Time now_ns() noexcept;

}  // namespace shmbus::spool
