#include "gateway/server.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "os/descriptor.hpp"

namespace shmbus::gateway {
namespace {

using program::Level;

constexpr Time tick_pause = 100 * millisecond;
constexpr Time check_pause = second;
constexpr int busy_pause_ms = 10;  // deaths and deadlines of calls make nothing readable
constexpr int quiet_pause_ms = 100;
constexpr int idle_pause_ms = 1000;

}  // namespace

class Server::Signals final : public Watcher {
 public:
  explicit Signals(EventLoop& loop) : loop_(loop) {
    sigset_t set;
    sigemptyset(&set);
    for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, one);
    fd_ = program::Descriptor{descriptor::signals(set, SFD_NONBLOCK)};
    watched_ = loop_.watch(fd_.get(), EPOLLIN, *this);
  }
  ~Signals() override {
    if (watched_) loop_.forget(fd_.get(), *this);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  void ready(std::uint32_t /*events*/) override {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo == SIGHUP) {
        reload = true;
      } else {
        ++stops;
      }
    }
  }
  bool reload = false;
  int stops = 0;

 private:
  EventLoop& loop_;
  program::Descriptor fd_;
  bool watched_ = false;
};

Server::Server(EventLoop loop, const program::Log& log, const program::Notifier& notifier)
    : loop_(std::move(loop)), log_(log), notifier_(notifier), routes_(loop_, log) {}

Result<void> Server::start(Config config) {
  const auto listening = listen(config.listeners);
  if (!listening) return tl::unexpected<Error>(listening.error());
  config_ = std::move(config);
  limits_ = config_.limits;
  routes_.configure(config_);
  for (const auto& one : listeners_) log_.write(Level::info, "listening", {{"at", one->address()}});
  return {};
}

/// Listeners that are wanted as before stay; nothing changes when one cannot be made.
Result<void> Server::listen(const std::vector<ListenerConfig>& wanted) {
  struct Changed {
    Listener* listener;
    ListenerConfig config;
    std::shared_ptr<const TlsCredentials> tls;
  };
  std::vector<std::unique_ptr<Listener>> added;
  std::vector<Changed> changed;
  // A listener goes on for one of the same address: its socket could not be bound a second time.
  const auto fits = [&](const ListenerConfig& config) {
    return std::find_if(listeners_.begin(), listeners_.end(), [&](const auto& one) {
      const auto& had = one->config();
      return had.kind == config.kind && had.address == config.address &&
             std::find(wanted.begin(), wanted.end(), had) == wanted.end() &&
             std::none_of(changed.begin(), changed.end(),
                          [&](const auto& other) { return other.listener == one.get(); });
    });
  };
  for (const auto& config : wanted) {
    if (std::any_of(listeners_.begin(), listeners_.end(),
                    [&](const auto& one) { return one->config() == config; })) {
      continue;
    }
    if (const auto one = fits(config); one != listeners_.end()) {
      auto tls = (*one)->prepare(config);
      if (!tls) return tl::unexpected<Error>(tls.error());
      changed.push_back({one->get(), config, std::move(*tls)});
      continue;
    }
    auto opened = Listener::open(
        loop_, config, [this](Stream stream, Peer peer, std::shared_ptr<const TlsCredentials> tls) {
          accept(std::move(stream), std::move(peer), std::move(tls));
        });
    if (!opened) return tl::unexpected<Error>(opened.error());
    added.push_back(std::move(*opened));
  }
  for (auto& one : changed) one.listener->adopt(std::move(one.config), std::move(one.tls));
  std::erase_if(listeners_, [&](const auto& one) {
    return std::find(wanted.begin(), wanted.end(), one->config()) == wanted.end();
  });
  for (const auto& one : listeners_) {
    if (const auto loaded = one->reload_tls(); !loaded) {
      log_.write(Level::error, loaded.error().message.view(), {{"kept", "the certificate before"}});
    }
  }
  for (auto& one : added) listeners_.push_back(std::move(one));
  return {};
}

void Server::reload(const std::string& config_path) {
  if (config_path.empty()) return log_.write(Level::warning, "no --config to read anew");
  notifier_.send("RELOADING=1");
  ConfigProblems problems;
  auto config = read_config(config_path, problems);
  for (const auto& line : problems.lines) log_.write(Level::error, line);
  if (config) {
    if (config->bus.empty()) config->bus = config_.bus;
    if (const auto listening = listen(config->listeners); listening) {
      config_ = std::move(*config);
      limits_ = config_.limits;
      routes_.configure(config_);
      log_.write(Level::info, "configuration read anew", {{"file", config_path}});
    } else {
      log_.write(Level::error, listening.error().message.view());
      config.reset();
    }
  }
  if (!config) log_.write(Level::warning, "the configuration before stays in effect");
  notifier_.send("READY=1");
}

/// Room for a newcomer: the connection that has been idle for longest makes it.
bool Server::make_room() {
  if (connections_.size() < limits_.connections) return true;
  Connection* idlest = nullptr;
  for (const auto& one : connections_) {
    if (!one->idle() || one->dead()) continue;
    if (idlest == nullptr || one->since() < idlest->since()) idlest = one.get();
  }
  if (idlest == nullptr) return false;
  std::erase_if(connections_, [&](const auto& one) { return one.get() == idlest; });
  return true;
}

void Server::accept(Stream stream, Peer peer, std::shared_ptr<const TlsCredentials> tls) {
  if (!make_room()) {
    log_.write(Level::warning, "request refused",
               {{"peer", peer.address}, {"why", "too many connections"}});
    return;  // closed at once
  }
  const Connection::Around around{loop_, routes_, limits_};
  auto connection = std::make_unique<Connection>(around, std::move(stream), std::move(peer));
  if (connection->begin(std::move(tls))) connections_.push_back(std::move(connection));
}

void Server::begin_to_drain() {
  notifier_.send("STOPPING=1");
  log_.write(Level::info, "ending", {{"connections", connections_.size()}});
  listeners_.clear();
  drained_by_ = now() + limits_.drain_time;
  for (const auto& one : connections_) one->drain();
}

void Server::tick(Time at) {
  if (routes_.busy()) routes_.tick();
  if (at - ticked_at_ >= tick_pause) {
    ticked_at_ = at;
    for (const auto& one : connections_) one->tick(at);
  }
  if (at - checked_at_ >= check_pause) {
    checked_at_ = at;
    routes_.check();
    for (const auto& one : listeners_) one->go_on();
  }
  std::erase_if(connections_, [](const auto& one) { return one->dead(); });
}

int Server::pause_ms() const noexcept {
  if (routes_.busy()) return busy_pause_ms;
  return connections_.empty() ? idle_pause_ms : quiet_pause_ms;
}

void Server::run(const std::string& config_path) {
  Signals signals(loop_);
  notifier_.send("READY=1");
  bool draining = false;
  while (!draining || (!connections_.empty() && now() < drained_by_)) {
    try {
      loop_.run_once(pause_ms());
      if (std::exchange(signals.reload, false) && !draining) reload(config_path);
      if (signals.stops > 1) break;
      if (signals.stops == 1 && !std::exchange(draining, true)) begin_to_drain();
      tick(now());
    } catch (const std::exception& e) {
      // Out of memory. What was being done for one client is lost, the others go on.
      log_.write(Level::error, "a request was given up", {{"why", e.what()}});
    }
  }
  if (!connections_.empty()) {
    log_.write(Level::warning, "requests under way are given up",
               {{"connections", connections_.size()}});
  }
  connections_.clear();
  log_.write(Level::info, "stopped");
}

}  // namespace shmbus::gateway
