#include "spool/repair.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <set>

#include "spool/store.hpp"
#include "spool/store_format.hpp"

namespace shmbus::spool {
namespace {

/// Rows upwards until SQLite cannot read on, then downwards from the end.
class Salvage {
 public:
  Salvage(sqlite3* from, Store& to, Repaired& result) : from_(from), to_(to), result_(result) {}

  Result<void> run() {
    bool whole = false;
    if (auto up = walk("ORDER BY seq", whole); !up) return up;
    result_.all_read = whole;
    if (whole) return {};
    return walk("ORDER BY seq DESC", whole);
  }

 private:
  Result<void> walk(std::string_view order, bool& whole) {
    auto rows = Statement::prepare(
        from_, fmt::format("SELECT seq,id,name,key,types,body,created,clock,sum,attempts,state,"
                           "cause FROM commands NOT INDEXED {}",
                           order));
    if (!rows) return {};  // not even its schema can be read
    int result = rows->step();
    for (; result == SQLITE_ROW; result = rows->step()) {
      if (!seen_.insert(rows->number(0)).second) break;  // where the other walk has ended
      if (auto copied = copy(Store::row(*rows)); !copied) return copied;
    }
    whole = result == SQLITE_DONE;
    return {};
  }

  Result<void> copy(const StoredCommand& one) {
    if (!one.sound) {
      ++result_.spoiled;
      return {};
    }
    if (auto begun = to_.begin(); !begun) return begun;
    if (auto types = types_of(one.type_hash)) {
      if (auto kept = to_.remember_types(one.type_hash, *types); !kept) return kept;
    }
    if (auto put = to_.insert_as_is(one); !put) return put;
    ++result_.copied;
    return {};
  }

  std::optional<StoredTypes> types_of(std::uint64_t hash) {
    auto row = Statement::prepare(from_, "SELECT text,request,reply FROM types WHERE hash=?1");
    if (!row || row->bind(1, static_cast<std::int64_t>(hash)).step() != SQLITE_ROW) return {};
    StoredTypes types{std::string(row->text(0)), static_cast<std::uint32_t>(row->number(1)),
                      static_cast<std::uint32_t>(row->number(2))};
    if (detail::hash_name(types.text) != hash) return {};
    return types;
  }

  sqlite3* from_;
  Store& to_;
  Repaired& result_;
  std::set<std::int64_t> seen_;
};

Result<void> move(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return {};
  return fail(ErrorKind::bus_unusable, fmt::format("rename {}: {}", from, std::strerror(errno)),
              errno);
}

std::string free_name(const std::string& path) {
  for (int i = 1;; ++i) {
    const auto name = fmt::format("{}.damaged-{}", path, i);
    if (::access(name.c_str(), F_OK) != 0) return name;
  }
}

}  // namespace

Result<Repaired> repair(const std::string& path) {
  Repaired result;
  const std::string made = path + ".repaired";
  for (const char* end : {"", "-wal", ".new"}) (void)::unlink((made + end).c_str());
  {
    auto to = Store::open(made, {});
    if (!to) return tl::unexpected<Error>(to.error());
    auto from = open_unchecked(path, {});
    if (!from) return tl::unexpected<Error>(from.error());
    const auto salvaged = Salvage(from->get(), **to, result).run();
    if (!salvaged) return tl::unexpected<Error>(salvaged.error());
    if (const auto done = (*to)->commit(); !done) return tl::unexpected<Error>(done.error());
    // Closing without a checkpoint: the -wal of the damaged file stays as it is.
    (void)sqlite3_db_config(from->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  }
  result.kept = free_name(path);
  const auto moved = move(path, result.kept);
  const auto wal = moved ? move(path + "-wal", result.kept + "-wal") : moved;
  const auto placed = wal ? move(made, path) : wal;
  if (!placed) return tl::unexpected<Error>(placed.error());
  return result;
}

}  // namespace shmbus::spool
