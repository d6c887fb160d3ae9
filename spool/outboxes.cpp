#include "spool/outboxes.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstring>

#include "shmbus/spool/outbox.hpp"
#include "spool/service_parts.hpp"

namespace shmbus::spool {
namespace {

using program::Level;

constexpr Time retry_pause = 1'000'000'000;
constexpr Time query_time_max = 1'000'000'000;
constexpr int query_steps_per_look = 100'000;
constexpr int rows_per_round = 256;

ino_t file_at(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

std::string hex(std::span<const std::byte> bytes) {
  std::string out;
  for (const auto one : bytes) out += fmt::format("{:02x}", static_cast<unsigned>(one));
  return out;
}

}  // namespace

struct Outboxes::Box {
  std::string path;
  Database db;
  Statement version, rows, remove;
  std::string source;  ///< the outbox's own id: a file in its place has another
  std::int64_t carried = 0;
  std::int64_t taken = 0;  ///< in the transaction that is under way
  std::int64_t removed = 0;
  std::int64_t seen = -1;  ///< PRAGMA data_version
  ino_t file = 0;
  Time not_before = 0;
  bool more = false;
  Time query_until = 0;  ///< the schema is another program's, and a view can be endless
  std::string said;      ///< the last thing that was logged

  void limit_query() noexcept { query_until = now_ns() + query_time_max; }
  static int is_late(void* box) noexcept {
    return now_ns() > static_cast<const Box*>(box)->query_until ? 1 : 0;
  }

