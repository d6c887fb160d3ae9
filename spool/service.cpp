#include "spool/service.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "common/escape.hpp"
#include "os/descriptor.hpp"
#include "spool/outboxes.hpp"
#include "spool/service_parts.hpp"

namespace shmbus::spool {
namespace {

using program::Level;

constexpr Time millisecond = 1'000'000;
constexpr Time second = 1'000'000'000;
constexpr Time tick_pause = 100 * millisecond;
constexpr Time slow_tick_pause = 5 * second;
constexpr int busy_pause_ms = 10;  // a death or a deadline of an attempt makes nothing readable
constexpr int quiet_pause_ms = 500;
constexpr std::size_t puts_per_round = 512;
constexpr std::size_t under_way_max = 1024;
constexpr std::int64_t clock_kept_at_least_every_ms = 60'000;
constexpr std::size_t outcomes_max = 4096;  ///< that the disk has not taken

std::uint64_t file_at(std::string_view path) {
  struct stat status {};
  return ::stat(std::string(path).c_str(), &status) == 0 ? status.st_ino : 0;
}

std::uint64_t free_bytes_at(const std::string& path) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

/// What an operator reads of an attempt that was the last.
std::string cause_of(const Error& error) {
  std::string cause(to_string(error.kind));
  if (error.code != 0) cause += " " + std::to_string(error.code);
  cause += ": " + std::string(error.message.view());
  for (const Cause one : error.causes) {
    cause += "; because of " + std::string(one.command) + " " + std::string(to_string(one.kind));
  }
  return cause;
}

}  // namespace

Time now_ns() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Time>(now.tv_sec) * second + static_cast<Time>(now.tv_nsec);
}

Service::Service(Bus bus, std::unique_ptr<Store> store, Config config, const program::Log& log)
    : bus_(std::move(bus)),
      store_(std::move(store)),
      config_(std::move(config)),
      log_(log),
      queue_(config_.delivery.concurrent),
      deliverer_(bus_, config_),
      random_(static_cast<std::uint32_t>(now_ns() ^ static_cast<Time>(::getpid()))),
      disk_free_(free_bytes_at(store_->path())),
      bus_file_(file_at(bus_.path())) {}

Service::~Service() {
  if (epoll_ >= 0) ::close(epoll_);
}

