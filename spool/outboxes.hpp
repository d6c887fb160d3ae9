// Carries commands out of the outboxes of other programs: tables shmbus_outbox in their own SQLite
// databases, written in their own transactions (shmbus/spool/outbox.hpp).
//
//   read rows above the number that was carried   -> the spool's transaction, with the new number
//   after its commit                              -> delete those rows from the outbox
//
// Killed between the two, the rows are deleted later and not carried again: the spool's own file
// says how far it has come.
//
// Threads   One. Never waits for a lock of the other program: what is locked is tried again. A
//           query of its database ends after a second at the latest.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "spool/service.hpp"
#include "spool/sqlite.hpp"

namespace shmbus::spool {

class Outboxes {
 public:
  explicit Outboxes(Service& service);
  Outboxes(const Outboxes&) = delete;
  Outboxes& operator=(const Outboxes&) = delete;
  ~Outboxes();

  void configure();
  /// Puts what is new into the spool's transaction.
  void carry(Time now);
  void committed();
  /// The spool's transaction failed.
  void rolled_back() noexcept;
  [[nodiscard]] int pause_ms(int otherwise) const;

 private:
  struct Box;
  bool open(Box& box);
  void carry_from(Box& box);
  void put_off(Box& box, std::string_view why);
  static Service::NewOne row_of(const Box& box);
  Status carry_row(const Box& box, Result<void>& done);
  Service& service_;
  std::vector<std::unique_ptr<Box>> boxes_;
  Time looked_at_ = 0;
};

}  // namespace shmbus::spool
