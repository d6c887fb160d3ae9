// Policies of names.
#include <algorithm>

#include "c/handles.hpp"

namespace shmbus::capi {
namespace {

Policy policy_of(const shmbus_policy_t& given) noexcept {
  Policy policy;
  policy.deny = given.deny != 0;
  policy.deadline = Duration(given.deadline_ns);
  policy.outstanding_per_caller = given.outstanding_per_caller;
  policy.outstanding = given.outstanding;
  policy.rate.commands = given.rate_commands;
  if (given.rate_per_ns != 0) policy.rate.per = Duration(given.rate_per_ns);
  if (given.rate_burst != 0) policy.rate.burst = given.rate_burst;
  auto& breaker = policy.breaker;
  breaker.failure_percent = given.breaker_failure_percent;
  if (given.breaker_min_calls != 0) breaker.min_calls = given.breaker_min_calls;
  if (given.breaker_window_ns != 0) breaker.window = Duration(given.breaker_window_ns);
  if (given.breaker_open_ns != 0) breaker.open_for = Duration(given.breaker_open_ns);
  breaker.count_rejections = given.breaker_count_rejections != 0;
  return policy;
}

shmbus_policy_t policy_out(const Policy& policy) noexcept {
  shmbus_policy_t out{};
  out.deny = policy.deny ? 1 : 0;
  out.deadline_ns = policy.deadline.count();
  out.outstanding_per_caller = policy.outstanding_per_caller;
  out.outstanding = policy.outstanding;
  if (policy.rate.commands != 0) {
    out.rate_commands = policy.rate.commands;
    out.rate_burst = policy.rate.burst;
    out.rate_per_ns = policy.rate.per.count();
  }
  if (policy.breaker.failure_percent != 0) {
    out.breaker_failure_percent = policy.breaker.failure_percent;
    out.breaker_min_calls = policy.breaker.min_calls;
    out.breaker_window_ns = policy.breaker.window.count();
    out.breaker_open_ns = policy.breaker.open_for.count();
    out.breaker_count_rejections = policy.breaker.count_rejections ? 1 : 0;
  }
  return out;
}

}  // namespace
}  // namespace shmbus::capi

using namespace shmbus;

extern "C" {

int shmbus_set_policy(shmbus_bus_t* bus, const char* name, const shmbus_policy_t* policy,
                      shmbus_error_t* error) {
  if (bus == nullptr || name == nullptr) return capi::no_argument(error);
  shmbus_policy_t given;
  if (!capi::read_options(policy, &given, sizeof given)) return capi::bad_options(error);
  return capi::report(error, bus->bus.set_policy(std::string_view(name), capi::policy_of(given)));
}

int shmbus_get_policy(shmbus_bus_t* bus, const char* name, shmbus_policy_t* policy,
                      shmbus_error_t* error) {
  if (bus == nullptr || name == nullptr || policy == nullptr) return capi::no_argument(error);
  const auto found = bus->bus.policy(std::string_view(name));
  if (!found) return capi::report(error, found.error());
  return capi::write_out(capi::policy_out(*found), policy) ? SHMBUS_OK : capi::bad_options(error);
}

int shmbus_policy_status(shmbus_bus_t* bus, const char* name, shmbus_policy_status_t* status,
                         shmbus_error_t* error) {
  if (bus == nullptr || name == nullptr || status == nullptr) return capi::no_argument(error);
  const auto found = bus->bus.policy_status(std::string_view(name));
  if (!found) return capi::report(error, found.error());
  shmbus_policy_status_t out{};
  out.circuit = static_cast<std::int32_t>(found->circuit);
  out.circuit_since_ns = found->circuit_since.count();
  out.window_calls = found->window_calls;
  out.window_failures = found->window_failures;
  out.outstanding = found->outstanding;
  out.denied = found->denied;
  out.over_rate = found->over_rate;
  out.over_outstanding = found->over_outstanding;
  out.circuit_open = found->circuit_open;
  out.opened = found->opened;
  out.set_by_uid = found->set_by_uid;
  out.set_by_pid = found->set_by_pid;
  out.set_at_unix_s = found->set_at_unix_s;
  return capi::write_out(out, status) ? SHMBUS_OK : capi::bad_options(error);
}

}  // extern "C"
