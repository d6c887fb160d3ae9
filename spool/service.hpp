// The spool while it runs: takes commands from the bus, stores them in transactions that many
// share, answers after the commit, delivers, and stores what became of it.
//
//   one round   commands that arrived -> a transaction
//               outcomes of attempts  -> the same transaction
//               commit: one write to the disk for all of them
//               answers to the senders; then attempts for what may be delivered now
//
// What a crash leaves, at each step: before the commit nothing, and the senders get an error that
// says "may have run"; after it the command, whether or not its sender was answered. An attempt
// whose outcome was not committed is made again, under the same id.
//
// Threads   One; metrics are read by another through a snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "codec/type.hpp"
#include "common/log.hpp"
#include "common/notify.hpp"
#include "shmbus/bus.hpp"
#include "spool/config.hpp"
#include "spool/deliverer.hpp"
#include "spool/queue.hpp"
#include "spool/rules.hpp"
#include "spool/store.hpp"

namespace shmbus::spool {

class Outboxes;

/// Since the program began.
struct Counters {
  std::uint64_t accepted = 0;
  std::uint64_t repeated = 0;  ///< accepted before, by their ids
  std::uint64_t refused = 0;   ///< no room
  std::uint64_t delivered = 0;
  std::uint64_t attempts_failed = 0;
  std::uint64_t buried = 0;
  std::uint64_t dropped_by_rule = 0;
  std::uint64_t replaced_by_rule = 0;
  std::uint64_t calls_by_rule = 0;
  std::uint64_t calls_by_rule_failed = 0;
  std::uint64_t events_by_rule = 0;
  std::uint64_t carried = 0;  ///< out of outboxes
  std::uint64_t commits = 0;
  std::uint64_t commits_failed = 0;
};

struct Snapshot {
  Counters counters;
  Totals totals;
  Limits limits;
  std::size_t under_way = 0;
  std::int64_t oldest_ms = 0;  ///< for how long the oldest has waited
  std::uint64_t file_bytes = 0;
  std::uint64_t wal_bytes = 0;
  std::uint64_t disk_free = 0;
  bool disk_full = false;
};

class Service {
 public:
  Service(Bus bus, std::unique_ptr<Store> store, Config config, const program::Log& log);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  /// Registers the names and loads what waits.
  Result<void> start();
  /// Until SIGTERM or SIGINT (blocked by the caller), or until the disk fails: then an error, and
  /// the program is to be started anew. SIGHUP reads the rules of `config_path` anew.
  Result<void> run(const std::string& config_path, const program::Notifier& notifier);
  /// Any thread.
  [[nodiscard]] Snapshot snapshot() const;

 private:
  friend class Outboxes;
  struct Accepted;
  struct Changed;
  struct Outcome {
    enum class Do : std::uint8_t { erase, bury, attempts };
    Do what = Do::erase;
    std::int64_t sequence = 0;
    std::uint32_t attempts = 0;
    std::string cause;
  };
  struct NewOne {
    DurableId id;
    std::string name;
    std::string key;
    std::uint64_t type_hash = 0;
    StoredTypes types;
    std::span<const std::byte> body;
  };
  /// What is wrong with it, before anything is stored.
  Status why_not(const NewOne& one);
  [[nodiscard]] Status why_no_room(const NewOne& one) const;
  Status why_not_published(const NewOne& one);
  /// Into the transaction. `repeated`: it was there before.
  Result<void> take(const NewOne& one, Accepted& accepted);
  /// Out of an outbox. What `why` refuses for ever becomes a dead letter.
  Result<void> carry_in(const NewOne& one, const Status& why);

  Status on_put(const SpoolPutRequest& put, Deferred<SpoolPut> answer, Context& context);
  Status on_stat(SpoolJson& reply, Context& context);
  Status on_list(const SpoolListRequest& request, SpoolJson& reply, Context& context);
  Status on_change(const SpoolChangeRequest& request, Deferred<SpoolChange> answer);
  Result<void> change(StoredCommand& one, SpoolAction action, Changed& changed);
  std::string stat_json();
  std::string command_json(const StoredCommand& one, bool body);
  const codec::Type* request_type(std::uint64_t hash);

  Result<void> load();
  void round();
  void take_outcomes();
  void after_attempt(const Attempt& attempt);
  void bury(const Entry& entry, const std::string& key, std::string cause);
  bool store_outcomes();
  bool commit();
  void answer_all(const Result<void>& committed);
  void act_by_rules(const Accepted& accepted);
  void give_up(const Error& error);
  [[nodiscard]] bool has_room_for_outcomes() const noexcept;
  void dispatch();
  void tick();
  void expire();
  void look_at_names();
  void reload(const std::string& config_path);
  [[nodiscard]] int pause_ms() const;
  void watch(int fd) noexcept;

  Bus bus_;
  std::unique_ptr<Store> store_;
  Config config_;
  const program::Log& log_;
  Server server_;
  NameWatch names_;
  Queue queue_;
  Deliverer deliverer_;
  std::unique_ptr<Outboxes> outboxes_;
  std::vector<Accepted> accepted_;
  std::vector<Changed> changed_;
  std::vector<Outcome> outcomes_;
  std::map<std::uint64_t, codec::Type> request_types_;
  std::map<std::uint64_t, StoredTypes> types_to_learn_;  ///< with the commit
  std::vector<std::string> buried_keys_;                 ///< of refused rows, with the commit
  std::vector<std::byte> scratch_;
  std::minstd_rand random_;
  Counters counters_;
  std::optional<Error> broken_;
  int epoll_ = -1;
  bool busy_ = false;  ///< more may have arrived
  Time ticked_at_ = 0;
  Time slow_ticked_at_ = 0;
  Time outcomes_after_ = 0;  ///< the disk was full: not sooner
  std::uint64_t disk_free_ = 0;
  std::uint64_t bus_file_ = 0;
  bool disk_full_ = false;
  mutable std::mutex snapshot_mutex_;
  Snapshot snapshot_;
};

}  // namespace shmbus::spool
