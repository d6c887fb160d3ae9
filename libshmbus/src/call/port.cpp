#include "call/port.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "recovery/participant.hpp"
#include "session/core.hpp"
#include "words/directory.hpp"
#include "words/extents.hpp"

namespace shmbus::detail {
namespace {

struct Entry {
  const BusCore* bus;
  std::weak_ptr<Port> port;
};
/// Objects of the thread's callers may outlive it, in the hands of others.
struct PortsOfThread : std::vector<Entry> {
  ~PortsOfThread() {
    for (const auto& entry : *this) {
      if (const auto port = entry.port.lock()) port->thread_ends();
    }
  }
};
thread_local PortsOfThread ports_of_thread;

}  // namespace

Port::Port(std::shared_ptr<BusCore> bus)
    : bus_(std::move(bus)),
      thread_(&this_thread),
      resources_(std::make_unique<ThreadResources>(bus_->attachment())) {
  if (this_thread.watchful == 0) this_thread.plain = thread_;
}

Port::~Port() {
  if (bus_->attachment().forked()) return;
  collect_all();
  for (const auto& lane : resources_->lanes) lane->on_lost = nullptr;  // its user may be gone
  if (!resources_->settled()) bus_->leave_behind(std::move(resources_));
}

Result<std::shared_ptr<Port>> Port::of_this_thread(const std::shared_ptr<BusCore>& bus) {
  std::erase_if(ports_of_thread, [](const Entry& entry) { return entry.port.expired(); });
  for (const auto& entry : ports_of_thread) {
    if (entry.bus != bus.get()) continue;
    if (auto port = entry.port.lock()) return port;
  }
  bus->settle_left_behind();
  auto port = std::make_shared<Port>(bus);
  ports_of_thread.push_back({bus.get(), port});
  return port;
}

void Port::retire_idle_lanes() noexcept {
  resources_->take_back_withdrawn();
  std::erase_if(resources_->lanes, [this](const std::shared_ptr<LeasedLane>& lane) {
    // SYNC endpoint.control
    const layout::ControlWord control{
        lane->lane.endpoint().control.control.load(std::memory_order_acquire)};
    collect(*lane);
    if (control.active() || lane->lane.outstanding() != 0) return false;
    lane->retired = true;
    lane::detach(bus_->attachment(), lane->lane.index());
    return true;
  });
}

bool Port::let_go_of_an_idle_lane() noexcept {
  auto& lanes = resources_->lanes;
  const auto idle = std::find_if(lanes.begin(), lanes.end(),
                                 [](const auto& lane) { return lane->lane.outstanding() == 0; });
  if (idle == lanes.end()) return false;
  (*idle)->retired = true;
  lane::detach(bus_->attachment(), (*idle)->lane.index());
  lanes.erase(idle);
  return true;
}

/// The user whose abandoned lanes may be dropped to get more of it: at its own quota a user frees
/// nothing of others.
std::uint32_t Port::whose(quota::Of what, std::uint32_t more) const noexcept {
  return quota::exceeded(bus_->attachment(), what, more) ? quota::own_user()
                                                         : recovery::of_any_user;
}

Result<std::shared_ptr<LeasedLane>> Port::lane_to(std::uint32_t endpoint) noexcept {
  auto& lanes = resources_->lanes;
  for (const auto& lane : lanes) {
    if (lane->lane.endpoint_index() == endpoint) return lane;
  }
  retire_idle_lanes();
  const auto& bus = bus_->attachment();
  auto attached = lane::attach(bus, endpoint);
  if (!attached) {
    bus_->settle_left_behind();
    recovery::reclaim_all(bus);
    attached = lane::attach(bus, endpoint);
    while (!attached && recovery::drop_one_stranded(bus, whose(quota::Of::lanes, 1), false)) {
      attached = lane::attach(bus, endpoint);
    }
  }
  // Two threads that each keep an idle lane, and need another, would wait for each other for ever.
  // The owner of the lane frees it, so it is there for a later attempt.
  if (!attached && let_go_of_an_idle_lane()) attached = lane::attach(bus, endpoint);
  if (!attached && quota::exceeded(bus, quota::Of::lanes, 1)) {
    return quota::reached(bus, quota::Of::lanes);
  }
  if (!attached) {
    return fail(ErrorKind::limit_reached,
                "no free lane: create the bus with larger capacities.lanes, or use fewer threads");
  }
  try {
    lanes.push_back(std::make_shared<LeasedLane>(bus, *attached, endpoint));
    return lanes.back();
  } catch (const std::bad_alloc&) {
    lane::detach(bus, attached->lane);
    return fail(ErrorKind::overloaded, "out of memory for a lane");
  }
}

Result<Block> Port::allocate(std::uint64_t bytes) noexcept {
  if (bytes > bus_->view().geometry().extents.bytes()) {
    Error error{ErrorKind::too_large, 0, bytes, {}};
    error.message.append("the bus has ")
        .append(bus_->view().geometry().extents.bytes())
        .append(" bytes of payload memory in all, ")
        .append(bytes)
        .append(" were asked for: create it with more or larger capacities.extents");
    return tl::unexpected<Error>(error);
  }
  auto& pool = resources_->pool;
  if (auto block = pool.allocate(bytes)) return *block;
  collect_all();
  resources_->take_back_withdrawn();
  if (auto block = pool.allocate(bytes)) return *block;
  // Others may have died, or ended, with memory in their hands.
  bus_->settle_left_behind();
  const auto& bus = bus_->attachment();
  recovery::reclaim_all(bus);
  if (auto block = pool.allocate(bytes)) return *block;
  const auto extent_bytes = std::uint64_t{bus.view.capacities().extent_bytes};
  const auto extents = static_cast<std::uint32_t>((bytes + extent_bytes - 1) / extent_bytes);
  // What they left for a handler that may come: the living come first.
  while (recovery::drop_one_stranded(bus, whose(quota::Of::extents, extents), true)) {
    if (auto block = pool.allocate(bytes)) return *block;
  }
  if (quota::exceeded(bus, quota::Of::extents, extents)) {
    return quota::reached(bus, quota::Of::extents);
  }
  const std::uint32_t free = payload::free_count(bus.view);
  Error error{ErrorKind::overloaded, ENOBUFS, 0, "no payload memory left: "};
  error.message.append(bytes).append(" bytes need ").append(extents);
  error.message.append(extents == 1 ? " free extent, " : " free extents in a row, ").append(free);
  error.message.append(" of ").append(bus.view.capacities().extents).append(" are free");
  error.message.append(
      ": wait for replies and drop them, or create the bus with more "
      "capacities.extents");
  return tl::unexpected<Error>(error);
}

}  // namespace shmbus::detail
