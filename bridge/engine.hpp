// The connection to the engine (NATS), driven by the bridge's own loop: no thread of the client's
// library stands between the socket and a message's handler.
//
// Threads   publish() by any thread; everything else by the loop's. Only answers to requests come
//           by a thread of the library (subscribe_answers). The library's thread that
//           connects anew tells by callbacks, which only store what the loop then looks at.
// Loss      What is published while there is no connection is refused, never kept for later: a
//           command that is sent after its caller has given up would run beyond its deadline.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
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

  Engine();
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
  [[nodiscard]] std::string server() const;
  /// The largest payload that the engine takes.
  [[nodiscard]] std::size_t payload_max() const noexcept;
  /// The same less the room that headers may take.
  [[nodiscard]] std::size_t part_max() const noexcept;

  /// Ends when the result is destroyed. `queue` empty: each subscriber gets each message.
  Result<std::shared_ptr<Subscription>> subscribe(const std::string& subject,
                                                  const std::string& queue, OnMessage on_message);
  /// The same for answers to requests: `on_message` also gets the engine's word that a request has
  /// no responders, which the client's library keeps from the other kind. A thread of the library
  /// calls it; it does not any more once the result is destroyed.
  Result<std::shared_ptr<Subscription>> subscribe_answers(const std::string& subject,
                                                          OnMessage on_message);
  /// False: it was not sent, and will not be: no connection, or too much waits to be written.
  bool publish(const Message& message) noexcept;

  /// Its socket is ready: takes what has come, at most `budget` messages. True: there is more.
  bool process(std::uint32_t events, int budget);
  [[nodiscard]] natsConnection* connection() const noexcept { return connection_; }
  [[nodiscard]] std::uint64_t dropped() const noexcept;

 private:
  friend class Subscription;
  struct Callbacks;
  bool take(int budget);
  static void deliver(natsConnection* nc, natsSubscription* sub, natsMsg* message, void* gate);
  void write_out() noexcept;

  natsConnection* connection_ = nullptr;
  natsOptions* options_ = nullptr;
  natsStatistics* statistics_ = nullptr;
  int epoll_ = -1;
  void* mark_ = nullptr;
  std::atomic<int> socket_{-1};
  std::atomic<bool> wants_write_{false};
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
  explicit Subscription(Gate* gate) noexcept : gate_(gate) {}

  natsSubscription* subscription_ = nullptr;
  OnMessage on_message_;
  Gate* gate_ = nullptr;  ///< of answers; the library frees it when it is done
};

}  // namespace shmbus::bridge
