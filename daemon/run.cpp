#include "daemon/run.hpp"

#include <vector>

#include "daemon/actions.hpp"
#include "daemon/sources.hpp"
#include "daemon/supervisor.hpp"
#include "os/clock.hpp"

namespace shmbus::daemon {

Result<Ending> supervise(const shmbus::detail::BusCore& bus, Nanos statistics, const Log& log,
                         const Notifier& notifier) {
  const Attachment& a = bus.attachment();
  const std::uint32_t slots = a.view.capacities().participants;
  auto sources = Sources::make(slots, a.view.bus_events().arrivals);
  if (!sources) return tl::unexpected<Error>(sources.error());

  Tuning tuning;
  tuning.statistics = statistics;
  tuning.watchdog = notifier.watchdog();
  Supervisor supervisor(slots, tuning);
  ActionExecutor performer({a, bus.path(), **sources, log, notifier});

  std::vector<Event> events{event::Started{}};
  std::vector<Event> outcomes;
  for (;;) {
    const Nanos now = wait::monotonic_ns();
    outcomes.clear();
    for (const Action& action : supervisor.step(now, events)) {
      performer.perform(action, now, outcomes);
    }
    if (!a.intact()) return bus.not_intact();
    if (performer.ending()) return *performer.ending();
    events.swap(outcomes);
    if (events.empty()) (*sources)->wait(supervisor.wake_at(), events);
  }
}

}  // namespace shmbus::daemon
