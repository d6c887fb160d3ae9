#include "session/check_options.hpp"

#include <type_traits>

#include "layout/limits.hpp"

namespace shmbus::detail {
namespace {

constexpr std::uint32_t mode_max = 0777;
constexpr std::uint32_t mode_of_owner = 0600;
constexpr std::int64_t id_max = 0xFFFF'FFFE;  // (uid_t)-1 stands for "leave it"

/// Notes the first option that is wrong.
class Check {
 public:
  void that(bool fits, std::string_view what) noexcept {
    if (!fits && wrong_.empty()) wrong_ = what;
  }
  template <class Enum>
  void is_one_of(Enum value, Enum last, std::string_view what) noexcept {
    using Number = std::underlying_type_t<Enum>;
    that(static_cast<Number>(value) <= static_cast<Number>(last), what);
  }
  [[nodiscard]] Result<void> result() const noexcept {
    if (wrong_.empty()) return {};
    return fail(ErrorKind::invalid_argument, wrong_);
  }

 private:
  std::string_view wrong_;
};

/// False for NaN too.
bool is_part(double ratio) noexcept { return ratio >= 0 && ratio <= 1; }

}  // namespace

Result<void> check(const OpenOptions& options) noexcept {
  Check check;
  check.that(options.mode == 0 ||
                 (options.mode <= mode_max && (options.mode & mode_of_owner) == mode_of_owner),
             "OpenOptions::mode is from 0600 to 0777, with read and write for the owner");
  check.that(options.group >= -1 && options.group <= id_max,
             "OpenOptions::group is a gid, or -1 for the process's own");
  check.that(options.trust >= trust_anybody && options.trust <= id_max,
             "OpenOptions::trust is a uid, trust_own_and_root or trust_anybody");
  check.that(options.default_timeout > Duration::zero(),
             "OpenOptions::default_timeout is more than 0, or forever");
  check.that(is_part(options.trace_ratio), "OpenOptions::trace_ratio is from 0 to 1");
  check.is_one_of(options.timing, Timing::all, "OpenOptions::timing is no value of Timing");
  return check.result();
}

Result<void> check(const CallerOptions& options) noexcept {
  Check check;
  check.that(options.trace_ratio == -1 || is_part(options.trace_ratio),
             "CallerOptions::trace_ratio is from 0 to 1, or -1 for that of the bus");
  check.is_one_of(options.wait, WaitMode::blocking, "CallerOptions::wait is no value of WaitMode");
  check.is_one_of(options.when_vacant, WhenVacant::wait,
                  "CallerOptions::when_vacant is no value of WhenVacant");
  check.is_one_of(options.when_full, WhenFull::wait,
                  "CallerOptions::when_full is no value of WhenFull");
  check.is_one_of(options.on_caller_exit, OnCallerExit::cancel,
                  "CallerOptions::on_caller_exit is no value of OnCallerExit");
  check.is_one_of(options.inherit, Inherit::trace, "CallerOptions::inherit is no value of Inherit");
  check.is_one_of(options.in_group, InGroup::pinned,
                  "CallerOptions::in_group is no value of InGroup");
  return check.result();
}

Result<void> check(const ServeOptions& options) noexcept {
  Check check;
  check.is_one_of(options.wait, WaitMode::blocking, "ServeOptions::wait is no value of WaitMode");
  check.is_one_of(options.order, Order::global, "ServeOptions::order is no value of Order");
  check.that(options.hot_lanes <= layout::lanes_max,
             "ServeOptions::hot_lanes is more than a bus can have lanes");
  check.that(options.workers <= layout::workers_max, "ServeOptions::workers is from 0 to 1000");
  check.that(options.workers == 0 || options.order != Order::global,
             "ServeOptions::workers run commands at the same time: Order::global is not for them");
  return check.result();
}

Result<void> check(const Registration& registration) noexcept {
  Check check;
  check.is_one_of(registration.sharing, Sharing::canary,
                  "Registration::sharing is no value of Sharing");
  check.is_one_of(registration.parallel, Parallel::yes,
                  "Registration::parallel is no value of Parallel");
  return check.result();
}

Result<void> check(const SubscriberOptions& options) noexcept {
  Check check;
  check.is_one_of(options.from, From::oldest, "SubscriberOptions::from is no value of From");
  check.is_one_of(options.when_slow, WhenSlow::hold,
                  "SubscriberOptions::when_slow is no value of WhenSlow");
  check.is_one_of(options.wait, WaitMode::blocking,
                  "SubscriberOptions::wait is no value of WaitMode");
  return check.result();
}

}  // namespace shmbus::detail
