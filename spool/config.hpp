// What a spool is configured with. Checked whole before anything takes effect; what is wrong is
// said with its line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shmbus/error.hpp"
#include "shmbus/options.hpp"

namespace shmbus::spool {

struct Limits {
  std::uint64_t bytes = std::uint64_t{256} << 20U;      ///< of commands in the spool, dead ones too
  std::uint64_t commands = 250'000;                     ///< each takes some 50 bytes of memory
  std::uint64_t free_bytes = std::uint64_t{64} << 20U;  ///< that stay free on its disk
  std::uint64_t body_bytes = std::uint64_t{1} << 20U;   ///< of one request
  Duration age{std::chrono::hours(24 * 7)};             ///< then a command becomes a dead letter
};

struct Retry {
  Duration first{std::chrono::milliseconds(100)};
  Duration most{std::chrono::minutes(1)};
  std::uint32_t attempts = 20;  ///< that may have run; 0: until its age is over
  bool rejected = false;        ///< a handler's refusal is tried again too
};

struct Delivery {
  Duration timeout{std::chrono::seconds(10)};  ///< of one attempt
  std::uint32_t concurrent = 32;               ///< commands without a key under way, of one name
  bool dead_blocks_key = false;                ///< what follows waits for the operator
};

/// A member of the request, compared with what stands in the rule.
struct Condition {
  enum class Is : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };
  std::string member;  ///< "level", "reading.level"
  Is is = Is::equal;
  std::string text;
  std::optional<double> number;  ///< `text` as one
  bool flag = false;             ///< `text` is true or false
  friend bool operator==(const Condition&, const Condition&) = default;
};

/// What is done with a command that fits. Actions of one rule are all done; the first rule that
/// fits is the last that is looked at, unless it says `go_on`.
struct Rule {
  int line = 0;
  std::string name;  ///< a pattern; '*' stands for any characters
  std::vector<Condition> members;
  std::string call;        ///< this command at once, not durable, with the same request
  std::string event;       ///< published with the same bytes
  std::string rename;      ///< stored under this name
  bool drop = false;       ///< answered as stored, and forgotten
  bool keep_last = false;  ///< of those that wait with its name and key, it alone stays
  bool go_on = false;
  friend bool operator==(const Rule&, const Rule&) = default;
};

struct Config {
  std::string bus;
  std::int64_t trust = trust_own_and_root;
  std::string file;
  std::string metrics;  ///< ADDRESS:PORT or unix:PATH; empty: none
  Limits limits;
  Retry retry;
  Delivery delivery;
  std::vector<std::string> outboxes;  ///< SQLite databases with a table shmbus_outbox
  Duration outbox_poll{std::chrono::milliseconds(100)};
  std::vector<Rule> rules;
};

/// Nothing, when a line was added to `problems`: "spool.yaml:7: ...".
std::optional<Config> parse_config(const std::string& text, const std::string& source,
                                   std::vector<std::string>& problems);
std::optional<Config> read_config(const std::string& path, std::vector<std::string>& problems);

/// A pattern of names; '*' stands for any characters, also none.
bool matches(std::string_view pattern, std::string_view name) noexcept;

}  // namespace shmbus::spool
