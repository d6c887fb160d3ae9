// What a publisher handle works on: the lane of one publisher, and waiting for room in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "attach/deadline.hpp"
#include "events/writer.hpp"
#include "os/spin.hpp"
#include "session/core.hpp"
#include "shmbus/event_options.hpp"
#include "shmbus/schema.hpp"

namespace shmbus::detail {

class PublisherCore {
 public:
  /// May throw std::bad_alloc.
  static Result<std::unique_ptr<PublisherCore>> open(std::shared_ptr<BusCore> bus,
                                                     const CommandName& name,
                                                     const PublisherOptions& options,
                                                     const Schema& types);
  PublisherCore(const PublisherCore&) = delete;
  PublisherCore& operator=(const PublisherCore&) = delete;
  ~PublisherCore();

  Result<std::uint64_t> publish(std::span<const std::byte> event, Duration timeout) noexcept;
  /// Where the next event can be written, `bytes` long. The same place until it is published.
  Result<std::span<std::byte>> loan(std::size_t bytes, Duration timeout) noexcept;
  Result<std::uint64_t> publish_loaned(std::size_t bytes) noexcept;

 private:
  PublisherCore(std::shared_ptr<BusCore> bus, std::uint32_t topic, events::Writer writer) noexcept;
  [[nodiscard]] const Attachment& attachment() const noexcept { return bus_->attachment(); }
  Result<void> prepare(std::size_t bytes, Duration timeout) noexcept;
  Result<void> wait_for_room(Duration timeout) noexcept;
  bool spin_for_holder() noexcept;
  void drop_dead_holder() noexcept;
  tl::unexpected<Error> held_up() const noexcept;
  tl::unexpected<Error> too_large(std::size_t bytes) const noexcept;
  std::uint64_t commit(std::size_t bytes) noexcept;

  std::shared_ptr<BusCore> bus_;
  layout::Topic* topic_;
  std::uint32_t topic_index_;
  events::Writer writer_;
  wait::SpinBudget spin_;  ///< of waiting for room
  bool loaned_ = false;
};

}  // namespace shmbus::detail
