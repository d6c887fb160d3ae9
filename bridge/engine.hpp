// The connection to the engine (NATS), driven by the bridge's own loop: no thread of the client's
// library stands between the socket and a message's handler.
//
// Threads   publish() by any thread; everything else by the loop's. Only answers to requests come
//           by a thread of the library (subscribe_answers). The library's thread that
//           reconnects calls callbacks, which only set flags that the loop reads.
// Loss      What is published while there is no connection is refused, never kept for later: a
//           command that is sent after its caller has given up would run beyond its deadline.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/message.hpp"
#include "common/descriptor.hpp"

namespace shmbus::bridge {

struct EngineConfig {
  std::vector<std::string> servers;
  std::string name;         ///< of the connection, as the engine's tools show it
  std::string credentials;  ///< a .creds file
  std::string user;
  std::string password;
  std::string token;
  std::string tls_ca;
  std::string tls_certificate;
  std::string tls_key;
  bool tls = false;
};

class Engine {
 public:
  using OnMessage = std::function<void(Message)>;
  class Subscription;

  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// Begins to connect, and goes on trying. `epoll` gets the socket; `mark` is the data of its
  /// events. bus_unusable when the options make no sense.
  Result<void> open(const EngineConfig& config, int epoll, void* mark);
  void close() noexcept;
  /// Counts connections: when it changes, the bridge introduces itself anew.
  [[nodiscard]] std::uint64_t connections() const noexcept {
    return connections_.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool connected() const noexcept;
  /// For ever: the client's library gives up when servers refuse the credentials.
  [[nodiscard]] bool closed() const noexcept;
  [[nodiscard]] tl::unexpected<Error> failed(std::string_view what, natsStatus status) const;
  [[nodiscard]] std::string server() const;
  /// The largest payload of a message that the engine takes, less the room that headers may need.
  [[nodiscard]] std::size_t part_max() const noexcept;

  /// Ends when the result is destroyed. `queue` empty: each subscriber gets each message.
  Result<std::shared_ptr<Subscription>> subscribe(const std::string& subject,
                                                  const std::string& queue, OnMessage on_message);
  /// The same for answers to requests: `on_message` also gets the engine's notice that a request
  /// has no responders, which the client's library hides from the other kind. A thread of the
  /// library calls it, never after the result is destroyed.
  Result<std::shared_ptr<Subscription>> subscribe_answers(const std::string& subject,
                                                          OnMessage on_message);
  /// False: it was not sent, and will not be: no connection, or too much waits to be written.
  bool publish(const Message& message) noexcept;

  /// Its socket is ready: takes what has come, at most `budget` messages. True: there is more.
  bool process(std::uint32_t events, int budget);

 private:
  friend class Subscription;
  struct Callbacks;
  bool take(int budget);
  static void deliver(natsConnection* nc, natsSubscription* sub, natsMsg* message, void* gate);
  void write_out() noexcept;

  natsConnection* connection_ = nullptr;
  natsOptions* options_ = nullptr;
  int epoll_ = -1;
  void* mark_ = nullptr;
  std::atomic<int> socket_{-1};
  std::atomic<bool> wants_write_{false};
  std::mutex writing_;
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<bool> connected_{false};
  std::list<std::weak_ptr<Subscription>> subscriptions_;
};

class Engine::Subscription {
 public:
  Subscription(natsSubscription* subscription, OnMessage on_message) noexcept
      : subscription_(subscription), on_message_(std::move(on_message)) {}
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription();

 private:
  friend class Engine;
  struct Gate;
  explicit Subscription(std::shared_ptr<Gate> gate) noexcept : gate_(std::move(gate)) {}

  natsSubscription* subscription_ = nullptr;
  OnMessage on_message_;
  std::shared_ptr<Gate> gate_;  ///< of answers
};

}  // namespace shmbus::bridge
