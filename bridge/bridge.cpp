#include "bridge/bridge.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <utility>

#include "common/border.hpp"
#include "os/descriptor.hpp"

namespace shmbus::bridge {
namespace {

using program::Level;

constexpr Time tick_pause = 4 * millisecond;
constexpr Time drain_time = 5 * second;
constexpr int busy_pause_ms = 5;  // deaths, deadlines and cancellation make nothing readable
constexpr int idle_pause_ms = 500;
constexpr int messages_in_a_round = 256;
constexpr std::size_t refusals_max = 4096;  // that the log has named; then they are named again

}  // namespace

class Bridge::Socket final : public Watcher {
 public:
  explicit Socket(Bridge& bridge) : bridge_(bridge) {}
  void ready(std::uint32_t events) override {
    bridge_.more_ = bridge_.engine_.process(events, messages_in_a_round);
  }

 private:
  Bridge& bridge_;
};

/// Passes changes of the bus's names to the exports and imports.
class Bridge::Names final : public Watcher {
 public:
  Names(Bridge& bridge, NameWatch watch) : bridge_(bridge), watch_(std::move(watch)) {
    const auto fd = watch_.fd();
    if (fd && bridge_.loop_.watch(*fd, *this)) fd_ = *fd;
  }
  ~Names() override {
    if (fd_ >= 0) bridge_.loop_.forget(fd_, *this);
  }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  void ready(std::uint32_t /*events*/) override { look(); }
  void look() {
    std::vector<NameChange> changes;
    const auto keep = [&changes](const NameChange& change) { changes.push_back(change); };
    (void)watch_.poll(keep);
    for (const auto& name : std::exchange(unsure_, {})) {
      auto one = bridge_.bus_.watch({std::string_view(name)});
      if (one) (void)one->poll(keep);
    }
    for (const auto& change : changes) take(change);
    if (changes.empty()) return;
    bridge_.exports_->update();
    bridge_.imports_->update();
  }

 private:
  void take(const NameChange& change) {
    const std::string name(change.name.view());
    // Seen between two steps of its owner, which may be this process: asked for once more.
    const bool unsure = change.available && change.pid == 0;
    if (unsure) unsure_.insert(name);
    const bool carried = unsure || is_carrier(change.owner.view());
    const bool ours = carried && change.pid == static_cast<std::uint32_t>(::getpid());
    bridge_.exports_->local(name, change.available && !ours, carried);
    bridge_.imports_->local(name, change.available && !ours);
  }

  Bridge& bridge_;
  NameWatch watch_;
  std::set<std::string> unsure_;
  int fd_ = -1;
};

class Bridge::Signals final : public Watcher {
 public:
  explicit Signals(Loop& loop) : loop_(loop) {
    sigset_t set;
    sigemptyset(&set);
    for (const int one : {SIGTERM, SIGINT}) sigaddset(&set, one);
    fd_ = program::Descriptor{descriptor::signals(set, SFD_NONBLOCK)};
    (void)loop_.watch(fd_.get(), *this);
  }
  ~Signals() override { loop_.forget(fd_.get(), *this); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  void ready(std::uint32_t /*events*/) override {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) ++count;
  }
  int count = 0;

