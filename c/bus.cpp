// Opening a bus, names, watches.
#include <algorithm>
#include <array>

#include "c/handles.hpp"
#include "schema/check.hpp"
#include "session/core.hpp"

namespace shmbus::capi {
namespace {

OpenOptions options_of(const shmbus_open_options_t& given) noexcept {
  OpenOptions options;
  options.capacities = {given.participants, given.names,          given.endpoints,
                        given.lanes,        given.cells_per_lane, given.inbox_slots,
                        given.extents,      given.extent_bytes};
  options.quotas_per_uid = {given.max_participants, given.max_endpoints, given.max_names,
                            given.max_lanes, given.max_extents};
  if (given.mode != 0) options.mode = given.mode;
  if ((given.flags & SHMBUS_OPEN_SET_GROUP) != 0) options.group = given.group;
  options.create = (given.flags & SHMBUS_OPEN_NO_CREATE) == 0;
  options.label = view_of(given.label);
  if (given.default_timeout_ns != 0) options.default_timeout = Duration(given.default_timeout_ns);
  options.catch_bus_errors = (given.flags & SHMBUS_OPEN_LEAVE_BUS_ERRORS) == 0;
  options.trace_ratio = given.trace_ratio;
  if ((given.flags & SHMBUS_OPEN_TIME_ALL) != 0) options.timing = Timing::all;
  return options;
}

void copy_change(const NameChange& change, shmbus_name_change_t& out) noexcept {
  copy_text(out.name, change.name.view());
  copy_text(out.owner, change.owner.view());
  out.pid = change.pid;
  out.available = change.available ? 1 : 0;
  out.taken_over = change.taken_over ? 1 : 0;
}

/// Takes the changes from the watch, behind those that were not delivered yet.
Result<void> gather(shmbus_watch_t& watch) noexcept {
  bool lost = false;
  const auto polled = watch.watch.poll([&](const NameChange& change) {
    const auto added = detail::without_throwing([&]() -> Result<void> {
      watch.undelivered.push_back(change);
      return {};
    });
    lost = lost || !added;
  });
  if (!polled) return tl::unexpected<Error>(polled.error());
  if (lost) return fail(ErrorKind::overloaded, "out of memory: changes of names were lost");
  return {};
}

}  // namespace
}  // namespace shmbus::capi

using namespace shmbus;

