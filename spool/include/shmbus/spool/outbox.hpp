// A transactional outbox: a program writes what it wants to send into its own SQLite database, in
// the transaction that does its work. Either both are there after a crash, or neither is; the spool
// carries on what was committed (`outboxes:` in its configuration).
//
//   shmbus::outbox_create(db);                                    // once
//   sqlite3_exec(db, "BEGIN IMMEDIATE", ...);
//   ... UPDATE accounts ...
//   shmbus::outbox_add<UserCreate>(db, {.id = 7}, {.key = "user-7"});
//   sqlite3_exec(db, "COMMIT", ...);
//
// The table is part of the interface: programs in other languages write its rows themselves.
//
// Threads   As the connection allows. Errors are values; nothing is thrown.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "shmbus/spool/durable.hpp"

namespace shmbus {

/// n is the order in which they are carried; id names each for ever.
inline constexpr const char* outbox_sql =
    "CREATE TABLE IF NOT EXISTS shmbus_outbox("
    " n INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id BLOB NOT NULL DEFAULT (randomblob(16)),"
    " name TEXT NOT NULL,"
    " key TEXT NOT NULL DEFAULT '',"
    " body BLOB NOT NULL DEFAULT x'',"
    " type_hash INTEGER NOT NULL DEFAULT 0,"
    " types TEXT NOT NULL DEFAULT '',"
    " request_bytes INTEGER NOT NULL DEFAULT 0,"
    " reply_bytes INTEGER NOT NULL DEFAULT 0,"
    " event INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS shmbus_outbox_source(id BLOB NOT NULL);"
    "INSERT INTO shmbus_outbox_source SELECT randomblob(16)"
    " WHERE NOT EXISTS (SELECT 1 FROM shmbus_outbox_source);";

namespace detail {
inline tl::unexpected<Error> outbox_error(sqlite3* db) noexcept {
  return fail(ErrorKind::bus_unusable, sqlite3_errmsg(db), sqlite3_extended_errcode(db));
}
inline Result<void> outbox_insert(sqlite3* db, std::string_view name,
                                  std::span<const std::byte> body, const DurableOptions& options,
                                  const Schema& types, bool event, DurableId id) noexcept {
  sqlite3_stmt* made = nullptr;
  constexpr const char* sql =
      "INSERT INTO shmbus_outbox(id,name,key,body,type_hash,types,request_bytes,reply_bytes,event)"
      " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)";
  if (sqlite3_prepare_v2(db, sql, -1, &made, nullptr) != SQLITE_OK) return outbox_error(db);
  struct Finish {
    void operator()(sqlite3_stmt* one) const noexcept { (void)sqlite3_finalize(one); }
  };
  const std::unique_ptr<sqlite3_stmt, Finish> row(made);
  const auto text = [&row](int at, std::string_view value) {
    (void)sqlite3_bind_text(row.get(), at, value.empty() ? "" : value.data(),
                            static_cast<int>(value.size()), SQLITE_STATIC);
  };
  const auto bytes = id.bytes();
  (void)sqlite3_bind_blob(row.get(), 1, bytes.data(), static_cast<int>(bytes.size()),
                          SQLITE_STATIC);
  text(2, name);
  text(3, options.key);
  const void* data = body.empty() ? static_cast<const void*>("") : body.data();
  (void)sqlite3_bind_blob(row.get(), 4, data, static_cast<int>(body.size()), SQLITE_STATIC);
  (void)sqlite3_bind_int64(row.get(), 5, static_cast<sqlite3_int64>(types.hash));
  text(6, types.text);
  (void)sqlite3_bind_int64(row.get(), 7, types.request_bytes);
  (void)sqlite3_bind_int64(row.get(), 8, types.reply_bytes);
  (void)sqlite3_bind_int(row.get(), 9, event ? 1 : 0);
  if (sqlite3_step(row.get()) != SQLITE_DONE) return outbox_error(db);
  return {};
}
}  // namespace detail

/// Makes the tables, if they are not there.
inline Result<void> outbox_create(sqlite3* db) noexcept {
  if (sqlite3_exec(db, outbox_sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return detail::outbox_error(db);
  }
  return {};
}

/// Part of the transaction that `db` is in. Returns its id.
inline Result<DurableId> outbox_add(sqlite3* db, std::string_view name,
                                    std::span<const std::byte> request,
                                    const DurableOptions& options = {},
                                    const Schema& types = {}) noexcept {
  const DurableId id = options.id.valid() ? options.id : DurableId::random();
  if (!id.valid()) return fail(ErrorKind::limit_reached, "no random number for an id");
  const auto added = detail::outbox_insert(db, name, request, options, types, false, id);
  if (!added) return tl::unexpected<Error>(added.error());
  return id;
}
template <class C>
Result<DurableId> outbox_add(sqlite3* db, const typename C::Request& request,
                             const DurableOptions& options = {}) noexcept {
  return outbox_add(db, C::name.text, detail::bytes_of(request), options, schema_of<C>);
}

/// The same for an event: published after the commit, at least once.
inline Result<void> outbox_add_event(sqlite3* db, std::string_view name,
                                     std::span<const std::byte> event) noexcept {
  const DurableId id = DurableId::random();
  return detail::outbox_insert(db, name, event, {}, {}, true, id);
}
template <class E>
Result<void> outbox_add_event(sqlite3* db, const typename E::Value& value) noexcept {
  return outbox_add_event(db, E::name.text, detail::bytes_of(value));
}

}  // namespace shmbus
