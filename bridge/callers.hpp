// The ways from the bridge onto its bus: one opened bus for each label of a remote caller, so that
// handlers see who calls; a caller for each name; calls under way.
//
// Threads   The loop's. Nothing here blocks, but for wait_shortly().
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bridge/loop.hpp"
#include "shmbus/bus.hpp"
#include "shmbus/trace.hpp"

namespace shmbus::bridge {

using Answered = std::function<void(Result<ReplyView>)>;

struct BusCall {
  std::string name;
  std::span<const std::byte> request;
  std::size_t room = 0;
  Duration timeout{};
  TraceContext trace{};
  std::uint32_t attempt = 1;
  std::string label;
};

class Callers {
 public:
  struct Where {
    std::string bus;
    std::int64_t trust = trust_own_and_root;
    std::uint32_t labels_max = 8;
  };
  Callers(Loop& loop, Where where);
  ~Callers();
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;

  /// `id` names the call for cancel().
  Result<void> start(const BusCall& call, const std::string& id, Answered answered);
  Result<void> send(const BusCall& call);
  void cancel(const std::string& id);
  /// Answers, deaths, deadlines.
  void tick();
  /// Waits for the answer of the only call under way: it usually comes before a turn of the loop.
  void wait_shortly(Duration limit);
  [[nodiscard]] std::size_t under_way() const noexcept { return under_way_; }

 private:
  class Lane;
  struct Identity {
    Bus bus;
    std::map<std::string, std::unique_ptr<Lane>> lanes;
  };
  Result<Lane*> lane_for(const BusCall& call);
  Result<Identity*> identity_for(const std::string& label);

  Loop& loop_;
  Where where_;
  std::map<std::string, Identity> identities_;
  std::size_t under_way_ = 0;
};

}  // namespace shmbus::bridge