 private:
  Loop& loop_;
  program::Descriptor fd_;
};

Bridge::Bridge(Loop loop, Config config, const program::Log& log, const program::Notifier& notifier)
    : loop_(std::move(loop)), config_(std::move(config)), log_(log), notifier_(notifier) {}

/// Handlers' threads publish: they end before the connection does.
Bridge::~Bridge() {
  names_.reset();
  service_.reset();
  imports_.reset();
  exports_.reset();
  if (directory_) directory_->leave();
  directory_.reset();
  engine_.close();
}

Result<void> Bridge::start() {
  // Names that this process serves are known by its label: they are not exported.
  const std::string label = std::string(bridge_label) + config_.machine;
  auto bus = Bus::open(config_.bus, {.trust = config_.trust, .label = label});
  if (!bus) return tl::unexpected<Error>(bus.error());
  bus_ = std::move(*bus);
  struct stat status {};
  if (::stat(std::string(bus_.path()).c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
  socket_ = std::make_unique<Socket>(*this);
  if (auto opened = engine_.open(config_.engine, loop_.epoll(), socket_.get()); !opened) {
    return opened;
  }
  directory_ = std::make_unique<Directory>(engine_, config_.prefix, config_.machine);
  directory_->on_peer = [this](std::string_view event, const Peer& peer) {
    log_.write(Level::info, "a bridge",
               {{"is", event}, {"machine", peer.machine}, {"id", peer.id}});
  };
  directory_->on_change = [this] { imports_->update(); };
  directory_->on_clock = [this](const std::string& id) { exports_->clock_known(id); };
  exports_ = std::make_unique<Exports>(loop_, engine_, *directory_, bus_, config_);
  imports_ = std::make_unique<Imports>(engine_, *directory_, bus_, config_);
  imports_->on_refused = [this](const std::string& name, const Error& why) {
    if (refusals_.size() >= refusals_max) refusals_.clear();
    auto& last = refusals_[name];
    if (last == why.message.view()) return;
    last = std::string(why.message.view());
    log_.write(Level::warning, "a name of another machine is not offered here",
               {{"name", name}, {"why", last}});
  };
  service_ = std::make_unique<Service>(engine_, *directory_, *exports_, config_.prefix,
                                       std::string(bus_.path()));
  if (auto opened = directory_->open(); !opened) return opened;
  if (auto opened = imports_->open(); !opened) return opened;
  if (auto opened = service_->open(); !opened) return opened;
  auto watch = bus_.watch();
  if (!watch) return tl::unexpected<Error>(watch.error());
  names_ = std::make_unique<Names>(*this, std::move(*watch));
  names_->look();
  log_.write(Level::info, "started",
             {{"bus", bus_.path()}, {"machine", config_.machine}, {"id", directory_->id()}});
  return {};
}

bool Bridge::bus_is_there() const {
  struct stat status {};
  return ::stat(std::string(bus_.path()).c_str(), &status) == 0 && status.st_dev == device_ &&
         status.st_ino == inode_;
}

Result<void> Bridge::check() const {
  if (!bus_is_there()) return fail(ErrorKind::bus_unusable, "the bus was removed or replaced");
  if (engine_.closed()) return engine_.failed("cannot connect: ", NATS_CONNECTION_CLOSED);
  return {};
}

void Bridge::tick(Time at) {
  if (at - ticked_at_ >= tick_pause) {
    ticked_at_ = at;
    directory_->look();
    exports_->tick(at);
    imports_->tick(at);
  }
  const auto connections = engine_.connections();
  if (engine_.connected() && connections != introduced_) {
    introduced_ = connections;
    said_away_ = false;
    log_.write(Level::info, "connected", {{"server", engine_.server()}});
    directory_->introduce(true);
  }
  if (!engine_.connected() && introduced_ != 0 && !std::exchange(said_away_, true)) {
    log_.write(Level::warning, "the engine is away: calls to other machines are refused");
  }
  if (at - checked_at_ < second) return;
  checked_at_ = at;
  names_->look();
  directory_->tick(at);
  imports_->update();
}

int Bridge::pause_ms() const {
  if (more_) return 0;
  return exports_->busy() || imports_->busy() || introduced_ != engine_.connections()
             ? busy_pause_ms
             : idle_pause_ms;
}

Result<void> Bridge::run() {
  Signals signals(loop_);
  notifier_.send("READY=1");
  Time drained_by = 0;
  for (;;) {
    loop_.run_once(pause_ms());
    if (more_) more_ = engine_.process(0, messages_in_a_round);
    if (!more_) exports_->wait_shortly();
    const Time at = now();
    tick(at);
    if (at == checked_at_) {
      if (auto usable = check(); !usable) return usable;
    }
    if (signals.count > 1) return {};
    if (signals.count == 1 && drained_by == 0) {
      notifier_.send("STOPPING=1");
      log_.write(Level::info, "ending");
      exports_->allow({});
      imports_->allow({});
      directory_->leave();
      drained_by = at + drain_time;
    }
    if (drained_by != 0 && (at >= drained_by || !(exports_->busy() || imports_->busy()))) {
      return {};
    }
  }
}

}  // namespace shmbus::bridge
