// The spool's file: commands that were accepted, dead letters, types, and how far outboxes were
// carried. One SQLite database in WAL mode, written with full synchronisation.
//
// What a crash leaves
//   killed anywhere        what commit() returned for is there; of a transaction that was under
//   way,
//                          all or nothing
//   power lost             the same
//   cut, scribbled over    open() refuses a file that SQLite finds damaged. A row whose checksum
//                          does not fit its content is never delivered.
//
// The file is opened by one connection of one process: PRAGMA locking_mode=EXCLUSIVE keeps others
// away, and with it no shared memory beside the file is needed. (Two connections that write and
// checkpoint at once can damage a WAL database of SQLite before 3.51.3.)
//
// Threads   One.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shmbus/spool/durable.hpp"
#include "spool/sqlite.hpp"

namespace shmbus::spool {

enum class State : std::uint8_t { waiting = 0, dead = 1 };

/// What is stored of a command. The views belong to whoever made it.
struct NewCommand {
  DurableId id;
  std::string_view name;
  std::string_view key;
  std::uint64_t type_hash = 0;
  std::span<const std::byte> body;
};

struct StoredCommand {
  std::int64_t sequence = 0;
  DurableId id;
  std::string name;
  std::string key;
  std::uint64_t type_hash = 0;
  std::vector<std::byte> body;
  std::int64_t created_ms = 0;  ///< by the wall clock, for people
  std::int64_t clock_ms = 0;    ///< by Store::clock_ms(), when it was accepted
  std::uint32_t attempts = 0;
  State state = State::waiting;
  std::string cause;   ///< of a dead letter
  bool sound = false;  ///< its checksum fits
};

/// The same without what is long, for loading all of them.
struct CommandHead {
  std::int64_t sequence = 0;
  std::string_view name;
  std::string_view key;
  std::uint64_t type_hash = 0;
  std::int64_t clock_ms = 0;
  std::uint32_t attempts = 0;
  State state = State::waiting;
  std::uint64_t bytes = 0;
};

struct StoredTypes {
  std::string text;
  std::uint32_t request_bytes = 0;
  std::uint32_t reply_bytes = 0;
};

struct Totals {
  std::uint64_t waiting = 0;
  std::uint64_t dead = 0;
  std::uint64_t bytes = 0;  ///< of both, as bytes_of() counts
};

/// What a command counts for the limit of bytes: its parts, and what a row costs beside them.
constexpr std::uint64_t bytes_of(std::size_t name, std::size_t key, std::size_t body) noexcept {
  return name + key + body + 120;
}

class Store {
 public:
  struct Options {
    std::string vfs;                    ///< of SQLite; empty: the default one
    bool create = true;                 ///< a file that is missing
    std::int64_t wal_bytes = 16 << 20;  ///< the WAL is cut to this after a checkpoint
  };
  /// corrupted: the file is damaged or is none of ours, and was left as it is; overloaded: another
  /// process has it open, or the disk is full.
  static Result<std::unique_ptr<Store>> open(const std::string& path, const Options& options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  /// Begins a transaction unless there is one. What follows is part of it, up to commit().
  Result<void> begin();
  /// Returns when it is on the disk. After an error nothing of the transaction is there, except
  /// after bus_unusable: then it may be, and the store must be opened anew.
  Result<void> commit();
  void roll_back() noexcept;
  [[nodiscard]] bool in_transaction() const noexcept { return begun_; }

  /// Its sequence number; nothing, if a command with that id is there already.
  Result<std::optional<std::int64_t>> insert(const NewCommand& command);
  Result<void> remember_types(std::uint64_t hash, const StoredTypes& types);
  Result<void> erase(std::int64_t sequence);
  Result<void> set_attempts(std::int64_t sequence, std::uint32_t attempts);
  Result<void> bury(std::int64_t sequence, std::uint32_t attempts, std::string_view cause);
  /// A dead letter waits again, with its attempts forgotten.
  Result<void> revive(std::int64_t sequence);
  /// How far an outbox was carried; set in the transaction that has its commands.
  Result<void> set_carried(std::string_view source, std::int64_t number);
  Result<std::int64_t> carried(std::string_view source);

  Result<std::optional<StoredCommand>> read(std::int64_t sequence);
  Result<std::optional<StoredTypes>> types(std::uint64_t hash);
  Result<void> each(const std::function<void(const CommandHead&)>& tell);
  /// Up to `most` of that state with a number above `after`, in their order.
  Result<std::vector<StoredCommand>> list(State state, std::string_view name, std::int64_t after,
                                          std::uint32_t most);

  /// As `row` has it: columns as list() selects them.
  static StoredCommand row(const Statement& row);
  /// For repairs: with the number, times and state that it had.
  Result<void> insert_as_is(const StoredCommand& command);

  /// As of the last commit.
  [[nodiscard]] const Totals& totals() const noexcept { return totals_; }
  /// As they will be with what is in the transaction.
  [[nodiscard]] const Totals& totals_then() const noexcept { return then_; }
  /// Milliseconds for which this spool has run, over all its lives. Goes on evenly whatever
  /// happens to the wall clock.
  [[nodiscard]] std::int64_t clock_ms() const noexcept;
  /// How much of it a kill would forget.
  [[nodiscard]] std::int64_t clock_unkept_ms() const noexcept;
  [[nodiscard]] std::uint64_t file_bytes() const noexcept;
  [[nodiscard]] std::uint64_t wal_bytes() const noexcept;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  Store() = default;
  Result<void> prepare();
  Result<void> load();
  Result<void> keep_clock();

  std::string path_;
  Database db_;
  Statement begin_, commit_, insert_, erase_, size_of_, attempts_, bury_, revive_, read_;
  Statement types_in_, types_out_, carried_in_, carried_out_, list_, clock_in_;
  Totals totals_, then_;
  std::int64_t next_ = 1;
  std::int64_t clock_base_ms_ = 0;
  std::int64_t clock_kept_ms_ = 0;
  std::uint64_t started_ns_ = 0;
  bool begun_ = false;
};

}  // namespace shmbus::spool
