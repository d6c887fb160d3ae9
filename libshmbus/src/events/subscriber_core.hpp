// What a subscriber handle works on: a reader for each publisher of the topic, and waiting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "attach/deadline.hpp"
#include "events/reader.hpp"
#include "os/fd_bridge.hpp"
#include "os/spin.hpp"
#include "session/core.hpp"
#include "shmbus/schema.hpp"
#include "shmbus/subscriber.hpp"

namespace shmbus::detail {

class SubscriberCore {
 public:
  /// May throw std::bad_alloc.
  static Result<std::unique_ptr<SubscriberCore>> open(std::shared_ptr<BusCore> bus,
                                                      const CommandName& name,
                                                      const SubscriberOptions& options,
                                                      const Schema& types);
  SubscriberCore(const SubscriberCore&) = delete;
  SubscriberCore& operator=(const SubscriberCore&) = delete;
  ~SubscriberCore();

  Result<EventView> next(Duration timeout) noexcept;
  /// Whether next() would return at once.
  [[nodiscard]] bool ready() noexcept;
  [[nodiscard]] std::uint64_t missed() const noexcept;
  Result<int> fd() noexcept;
  Result<void> poll() noexcept;

  void let_go() noexcept;  ///< of the event that is looked at
  void close() noexcept;   ///< the handle is gone; at once, or when the event is let go of

 private:
  SubscriberCore(std::shared_ptr<BusCore> bus, std::uint32_t topic, std::uint32_t place,
                 const SubscriberOptions& options) noexcept;
  [[nodiscard]] const Attachment& attachment() const noexcept { return bus_->attachment(); }
  void begin();
  [[nodiscard]] bool lanes_changed() const noexcept {
    // SYNC topic.lanes
    return topic_->hints.lanes.load(std::memory_order_acquire) != lanes_seen_;
  }
  void find_lanes() noexcept;
  [[nodiscard]] bool reads(std::uint32_t lane) const noexcept;
  [[nodiscard]] events::Reader::Poll look() noexcept;
  Result<events::Reader::Poll> wait(Duration timeout) noexcept;
  void sleep(std::uint64_t limit_ns) noexcept;
  tl::unexpected<Error> drop_damaged() noexcept;

  std::shared_ptr<BusCore> bus_;
  layout::Topic* topic_;
  std::uint32_t topic_index_;
  std::uint32_t place_;
  SubscriberOptions options_;
  std::vector<events::Reader> readers_;
  std::vector<std::uint32_t> spared_;  ///< lanes that were being evicted when we came
  std::size_t turn_ = 0;               ///< the reader that is looked at first
  std::uint32_t lanes_seen_ = 0;
  wait::SpinBudget spin_;
  std::unique_ptr<wait::FdBridge> bridge_;
  bool looking_ = false;  ///< an event is in the user's hands
  bool closed_ = false;
};

}  // namespace shmbus::detail
