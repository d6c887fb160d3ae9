#include "cli/tap_session.hpp"

#include <algorithm>
#include <thread>

#include "cli/exit_codes.hpp"
#include "os/clock.hpp"
#include "recorder/recorder.hpp"

namespace shmbus::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto ask_every = 200ms;   // a wish holds for a second
constexpr auto look_every = 500ms;  // whether it is still the same bus
// 1,024 events fit between two looks: a million a second while there are any.
constexpr auto nap_while_busy = 50us;
constexpr auto nap_while_quiet = 1ms;
constexpr auto quiet_after = 50ms;

std::shared_ptr<detail::BusCore> join(const Context& context, std::string_view label) {
  OpenOptions options;
  options.create = false;
  options.trust = context.trust;
  options.label = label;
  return value_or_fail(detail::BusCore::open(context.bus, {options, false}));
}

bool is(const Who& who, const std::string& wanted) {
  return who.label == wanted || std::to_string(who.pid) == wanted;
}

}  // namespace

TapSession::TapSession(const Context& context, std::string_view label, bool whole_requests)
    : reader_(value_or_fail(inspect::Reader::open(context.bus))),
      bus_(join(context, label)),
      events_(bus_->view()),
      texts_(reader_),
      whole_requests_(whole_requests) {
  ask_again();
}

void TapSession::ask_again() {
  const auto now = Clock::now();
  if (now < ask_at_) return;
  recorder::ask_for_events(bus_->attachment(), whole_requests_);
  ask_at_ = now + ask_every;
}

std::optional<recorder::Event> TapSession::next() {
  ask_again();
  auto event = events_.next(wait::monotonic_ns());
  if (event) last_event_ = Clock::now();
  return event;
}

void TapSession::rest() {
  const auto now = Clock::now();
  if (now >= look_at_) {
    look_at_ = now + look_every;
    if (reader_.replaced() || !bus_->attachment().intact()) {
      throw Failure(ErrorKind::bus_unusable, "the bus was removed or replaced: start again");
    }
  }
  const bool quiet = now - last_event_ > quiet_after;
  std::this_thread::sleep_for(quiet ? Clock::duration(nap_while_quiet)
                                    : Clock::duration(nap_while_busy));
}

std::vector<std::byte> TapSession::request_of(const recorder::Event& event) const {
  if (auto whole = events_.request_of(event)) return std::move(*whole);
  if (event.spilled != 0 || event.bytes_in <= event.excerpt.size()) return {};
  const auto start = event.request_start();
  return {start.begin(), start.end()};
}

bool EventFilter::wants(EventTexts& texts, const recorder::Event& event) const {
  if (failed && event.outcome == 0) return false;
  if (event.duration_ns < slower_ns) return false;
  if (!names.empty() &&
      std::find(names.begin(), names.end(), texts.name_of(event.record)) == names.end()) {
    return false;
  }
  if (!from.empty() && !is(texts.who(event.caller), from)) return false;
  return by.empty() || is(texts.who(event.handler), by);
}

void add_filter_options(CLI::App& command, EventFilter& filter) {
  command.add_option("--from", filter.from, "Only those of this caller: its label or pid");
  command.add_option("--by", filter.by, "Only those that this handler ran: its label or pid");
}

}  // namespace shmbus::cli
