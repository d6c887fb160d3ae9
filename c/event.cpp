// Events: publishers and subscribers, thin over RawPublisher and RawSubscriber.
#include "c/handles.hpp"
#include "session/core.hpp"

namespace shmbus::capi {
namespace {

/// Makes a handle of what the library made.
template <class Handle, class Made>
int hold(Result<Made> made, Handle** out, shmbus_error_t* error) noexcept {
  if (!made) return report(error, made.error());
  auto* const handle = new (std::nothrow) Handle{std::move(*made)};
  if (handle == nullptr) return no_node(error);
  *out = handle;
  return SHMBUS_OK;
}

int report_sequence(const Result<std::uint64_t>& published, uint64_t* sequence,
                    shmbus_error_t* error) noexcept {
  if (!published) [[unlikely]]
    return report(error, published.error());
  if (sequence != nullptr) *sequence = *published;
  return SHMBUS_OK;
}

}  // namespace
}  // namespace shmbus::capi

using namespace shmbus;

extern "C" {

int shmbus_publisher_new(shmbus_bus_t* bus, const char* name,
                         const shmbus_publisher_options_t* options, shmbus_publisher_t** publisher,
                         shmbus_error_t* error) {
  if (bus == nullptr || name == nullptr || publisher == nullptr) return capi::no_argument(error);
  shmbus_publisher_options_t given;
  if (!capi::read_options(options, &given, sizeof given)) return capi::bad_options(error);
  const auto types = capi::schema_of_text(given.schema);
  if (!types) return capi::report(error, types.error());
  PublisherOptions how;
  if (given.keep != 0) how.keep = given.keep;
  how.event_bytes = given.event_bytes;
  return capi::hold(bus->bus.publisher(std::string_view(name), how, *types), publisher, error);
}

void shmbus_publisher_free(shmbus_publisher_t* publisher) { delete publisher; }

int shmbus_publish(shmbus_publisher_t* publisher, const void* event, size_t size,
                   int64_t timeout_ns, uint64_t* sequence, shmbus_error_t* error) {
  if (publisher == nullptr || !capi::readable(event, size)) [[unlikely]]
    return capi::no_argument(error);
  publisher->loan.reset();
  return capi::report_sequence(
      publisher->publisher.publish(capi::bytes_of(event, size), Duration(timeout_ns)), sequence,
      error);
}

int shmbus_publisher_loan(shmbus_publisher_t* publisher, size_t size, int64_t timeout_ns,
                          void** data, shmbus_error_t* error) {
  if (publisher == nullptr || data == nullptr) return capi::no_argument(error);
  publisher->loan.reset();
  const auto loan = publisher->publisher.loan(size, Duration(timeout_ns));
  if (!loan) return capi::report(error, loan.error());
  *data = publisher->loan.emplace(*loan).bytes().data();
  return SHMBUS_OK;
}

int shmbus_publisher_commit(shmbus_publisher_t* publisher, size_t size, uint64_t* sequence,
                            shmbus_error_t* error) {
  if (publisher == nullptr) return capi::no_argument(error);
  if (!publisher->loan || size > publisher->loan->bytes().size()) {
    return capi::refuse(error, ErrorKind::invalid_argument,
                        "no loan, or more bytes than it has: see shmbus_publisher_loan");
  }
  EventLoan loan = *publisher->loan;
  publisher->loan.reset();
  loan.shrink(size);
  return capi::report_sequence(loan.publish(), sequence, error);
}

int shmbus_subscriber_new(shmbus_bus_t* bus, const char* name,
                          const shmbus_subscriber_options_t* options,
                          shmbus_subscriber_t** subscriber, shmbus_error_t* error) {
  if (bus == nullptr || name == nullptr || subscriber == nullptr) return capi::no_argument(error);
  shmbus_subscriber_options_t given;
  SubscriberOptions how;
  if (!capi::read_options(options, &given, sizeof given) ||
      !capi::read_enum(given.from, 3, how.from) ||
      !capi::read_enum(given.when_slow, 2, how.when_slow) ||
      !capi::read_enum(given.wait, 3, how.wait) || given.reserved != 0) {
    return capi::bad_options(error);
  }
  const auto types = capi::schema_of_text(given.schema);
  if (!types) return capi::report(error, types.error());
  return capi::hold(bus->bus.subscribe(std::string_view(name), how, *types), subscriber, error);
}

void shmbus_subscriber_free(shmbus_subscriber_t* subscriber) { delete subscriber; }

int shmbus_subscriber_next(shmbus_subscriber_t* subscriber, int64_t timeout_ns,
                           shmbus_event_t* event, shmbus_error_t* error) {
  if (subscriber == nullptr || event == nullptr) [[unlikely]]
    return capi::no_argument(error);
  shmbus_event_t out{};
  if (event->size < sizeof out.size) return capi::bad_options(error);
  subscriber->held.reset();
  auto found = subscriber->subscriber.next(Duration(timeout_ns));
  if (!found) [[unlikely]]
    return capi::report(error, found.error());
  const EventView& held = subscriber->held.emplace(std::move(*found));
  out.data = held.bytes().data();
  out.data_size = held.bytes().size();
  out.sequence = held.sequence();
  out.publisher = held.publisher();
  (void)capi::write_out(out, event);
  return SHMBUS_OK;
}

void shmbus_subscriber_release(shmbus_subscriber_t* subscriber) {
  if (subscriber != nullptr) subscriber->held.reset();
}

int shmbus_subscriber_ready(shmbus_subscriber_t* subscriber) {
  return subscriber != nullptr && subscriber->subscriber.ready() ? 1 : 0;
}

uint64_t shmbus_subscriber_missed(const shmbus_subscriber_t* subscriber) {
  return subscriber == nullptr ? 0 : subscriber->subscriber.missed();
}

int shmbus_subscriber_fd(shmbus_subscriber_t* subscriber, int* fd, shmbus_error_t* error) {
  if (subscriber == nullptr || fd == nullptr) return capi::no_argument(error);
  const auto found = subscriber->subscriber.fd();
  if (!found) return capi::report(error, found.error());
  *fd = *found;
  return SHMBUS_OK;
}

int shmbus_subscriber_poll(shmbus_subscriber_t* subscriber, shmbus_error_t* error) {
  if (subscriber == nullptr) return capi::no_argument(error);
  return capi::report(error, subscriber->subscriber.poll());
}

}  // extern "C"
