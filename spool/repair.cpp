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
    // Not even its schema can be read, or another process has it: then it stays where it is.
    if (!rows) return tl::unexpected<Error>(rows.error());
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

bool is_there(const std::string& path) noexcept { return ::access(path.c_str(), F_OK) == 0; }

/// Where the damaged file goes, or where an interrupted repair has put it.
std::string kept_name(const std::string& path) {
  const auto name = [&path](int i) { return fmt::format("{}.damaged-{}", path, i); };
  int next = 1;
  while (is_there(name(next))) ++next;
  return name(next > 1 && !is_there(path) ? next - 1 : next);
}

/// What is sound in `path`, in a new file that has the name `made` once it is whole.
Result<void> make_repaired(const std::string& path, const std::string& made, Repaired& result) {
  const std::string part = made + ".part";
  for (const char* end : {"", "-wal", ".new"}) (void)::unlink((part + end).c_str());
  {
    auto from = open_unchecked(path, {});
    if (!from) return tl::unexpected<Error>(from.error());
    // Closing without a checkpoint: the -wal of the damaged file stays as it is.
    (void)sqlite3_db_config(from->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    auto to = Store::open(part, {});
    if (!to) return tl::unexpected<Error>(to.error());
    if (auto done = Salvage(from->get(), **to, result).run(); !done) return done;
    if (auto done = (*to)->commit(); !done) return done;
  }
  if (is_there(part + "-wal")) {  // the checkpoint when it was closed did not succeed
    return fail(ErrorKind::overloaded, "the new file is not whole: is the disk full?");
  }
  if (auto moved = move(part, made); !moved) return moved;
  return sync_folder_of(path);
}

}  // namespace

Result<Repaired> repair(const std::string& path) {
  Repaired result;
  const std::string made = repaired_name(path);
  result.resumed = is_there(made);
  if (!result.resumed) {
    if (const auto done = make_repaired(path, made, result); !done) {
      (void)::unlink((made + ".part").c_str());
      return tl::unexpected<Error>(done.error());
    }
  }
  result.kept = kept_name(path);
  // Until `made` has its place, its presence keeps a spool from opening what is left.
  auto moved = move(path + "-wal", result.kept + "-wal");
  if (moved) moved = move(path, result.kept);
  if (moved) moved = sync_folder_of(path);
  if (moved) moved = move(made, path);
  if (moved) moved = sync_folder_of(path);
  if (!moved) return tl::unexpected<Error>(moved.error());
  return result;
}

}  // namespace shmbus::spool
