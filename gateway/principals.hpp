// Who may use the gateway: principals, found by what a client shows, with their limits.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/bus_link.hpp"
#include "gateway/config.hpp"
#include "gateway/exchange.hpp"

namespace shmbus::gateway {

enum class Action : std::uint8_t { call, send, listen };

/// One principal while the gateway runs. Requests under way keep it when the configuration has
/// dropped it.
class Principal {
 public:
  Principal(PrincipalConfig config, BusLink link);

  [[nodiscard]] const PrincipalConfig& config() const noexcept { return config_; }
  [[nodiscard]] bool may(Action action, std::string_view name) const noexcept;
  /// Takes one request off the rate; false when it is used up.
  bool take(Time at) noexcept;
  /// Until a request is left again.
  [[nodiscard]] Time wait_for_one() const noexcept;
  [[nodiscard]] BusLink& link() noexcept { return link_; }
  void adopt(PrincipalConfig config) noexcept;
  [[nodiscard]] bool busy() const noexcept { return under_way_ != 0 || link_.busy(); }

 private:
  friend class Slot;
  PrincipalConfig config_;
  BusLink link_;
  double left_;
  Time counted_at_ = 0;
  std::uint32_t under_way_ = 0;
};

/// One of the requests that a principal may have under way.
class Slot {
 public:
  /// Nothing when there are as many as it may have.
  static std::optional<Slot> take(const std::shared_ptr<Principal>& of);
  Slot(Slot&& other) noexcept = default;
  Slot& operator=(Slot&& other) noexcept;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot();
  [[nodiscard]] Principal& principal() const noexcept { return *of_; }
  [[nodiscard]] const std::shared_ptr<Principal>& shared() const noexcept { return of_; }

 private:
  explicit Slot(std::shared_ptr<Principal> of) noexcept;
  std::shared_ptr<Principal> of_;
};

/// What a client shows of itself.
struct Credentials {
  std::optional<std::string_view> authorization;  ///< the field, if there is one
  const Peer& peer;
};

class Principals {
 public:
  /// Principals of the same name go on with their counts.
  void update(const Config& config, EventLoop& loop);
  /// Null when nobody is known by these. A token that is shown must be a known one.
  [[nodiscard]] std::shared_ptr<Principal> find(const Credentials& shown) const;
  [[nodiscard]] const std::vector<std::shared_ptr<Principal>>& all() const noexcept { return all_; }
  /// Looks for answers and deadlines, also of principals that are not configured any more.
  void tick();
  /// Forgets those that have nothing under way any more.
  void check();

 private:
  std::vector<std::shared_ptr<Principal>> all_;
  std::vector<std::shared_ptr<Principal>> former_;
  std::unordered_map<std::string, std::shared_ptr<Principal>> by_token_;
  std::unordered_map<uid_t, std::shared_ptr<Principal>> by_uid_;
  std::unordered_map<std::string, std::shared_ptr<Principal>> by_certificate_;
  std::shared_ptr<Principal> anonymous_;
};

}  // namespace shmbus::gateway
