// Serves the metrics of a bus to scrapers over HTTP, on a thread of its own.
//
// The supervisor never meets a scraper: this thread looks at the bus through a read-only mapping of
// its own (inspect/reader.hpp) and shares nothing with the loop. Sockets are non-blocking; a
// scraper that sends or reads slowly holds one of a bounded number of connections: until it has
// been silent for 10 s, or until so many others have come that its place is needed. Then the
// connection of which nothing has come for longest is ended, so that a new one is always answered
// at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "daemon/span_counts.hpp"
#include "shmbus/error.hpp"

namespace shmbus::daemon {

class MetricsServer {
 public:
  /// Listens at `address` (listen_socket.hpp) for scrapers of `bus`, which it follows by its name:
  /// when the bus is replaced, the next scrape shows the new one. `spans`, if any, must outlive it.
  static Result<std::unique_ptr<MetricsServer>> start(std::string_view address, std::string bus,
                                                      const SpanCounts* spans);
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  ~MetricsServer();

  [[nodiscard]] const std::string& address() const noexcept;

 private:
  struct State;
  explicit MetricsServer(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace shmbus::daemon