extern "C" {

int shmbus_open(const char* name_or_path, const shmbus_open_options_t* options, shmbus_bus_t** bus,
                shmbus_error_t* error) {
  if (name_or_path == nullptr || bus == nullptr) return capi::no_argument(error);
  shmbus_open_options_t given;
  if (!capi::read_options(options, &given, sizeof given)) return capi::bad_options(error);
  constexpr std::uint32_t flags = SHMBUS_OPEN_NO_CREATE | SHMBUS_OPEN_SET_GROUP |
                                  SHMBUS_OPEN_LEAVE_BUS_ERRORS | SHMBUS_OPEN_TIME_ALL;
  if ((given.flags & ~flags) != 0 || given.reserved != 0) return capi::bad_options(error);
  auto opened = Bus::open(name_or_path, capi::options_of(given));
  if (!opened) return capi::report(error, opened.error());
  const auto made = detail::without_throwing([&]() -> Result<void> {
    std::string path(opened->path());
    *bus = new shmbus_bus_t{std::move(*opened), std::move(path)};
    return {};
  });
  return capi::report(error, made);
}

void shmbus_close(shmbus_bus_t* bus) { delete bus; }

const char* shmbus_path(const shmbus_bus_t* bus) { return bus == nullptr ? "" : bus->path.c_str(); }

int shmbus_wait_until_available(shmbus_bus_t* bus, const char* name, int64_t timeout_ns,
                                shmbus_error_t* error) {
  if (bus == nullptr || name == nullptr) return capi::no_argument(error);
  return capi::report(error,
                      bus->bus.wait_until_available(std::string_view(name), Duration(timeout_ns)));
}

int shmbus_schema(shmbus_bus_t* bus, const char* name, char* text, size_t capacity, size_t* length,
                  shmbus_error_t* error) {
  if (bus == nullptr || name == nullptr || (text == nullptr && capacity != 0)) {
    return capi::no_argument(error);
  }
  const auto types = bus->bus.registered_types(std::string_view(name));
  if (!types) return capi::report(error, types.error());
  const auto found = types->text.view();
  if (found.size() >= capacity) {
    Error none{ErrorKind::too_large, 0, found.size() + 1, {}, {}, true};
    none.message.append("the schema needs room for ").append(found.size() + 1).append(" bytes");
    return capi::report(error, none);
  }
  std::memcpy(text, found.data(), found.size());
  text[found.size()] = '\0';
  if (length != nullptr) *length = found.size();
  return SHMBUS_OK;
}

int shmbus_schema_check(const char* handler, const char* caller, shmbus_error_t* error) {
  if (handler == nullptr || caller == nullptr) return capi::no_argument(error);
  const auto handlers = capi::schema_of_text(handler);
  if (!handlers) return capi::report(error, handlers.error());
  const auto callers = capi::schema_of_text(caller);
  if (!callers) return capi::report(error, callers.error());
  if (handlers->text.empty() || callers->text.empty()) return SHMBUS_OK;  // bytes fit everything
  const auto difference = schema::difference(handlers->text, callers->text);
  if (difference.empty()) return SHMBUS_OK;
  return capi::refuse(error, ErrorKind::type_mismatch, difference.view());
}

int shmbus_watch_new(shmbus_bus_t* bus, const char* const* names, size_t count,
                     shmbus_watch_t** watch, shmbus_error_t* error) {
  if (bus == nullptr || watch == nullptr || (names == nullptr && count != 0)) {
    return capi::no_argument(error);
  }
  const auto made = detail::without_throwing([&]() -> Result<void> {
    std::vector<std::string_view> wanted;
    for (size_t i = 0; i < count; ++i) wanted.push_back(capi::view_of(names[i]));
    auto watching = bus->bus.watch(wanted);
    if (!watching) return tl::unexpected<Error>(watching.error());
    *watch = new shmbus_watch_t{std::move(*watching), {}};
    return {};
  });
  return capi::report(error, made);
}

void shmbus_watch_free(shmbus_watch_t* watch) { delete watch; }

int shmbus_watch_poll(shmbus_watch_t* watch, shmbus_name_change_t* changes, size_t capacity,
                      size_t* count, shmbus_error_t* error) {
  if (watch == nullptr || count == nullptr || (changes == nullptr && capacity != 0)) {
    return capi::no_argument(error);
  }
  if (const auto found = capi::gather(*watch); !found) return capi::report(error, found.error());
  auto& undelivered = watch->undelivered;
  const size_t given = std::min(capacity, undelivered.size());
  for (size_t i = 0; i < given; ++i) capi::copy_change(undelivered[i], changes[i]);
  undelivered.erase(undelivered.begin(), undelivered.begin() + static_cast<std::ptrdiff_t>(given));
  *count = given;
  return SHMBUS_OK;
}

int shmbus_watch_wait(shmbus_watch_t* watch, int64_t timeout_ns, int* changed,
                      shmbus_error_t* error) {
  if (watch == nullptr || changed == nullptr) return capi::no_argument(error);
  if (!watch->undelivered.empty()) {
    *changed = 1;
    return SHMBUS_OK;
  }
  const auto found = watch->watch.wait(Duration(timeout_ns));
  if (!found) return capi::report(error, found.error());
  *changed = *found ? 1 : 0;
  return SHMBUS_OK;
}

int shmbus_watch_fd(shmbus_watch_t* watch, int* fd, shmbus_error_t* error) {
  if (watch == nullptr || fd == nullptr) return capi::no_argument(error);
  const auto found = watch->watch.fd();
  if (!found) return capi::report(error, found.error());
  *fd = *found;
  return SHMBUS_OK;
}

}  // extern "C"
