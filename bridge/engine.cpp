#include "bridge/engine.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <mutex>

namespace shmbus::bridge {
namespace {

constexpr std::int64_t reconnect_wait_ms = 100;
constexpr std::int64_t reconnect_jitter_ms = 100;
constexpr std::int64_t ping_interval_ms = 2000;
constexpr int pings_out = 2;
constexpr std::int64_t connect_ms = 2000;
constexpr int pending_messages = 65'536;
constexpr int pending_bytes = 64 << 20;
constexpr int unwritten_max = 64 << 20;
constexpr std::size_t head_room = 8192;  // of headers, beside a payload
constexpr int smallest_buffer = 1;       // of what would be sent after a new connection

/// This thread calls write_out() next.
thread_local bool writes_next = false;
class WritesNext {
 public:
  WritesNext() noexcept { writes_next = true; }
  ~WritesNext() { writes_next = false; }
  WritesNext(const WritesNext&) = delete;
  WritesNext& operator=(const WritesNext&) = delete;
};

}  // namespace

/// What the client's library calls, from threads of its own too; its locks are held.
struct Engine::Callbacks {
  static natsStatus attach(void** user, void* loop, natsConnection* /*nc*/, natsSock socket) {
    auto& engine = *static_cast<Engine*>(loop);
    *user = loop;
    engine.socket_.store(socket, std::memory_order_release);
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.ptr = engine.mark_;
    if (::epoll_ctl(engine.epoll_, EPOLL_CTL_ADD, socket, &wanted) != 0) {
      (void)::epoll_ctl(engine.epoll_, EPOLL_CTL_MOD, socket, &wanted);
    }
    return NATS_OK;
  }
  static natsStatus read(void* user, bool add) {
    if (!add) forget(*static_cast<Engine*>(user));
    return NATS_OK;
  }
  static natsStatus write(void* user, bool add) {
    auto& engine = *static_cast<Engine*>(user);
    engine.wants_write_.store(add, std::memory_order_release);
    // Pings of the library's timer, and what its reconnecting thread sends, are written by the
    // loop.
    if (!add) watch(engine, EPOLLIN);
    if (add && !writes_next) watch(engine, EPOLLIN | EPOLLOUT);
    return NATS_OK;
  }
  static natsStatus detach(void* user) {
    forget(*static_cast<Engine*>(user));
    return NATS_OK;
  }
  static void forget(Engine& engine) noexcept {
    const int socket = engine.socket_.exchange(-1, std::memory_order_acq_rel);
    if (socket >= 0) (void)::epoll_ctl(engine.epoll_, EPOLL_CTL_DEL, socket, nullptr);
  }
  static void watch(Engine& engine, std::uint32_t events) noexcept {
    const int socket = engine.socket_.load(std::memory_order_acquire);
    epoll_event wanted{};
    wanted.events = events;
    wanted.data.ptr = engine.mark_;
    if (socket >= 0) (void)::epoll_ctl(engine.epoll_, EPOLL_CTL_MOD, socket, &wanted);
  }
  static void up(natsConnection* /*nc*/, void* closure) {
    auto& engine = *static_cast<Engine*>(closure);
    engine.connected_.store(true, std::memory_order_release);
    engine.connections_.fetch_add(1, std::memory_order_acq_rel);
  }
  static void down(natsConnection* /*nc*/, void* closure) {
    static_cast<Engine*>(closure)->connected_.store(false, std::memory_order_release);
  }
  static void error(natsConnection* /*nc*/, natsSubscription* /*sub*/, natsStatus /*s*/,
                    void* /*closure*/) {}
};

Engine::~Engine() { close(); }

Result<void> Engine::open(const EngineConfig& config, int epoll, void* mark) {
  epoll_ = epoll;
  mark_ = mark;
  std::vector<const char*> servers;
  for (const auto& one : config.servers) servers.push_back(one.c_str());
  natsStatus s = natsOptions_Create(&options_);
  const auto also = [&s](auto f) {
    if (s == NATS_OK) s = f();
  };
  also([&] {
    return natsOptions_SetServers(options_, servers.data(), static_cast<int>(servers.size()));
  });
  also([&] { return natsOptions_SetName(options_, config.name.c_str()); });
  also([&] { return natsOptions_SetTimeout(options_, connect_ms); });
  also([&] { return natsOptions_SetSendAsap(options_, true); });
  also([&] { return natsOptions_SetMaxReconnect(options_, -1); });
  also([&] { return natsOptions_SetReconnectWait(options_, reconnect_wait_ms); });
  also([&] {
    return natsOptions_SetReconnectJitter(options_, reconnect_jitter_ms, reconnect_jitter_ms);
  });
  also([&] { return natsOptions_SetReconnectBufSize(options_, smallest_buffer); });
  also([&] { return natsOptions_SetPingInterval(options_, ping_interval_ms); });
  also([&] { return natsOptions_SetMaxPingsOut(options_, pings_out); });
  also([&] { return natsOptions_SetNoEcho(options_, true); });
  also([&] { return natsOptions_SetErrorHandler(options_, &Callbacks::error, this); });
  also([&] { return natsOptions_SetDisconnectedCB(options_, &Callbacks::down, this); });
  also([&] { return natsOptions_SetReconnectedCB(options_, &Callbacks::up, this); });
  also([&] { return natsOptions_SetClosedCB(options_, &Callbacks::down, this); });
  also([&] { return natsOptions_SetRetryOnFailedConnect(options_, true, &Callbacks::up, this); });
  also([&] {
    return natsOptions_SetEventLoop(options_, this, &Callbacks::attach, &Callbacks::read,
                                    &Callbacks::write, &Callbacks::detach);
  });
  if (!config.credentials.empty()) {
    also([&] {
      return natsOptions_SetUserCredentialsFromFiles(options_, config.credentials.c_str(), nullptr);
    });
  }
  if (!config.user.empty()) {
    also([&] {
      return natsOptions_SetUserInfo(options_, config.user.c_str(), config.password.c_str());
    });
  }
  if (!config.token.empty())
    also([&] { return natsOptions_SetToken(options_, config.token.c_str()); });
  if (config.tls) also([&] { return natsOptions_SetSecure(options_, true); });
  if (!config.tls_ca.empty()) {
    also([&] { return natsOptions_LoadCATrustedCertificates(options_, config.tls_ca.c_str()); });
  }
  if (!config.tls_certificate.empty()) {
    also([&] {
      return natsOptions_LoadCertificatesChain(options_, config.tls_certificate.c_str(),
                                               config.tls_key.c_str());
    });
  }
  also([&] { return natsConnection_Connect(&connection_, options_); });
  if (s == NATS_OK) {
    Callbacks::up(connection_, this);
  } else if (s != NATS_NOT_YET_CONNECTED) {
    return failed("cannot connect to the engine: ", s);
  }
  return {};
}

void Engine::close() noexcept {
  subscriptions_.clear();
  if (connection_ != nullptr) {
    natsConnection_Close(connection_);
    natsConnection_Destroy(std::exchange(connection_, nullptr));
  }
  if (options_ != nullptr) natsOptions_Destroy(std::exchange(options_, nullptr));
}

bool Engine::connected() const noexcept {
  return connected_.load(std::memory_order_acquire) &&
         natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED;
}

bool Engine::closed() const noexcept { return natsConnection_IsClosed(connection_); }

tl::unexpected<Error> Engine::failed(std::string_view what, natsStatus status) const {
  const char* why = closed() ? "the servers refuse the credentials" : natsStatus_GetText(status);
  Error error{ErrorKind::bus_unusable, static_cast<std::int32_t>(status), 0, {}};
  error.message.append(what).append(std::string_view(why));
  return tl::unexpected<Error>(error);
}

std::string Engine::server() const {
  std::array<char, 256> url{};
  if (natsConnection_GetConnectedUrl(connection_, url.data(), url.size()) != NATS_OK) return {};
  return url.data();
}

std::size_t Engine::part_max() const noexcept {
  const auto bytes = natsConnection_GetMaxPayload(connection_);
  constexpr std::size_t usual = 1U << 20U;
  const auto most = bytes > 0 ? static_cast<std::size_t>(bytes) : usual;
  return most - std::min(most / 2, head_room);
}

Result<std::shared_ptr<Engine::Subscription>> Engine::subscribe(const std::string& subject,
                                                                const std::string& queue,
                                                                OnMessage on_message) {
  natsSubscription* made = nullptr;
  const auto s = queue.empty() ? natsConnection_SubscribeSync(&made, connection_, subject.c_str())
                               : natsConnection_QueueSubscribeSync(&made, connection_,
                                                                   subject.c_str(), queue.c_str());
  if (s != NATS_OK) return failed("cannot subscribe: ", s);
  (void)natsSubscription_SetPendingLimits(made, pending_messages, pending_bytes);
  auto subscription = std::make_shared<Subscription>(made, std::move(on_message));
  subscriptions_.push_back(subscription);
  write_out();
  return subscription;
}

/// What a thread of the library shares with the subscription. Each may end first: the library ends
/// its part when the subscription is destroyed, and also when the connection is closed.
struct Engine::Subscription::Gate {
  std::mutex mutex;
  OnMessage on_message;
};

void Engine::deliver(natsConnection* /*nc*/, natsSubscription* /*sub*/, natsMsg* message,
                     void* gate) {
  Message taken(message);
  auto& to = **static_cast<std::shared_ptr<Subscription::Gate>*>(gate);
  const std::scoped_lock lock(to.mutex);
  if (to.on_message) to.on_message(std::move(taken));
}

Result<std::shared_ptr<Engine::Subscription>> Engine::subscribe_answers(const std::string& subject,
                                                                        OnMessage on_message) {
  const auto subscription =
      std::shared_ptr<Subscription>(new Subscription(std::make_shared<Subscription::Gate>()));
  subscription->gate_->on_message = std::move(on_message);
  auto gate = std::make_unique<std::shared_ptr<Subscription::Gate>>(subscription->gate_);
  const auto s = natsConnection_Subscribe(&subscription->subscription_, connection_,
                                          subject.c_str(), &Engine::deliver, gate.get());
  if (s != NATS_OK) return failed("cannot subscribe: ", s);
  (void)natsSubscription_SetOnCompleteCB(
      subscription->subscription_,
      [](void* done) { delete static_cast<std::shared_ptr<Subscription::Gate>*>(done); },
      gate.release());
  (void)natsSubscription_SetPendingLimits(subscription->subscription_, pending_messages,
                                          pending_bytes);
  return subscription;
}

Engine::Subscription::~Subscription() {
  if (gate_ != nullptr) {
    const std::scoped_lock lock(gate_->mutex);
    gate_->on_message = {};
  }
  if (subscription_ == nullptr) return;
  (void)natsSubscription_Unsubscribe(subscription_);
  natsSubscription_Destroy(subscription_);
}

bool Engine::publish(const Message& message) noexcept {
  if (!message.valid() || !connected()) return false;
  if (natsConnection_Buffered(connection_) > unwritten_max) return false;
  {
    const WritesNext mark;
    if (natsConnection_PublishMsg(connection_, message.get()) != NATS_OK) return false;
  }
  write_out();
  return true;
}

/// The library only asks for a write event when there is something to write. The publishing thread
/// writes at once instead of waking the loop; the loop writes what is left when the socket is full.
/// One thread at a time: the library takes a write of nothing, after another thread has written
/// all, for the end of the connection.
void Engine::write_out() noexcept {
  if (!wants_write_.load(std::memory_order_acquire)) return;
  const std::scoped_lock lock(writing_);
  if (!wants_write_.load(std::memory_order_acquire)) return;
  natsConnection_ProcessWriteEvent(connection_);
  if (wants_write_.load(std::memory_order_acquire)) Callbacks::watch(*this, EPOLLIN | EPOLLOUT);
}

bool Engine::process(std::uint32_t events, int budget) {
  if ((events & EPOLLOUT) != 0) write_out();
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) {
    natsConnection_ProcessReadEvent(connection_);
  }
  const bool more = take(budget);
  write_out();  // answers to the engine's pings
  return more;
}

/// Handlers may subscribe and unsubscribe. A subscription is asked once in a round, in turn.
bool Engine::take(int budget) {
  for (auto at = subscriptions_.begin(); at != subscriptions_.end();) {
    const auto subscription = at->lock();
    if (!subscription) {
      at = subscriptions_.erase(at);
      continue;
    }
    ++at;
    for (;;) {
      natsMsg* message = nullptr;
      if (natsSubscription_NextMsg(&message, subscription->subscription_, 0) != NATS_OK) break;
      subscription->on_message_(Message(message));
      if (--budget <= 0) return true;
    }
  }
  return false;
}

}  // namespace shmbus::bridge