  void close() {
    version = {};
    rows = {};
    remove = {};
    db.reset();
    seen = -1;
  }
};

Outboxes::Outboxes(Service& service) : service_(service) { configure(); }
Outboxes::~Outboxes() = default;

void Outboxes::configure() {
  std::vector<std::unique_ptr<Box>> boxes;
  for (const auto& path : service_.config_.outboxes) {
    auto box = std::make_unique<Box>();
    box->path = path;
    boxes.push_back(std::move(box));
  }
  boxes_ = std::move(boxes);
}

/// Tried again later; logged when the reason is another one than before.
void Outboxes::put_off(Box& box, std::string_view why) {
  if (box.said != why) {
    service_.log_.write(Level::warning, "an outbox waits", {{"file", box.path}, {"why", why}});
  }
  box.said = why;
  box.not_before = now_ns() + retry_pause;
}

bool Outboxes::open(Box& box) {
  if (box.db != nullptr && box.file == file_at(box.path)) return true;
  box.close();
  const auto give_up = [&](std::string_view why) {
    put_off(box, why);
    box.close();
    return false;
  };
  box.file = file_at(box.path);
  if (box.file == 0) return give_up("there is no such file");
  sqlite3* db = nullptr;
  const int opened =
      sqlite3_open_v2(box.path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  box.db.reset(db);
  if (opened != SQLITE_OK) return give_up(sqlite3_errmsg(db));
  // The program that owns the database checkpoints it.
  sqlite3_progress_handler(db, query_steps_per_look, &Box::is_late, &box);
  box.limit_query();
  (void)execute(db, "PRAGMA trusted_schema=OFF; PRAGMA wal_autocheckpoint=0; PRAGMA mmap_size=0",
                "set up");
  auto source = Statement::prepare(db, "SELECT id FROM shmbus_outbox_source");
  auto version = Statement::prepare(db, "PRAGMA data_version");
  auto rows = Statement::prepare(
      db,
      "SELECT n,id,name,key,body,type_hash,types,request_bytes,reply_bytes,event "
      "FROM shmbus_outbox WHERE n>?1 ORDER BY n LIMIT ?2");
  auto remove = Statement::prepare(db, "DELETE FROM shmbus_outbox WHERE n<=?1");
  if (!source || !version || !rows || !remove) return give_up(sqlite3_errmsg(db));
  if (source->step() != SQLITE_ROW) return give_up("the outbox has no id: see outbox_create()");
  box.source = hex(source->bytes(0));
  box.version = std::move(*version);
  box.rows = std::move(*rows);
  box.remove = std::move(*remove);
  const auto carried = service_.store_->carried(box.source);
  if (!carried) return give_up(carried.error().message.view());
  box.carried = box.taken = *carried;
  box.removed = 0;
  return true;
}

void Outboxes::carry(Time now) {
  const auto pause = static_cast<Time>(service_.config_.outbox_poll.count());
  bool any_more = false;
  for (const auto& box : boxes_) any_more = any_more || box->more;
  if (boxes_.empty() || (!any_more && now - looked_at_ < pause)) return;
  looked_at_ = now;
  for (const auto& box : boxes_) {
    if (now < box->not_before || !open(*box)) continue;
    box->limit_query();
    // Changes of other connections alone: our own deletions do not change it.
    std::int64_t version = box->seen;
    if (box->version.step() == SQLITE_ROW) version = box->version.number(0);
    box->version.reset();
    if (version == box->seen && !box->more && box->removed >= box->carried) continue;
    box->seen = version;
    carry_from(*box);
  }
}

Service::NewOne Outboxes::row_of(const Box& box) {
  Service::NewOne one;
  std::array<std::uint8_t, 16> id{};
  const auto bytes = box.rows.bytes(1);
  // Another length would be cut, and two commands could share what is left: it has no id then.
  if (bytes.size() == id.size()) std::memcpy(id.data(), bytes.data(), id.size());
  one.id = DurableId::of(id);
  one.name = box.rows.text(2);
  one.key = box.rows.text(3);
  one.body = box.rows.bytes(4);
  one.type_hash = static_cast<std::uint64_t>(box.rows.number(5));
  one.types = {std::string(box.rows.text(6)), static_cast<std::uint32_t>(box.rows.number(7)),
               static_cast<std::uint32_t>(box.rows.number(8))};
  return one;
}

/// Into the transaction, or published. overloaded: it has to wait, and so do those behind it.
Status Outboxes::carry_row(const Box& box, Result<void>& done) {
  const auto one = row_of(box);
  const bool event = box.rows.number(9) != 0;
  const auto why = event ? service_.why_not_published(one) : service_.why_not(one);
  if (event && why.is_ok()) return why;  // published before it is noted as carried
  if (why.kind() == ErrorKind::overloaded) return why;
  if (const auto room = service_.why_no_room(one); !room.is_ok()) return room;
  done = service_.store_->begin();
  if (done) done = service_.carry_in(one, why);
  return Status::ok();
}

void Outboxes::carry_from(Box& box) {
  auto& store = *service_.store_;
  box.more = false;
  box.taken = box.carried;
  box.rows.bind(1, box.carried).bind(2, std::int64_t{rows_per_round});
  int result = SQLITE_DONE;
  int count = 0;
  Status wait = Status::ok();
  Result<void> done;
  while (done && wait.is_ok() && (result = box.rows.step()) == SQLITE_ROW) {
    ++count;
    wait = carry_row(box, done);
    if (done && wait.is_ok()) box.taken = box.rows.number(0);
  }
  const bool failed = result != SQLITE_DONE && result != SQLITE_ROW;
  const std::string why(failed ? std::string_view(sqlite3_errmsg(box.db.get())) : wait.message());
  box.rows.reset();
  if (done && box.taken > box.carried) {
    done = store.begin();
    if (done) done = store.set_carried(box.source, box.taken);
  }
  if (!done) {
    store.roll_back();
    service_.answer_all(done);
  }
  box.more = failed || !wait.is_ok() || count == rows_per_round;
  if ((result & 0xFF) == SQLITE_BUSY) {  // the other program writes
    box.not_before = now_ns() + retry_pause / 20;
  } else if (failed || !wait.is_ok()) {
    put_off(box, why);
  } else {
    box.said.clear();
  }
}

/// Nothing of the transaction is in the spool's file: what was taken is still to be carried.
void Outboxes::rolled_back() noexcept {
  for (const auto& box : boxes_) {
    box->taken = box->carried;
    box->seen = -1;
  }
}

/// The spool's file has them now: they leave the outbox.
void Outboxes::committed() {
  for (const auto& box : boxes_) {
    if (box->db == nullptr) continue;
    service_.counters_.carried += static_cast<std::uint64_t>(box->taken - box->carried);
    box->carried = box->taken;
    if (box->removed >= box->carried) continue;
    box->limit_query();
    if (box->remove.bind(1, box->carried).run("empty the outbox")) box->removed = box->carried;
  }
}

int Outboxes::pause_ms(int otherwise) const {
  if (boxes_.empty()) return otherwise;
  const auto pause = service_.config_.outbox_poll.count() / 1'000'000;
  for (const auto& box : boxes_) {
    if (box->more && box->not_before <= now_ns()) return 0;
  }
  return static_cast<int>(std::min<std::int64_t>(pause, otherwise));
}

}  // namespace shmbus::spool
