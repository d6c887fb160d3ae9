// The spool's numbers for Prometheus, over HTTP, on a thread of their own.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shmbus/error.hpp"
#include "spool/service.hpp"

namespace shmbus::spool {

/// The text format of Prometheus, version 0.0.4.
std::string metrics_text(const Snapshot& snapshot);

class Metrics {
 public:
  /// Listens at `address` (common/listen_socket.hpp). `service` must outlive it.
  static Result<std::unique_ptr<Metrics>> start(std::string_view address, const Service& service);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();
  [[nodiscard]] const std::string& address() const noexcept;

 private:
  struct State;
  explicit Metrics(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace shmbus::spool