void Service::watch(int fd) noexcept {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  (void)::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

Result<void> Service::load() {
  std::vector<std::uint64_t> hashes;
  auto loaded = store_->each([&](const CommandHead& head) {
    if (head.state == State::dead) {
      if (config_.delivery.dead_blocks_key) queue_.block(head.key);
      return;
    }
    const auto target = deliverer_.target(head.name, head.type_hash);
    queue_.add({head.sequence, head.clock_ms, target, head.attempts}, head.key);
    if (std::find(hashes.begin(), hashes.end(), head.type_hash) == hashes.end()) {
      hashes.push_back(head.type_hash);
    }
  });
  for (const auto hash : hashes) {
    if (!loaded || hash == 0) continue;
    auto types = store_->types(hash);
    if (!types) return tl::unexpected<Error>(types.error());
    if (*types) deliverer_.learn_types(hash, std::move(**types));
  }
  return loaded;
}

Result<void> Service::start() {
  if (auto loaded = load(); !loaded) return loaded;
  outboxes_ = std::make_unique<Outboxes>(*this);
  auto server = bus_.serve({.label = spool_label, .wait = WaitMode::blocking});
  if (!server) return tl::unexpected<Error>(server.error());
  server_ = std::move(*server);
  auto on = server_.on<SpoolStat>(
      [this](SpoolJson& reply, Context& context) { return on_stat(reply, context); });
  if (on) {
    on = server_.on<SpoolList>(
        [this](const SpoolListRequest& request, SpoolJson& reply, Context& context) {
          return on_list(request, reply, context);
        });
  }
  if (on) {
    on = server_.on<SpoolChange>(
        [this](const SpoolChangeRequest& request, Deferred<SpoolChange> answer) {
          return on_change(request, std::move(answer));
        });
  }
  if (on) {
    on = server_.on<SpoolPut>(
        [this](const SpoolPutRequest& put, Deferred<SpoolPut> answer, Context& context) {
          return on_put(put, std::move(answer), context);
        });
  }
  if (!on) return on;
  epoll_ = descriptor::epoll();
  if (epoll_ < 0) return fail(ErrorKind::limit_reached, "no descriptor for epoll", errno);
  const auto fd = server_.fd();
  if (!fd) return tl::unexpected<Error>(fd.error());
  watch(*fd);
  // Without a watch, names are asked for again each second.
  if (auto names = bus_.watch()) {
    names_ = std::move(*names);
    if (const auto changes = names_.fd()) watch(*changes);
  }
  log_.write(Level::info, "spooling",
             {{"file", store_->path()},
              {"waiting", store_->totals().waiting},
              {"dead", store_->totals().dead}});
  return {};
}

void Service::look_at_names() {
  if (!names_.valid()) return;
  (void)names_.poll([this](const NameChange& change) {
    if (!change.available) return;
    deliverer_.each_of(change.name.view(), [this](std::uint32_t target) { queue_.wake(target); });
  });
}

void Service::round() {
  const auto ran = server_.poll(puts_per_round);
  busy_ = ran && *ran >= puts_per_round;
  take_outcomes();
  outboxes_->carry(now_ns());
  if (!broken_ && commit()) outboxes_->committed();
  if (!broken_) dispatch();
}

void Service::take_outcomes() {
  deliverer_.finished([this](const Attempt& attempt) { after_attempt(attempt); });
}

void Service::bury(const Entry& entry, const std::string& key, std::string cause) {
  ++counters_.buried;
  outcomes_.push_back({Outcome::Do::bury, entry.sequence, entry.attempts, std::move(cause)});
  if (config_.delivery.dead_blocks_key) queue_.block(key);
}

void Service::after_attempt(const Attempt& attempt) {
  const auto& work = attempt.work;
  const std::string key = work.lane->key();
  Entry entry = work.entry;
  Fate fate = attempt.fate;
  if (fate == Fate::failed || fate == Fate::dead) ++entry.attempts;
  if (fate == Fate::failed) {
    ++counters_.attempts_failed;
    const bool enough = config_.retry.attempts != 0 && entry.attempts >= config_.retry.attempts;
    if (enough) fate = Fate::dead;
  }
  switch (fate) {
    case Fate::done:
      ++counters_.delivered;
      outcomes_.push_back({Outcome::Do::erase, entry.sequence, 0, {}});
      return queue_.done(work.lane);
    case Fate::vacant:
      return queue_.park(work);
    case Fate::dead:
      bury(entry, key, cause_of(attempt.error));
      return queue_.done(work.lane);
    default:
      break;
  }
  if (fate == Fate::failed) {
    outcomes_.push_back({Outcome::Do::attempts, entry.sequence, entry.attempts, {}});
  }
  const auto first = static_cast<Time>(config_.retry.first.count());
  const auto most = static_cast<Time>(config_.retry.most.count());
  const auto pause = std::min(most, first << std::min<std::uint32_t>(work.lane->failures(), 30));
  const Time jitter = pause / 2 + pause * (random_() % 1024) / 1024;
  const Time wait = std::max<Time>(jitter, attempt.error.retry_after_ns);
  queue_.again({work.lane, entry}, now_ns() + wait);
}

bool Service::store_outcomes() {
  if (outcomes_.empty()) return true;
  auto done = store_->begin();
  for (const auto& one : outcomes_) {
    if (!done) break;
    switch (one.what) {
      case Outcome::Do::erase:
        done = store_->erase(one.sequence);
        break;
      case Outcome::Do::bury:
        done = store_->bury(one.sequence, one.attempts, one.cause);
        break;
      case Outcome::Do::attempts:
        done = store_->set_attempts(one.sequence, one.attempts);
        break;
    }
  }
  if (done) return true;
  store_->roll_back();
  answer_all(done);
  return false;
}

/// False: what was in the transaction is not stored, and all senders concerned got an error.
bool Service::commit() {
  const bool with_outcomes = !disk_full_ || now_ns() >= outcomes_after_;
  if (with_outcomes && !store_outcomes()) return false;
  if (!store_->in_transaction()) return true;
  const auto done = store_->commit();
  if (done) {
    ++counters_.commits;
    if (with_outcomes) outcomes_.clear();
    disk_full_ = false;
  }
  answer_all(done);
  return done.has_value();
}

/// Of all that may end; the disk may not take them for long.
bool Service::has_room_for_outcomes() const noexcept {
  return outcomes_.size() + deliverer_.under_way() < outcomes_max;
}

void Service::dispatch() {
  const Time now = now_ns();
  while (deliverer_.under_way() < under_way_max && has_room_for_outcomes()) {
    const auto work = queue_.next(now);
    if (!work) return;
    auto command = store_->read(work->entry.sequence);
    if (!command) {
      queue_.park(*work);
      return give_up(command.error());
    }
    if (!*command) {  // gone; nothing is left to do
      queue_.done(work->lane);
      continue;
    }
    if (!(*command)->sound) {
      bury(work->entry, work->lane->key(), "corrupted: its checksum does not fit: never delivered");
      queue_.done(work->lane);
      busy_ = true;
      continue;
    }
    deliverer_.start(*work, **command);
  }
}

void Service::tick() {
  const Time now = now_ns();
  for (const int fd : deliverer_.new_descriptors()) watch(fd);
  if (now - ticked_at_ < tick_pause) return;
  ticked_at_ = now;
  disk_free_ = free_bytes_at(store_->path());
  if (disk_full_ && now >= outcomes_after_) disk_full_ = false;  // the next one finds out
  look_at_names();
  for (std::uint32_t target = 0; target < deliverer_.targets(); ++target) {
    if (queue_.parked(target) && (!names_.valid() || now - slow_ticked_at_ >= slow_tick_pause)) {
      queue_.wake(target);
    }
  }
  if (now - slow_ticked_at_ >= slow_tick_pause) {
    slow_ticked_at_ = now;
    expire();
    // While commands wait, their age goes on in the file too, also when nothing else is written.
    const bool old = store_->clock_unkept_ms() >= clock_kept_at_least_every_ms;
    if (old && queue_.waiting() != 0 && !disk_full_) (void)store_->begin();
    if (file_at(bus_.path()) != bus_file_) {
      broken_ = Error{ErrorKind::bus_unusable, 0, 0, "the bus was removed or replaced"};
    }
  }
  const auto oldest = queue_.oldest_clock();
  const std::lock_guard lock(snapshot_mutex_);
  snapshot_ = {counters_,
               store_->totals(),
               config_.limits,
               deliverer_.under_way(),
               oldest ? store_->clock_ms() - *oldest : 0,
               store_->file_bytes(),
               store_->wal_bytes(),
               disk_free_,
               disk_full_};
}

void Service::expire() {
  using std::chrono::milliseconds;
  const auto age = std::chrono::duration_cast<milliseconds>(config_.limits.age).count();
  for (const auto& old : queue_.older_than(store_->clock_ms() - age, 1000)) {
    if (!has_room_for_outcomes()) return;
    if (!queue_.remove(old.entry.sequence, old.key, old.entry.target)) continue;
    bury(old.entry, old.key, "expired: it waited longer than limits.age");
  }
}

Snapshot Service::snapshot() const {
  const std::lock_guard lock(snapshot_mutex_);
  return snapshot_;
}

int Service::pause_ms() const {
  if (busy_) return 0;
  if (deliverer_.under_way() != 0) return busy_pause_ms;
  int pause = outboxes_->pause_ms(quiet_pause_ms);
  // With as many outcomes as are kept, nothing is delivered until the disk takes them.
  if (const auto next = queue_.next_time(); next && has_room_for_outcomes()) {
    const Time now = now_ns();
    const Time left = *next > now ? (*next - now) / millisecond + 1 : 0;
    pause = static_cast<int>(std::min<Time>(left, static_cast<Time>(pause)));
  }
  return pause;
}

void Service::reload(const std::string& config_path) {
  if (config_path.empty()) return log_.write(Level::warning, "no --config to read anew");
  std::vector<std::string> problems;
  auto config = read_config(config_path, problems);
  for (const auto& line : problems) log_.write(Level::error, line);
  if (!config) return log_.write(Level::warning, "the configuration before stays in effect");
  config->bus = config_.bus;
  config->file = config_.file;
  config->trust = config_.trust;
  config->delivery.dead_blocks_key = config_.delivery.dead_blocks_key;
  config_ = std::move(*config);
  outboxes_->configure();
  log_.write(Level::info, "configuration read anew", {{"rules", config_.rules.size()}});
}

Result<void> Service::run(const std::string& config_path, const program::Notifier& notifier) {
  sigset_t set;
  sigemptyset(&set);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, one);
  const program::Descriptor signals(descriptor::signals(set, SFD_NONBLOCK));
  watch(signals.get());
  notifier.send("READY=1");
  bool stop = false;
  while (!stop && !broken_) {
    std::array<epoll_event, 64> events{};
    (void)::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), pause_ms());
    signalfd_siginfo info{};
    while (::read(signals.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo == SIGHUP) {
        reload(config_path);
      } else {
        stop = true;
      }
    }
    try {
      round();
      tick();
    } catch (const std::exception& e) {
      broken_ = Error{ErrorKind::limit_reached, 0, 0, e.what()};
    }
  }
  notifier.send("STOPPING=1");
  if (broken_) return tl::unexpected<Error>(*broken_);
  (void)store_->begin();
  (void)commit();  // outcomes that are known already, and the clock
  log_.write(Level::info, "stopped", {{"waiting", store_->totals().waiting}});
  return {};
}

}  // namespace shmbus::spool
