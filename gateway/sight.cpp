#include "gateway/sight.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>

#include "gateway/json_out.hpp"
#include "inspect/rows.hpp"
#include "layout/participant.hpp"

namespace shmbus::gateway {
namespace {

using inspect::NameInfo;
using inspect::NameState;
using inspect::Snapshot;

std::string_view word_for(NameState state) noexcept {
  switch (state) {
    case NameState::active:
      return "active";
    case NameState::dead:
      return "dead";
    case NameState::vacant:
      return "vacant";
    case NameState::unregistered:
      break;
  }
  return "unregistered";
}

std::int64_t unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// Adds a row unless it, and what ends the document, would not fit any more.
class Rows {
 public:
  Rows(JsonOut& out, std::size_t bytes_max) : out_(out), bytes_max_(bytes_max) {}
  template <class Put>
  void add(Put&& put) {
    if (out_.text().size() > bytes_max_) {
      ++left_out_;
    } else {
      put();
    }
  }
  [[nodiscard]] std::uint64_t left_out() const noexcept { return left_out_; }

 private:
  JsonOut& out_;
  std::size_t bytes_max_;
  std::uint64_t left_out_ = 0;
};

void put_bus(JsonOut& out, const Snapshot& now, bool all) {
  const auto& bus = now.bus;
  const auto slash = bus.path.rfind('/');
  const auto alive = std::count_if(now.participants.begin(), now.participants.end(),
                                   [](const auto& one) { return one.process_alive; });
  out.key("bus")
      .open('{')
      .field("name", std::string_view(bus.path).substr(slash + 1))
      .field("daemon", bus.daemon_present);
  if (all) {
    const auto& most = bus.header.capacities;
    out.field("path", bus.path)
        .field("bytes", bus.file_bytes)
        .field("resident_bytes", bus.resident_bytes)
        .field("alive", std::int64_t{alive})
        .field("participants_max", most.participants)
        .field("lanes", std::uint64_t{now.lanes.size()})
        .field("lanes_max", most.lanes)
        .field("extents", now.extents.leased)
        .field("extents_max", now.extents.total)
        .field("deaths", now.published.deaths);
  }
  out.close('}');
}

/// Quantiles; nothing when there were no samples.
void put_times(JsonOut& out, const stats::Counts& counts) {
  if (counts.total == 0) return;
  out.field("p50", counts.quantile_ns(0.5)).field("p99", counts.quantile_ns(0.99));
}

void put_command(JsonOut& out, const inspect::CommandRow& row, const BusWatch::Look& look) {
  const auto& name = *row.now;
  out.field("name", name.name)
      .field("state", word_for(name.state))
      .field("owner", name.owner_label)
      .field("calls", name.commands)
      .field("errors", name.errors + name.expired)
      .field("depth", name.depth);
  if (name.owner_pid != 0) out.field("pid", name.owner_pid);
  if (look.has_rates()) {
    out.field("rate", row.per_s).field("error_rate", row.errors_per_s);
  } else if (look.now.published.fresh) {
    out.field("rate", name.published_per_s);
  }
  const auto others = std::count_if(name.members.begin(), name.members.end(), [&](const auto& m) {
    return m.state == NameState::active && m.endpoint != name.endpoint;
  });
  if (others != 0) out.field("others", std::int64_t{others});
  // Of the last interval where something was called in it.
  const bool recent = look.has_rates() && row.service.total != 0;
  put_times(out, recent ? row.service : name.service);
  out.field("recent", recent);
}

void put_topic(JsonOut& out, const inspect::TopicInfo& topic, const BusWatch::Look& look,
               bool all) {
  std::uint64_t living = 0;
  for (const auto& one : topic.publishers) living += one.pid != 0 ? 1 : 0;
  const auto* slowest = topic.slowest();
  out.field("name", topic.name)
      .field("publishers", living)
      .field("subscribers", std::uint64_t{topic.subscribers.size()})
      .field("published", topic.published())
      .field("missed", topic.missed())
      .field("behind", slowest == nullptr ? 0 : slowest->behind);
  const auto before = std::find_if(look.before.topics.begin(), look.before.topics.end(),
                                   [&](const auto& one) { return one.record == topic.record; });
  if (look.has_rates() && before != look.before.topics.end()) {
    const auto seconds =
        static_cast<double>(look.now.bus.taken_at_ns - look.before.bus.taken_at_ns) / 1e9;
    const bool grew = topic.published() > before->published() && seconds > 0;
    out.field("rate",
              grew ? static_cast<double>(topic.published() - before->published()) / seconds : 0.0);
  }
  if (!all) return;
  out.key("labels").open('[');
  for (const auto& one : topic.publishers) {
    if (one.pid != 0) out.put(fmt::format("{} ({})", one.label, one.pid));
  }
  out.close(']');
}

void put_process(JsonOut& out, const inspect::ProcessRow& row, bool has_rates) {
  const auto& one = *row.now;
  const bool daemon = one.role == layout::participant_role::daemon;
  out.field("pid", one.pid)
      .field("slot", fmt::format("{}.{}", one.index, one.epoch))
      .field("label", one.label)
      .field("uid", one.uid)
      .field("role", daemon ? "daemon" : "client")
      .field("alive", one.process_alive)
      .field("age_ns", one.age_ns)
      .field("under_way", row.under_way)
      .field("waiting", row.waiting);
  if (!has_rates) return;
  out.field("calls_rate", row.calls_per_s)
      .field("served_rate", row.served_per_s)
      .field("error_rate", row.errors_per_s);
}

void put_octaves(JsonOut& out, const stats::Counts& counts) {
  constexpr std::size_t octaves = 64;
  std::array<std::uint64_t, octaves> sums{};
  for (std::uint32_t i = 0; i < counts.bucket.size(); ++i) {
    const auto low = std::max<std::uint64_t>(stats::bucket_low_ns(i), 1);
    sums[static_cast<std::size_t>(std::bit_width(low)) - 1] += counts.bucket[i];
  }
  out.key("octaves").open('[');
  for (std::uint32_t i = 0; i < octaves; ++i) {
    if (sums[i] != 0) out.open('[').put(i).put(sums[i]).close(']');
  }
  out.close(']');
}

}  // namespace

bool Sight::shows(std::string_view name) const noexcept {
  return all() || who_.may(Action::call, name) || who_.may(Action::send, name) ||
         who_.may(Action::listen, name);
}

std::string Sight::overview(const BusWatch::Look& look, std::size_t bytes_max) const {
  JsonOut out;
  Rows rows(out, bytes_max);
  out.open('{').field("at_unix_ms", unix_ms()).field("inspect", all());
  out.field("principal", who_.config().name);
  put_bus(out, look.now, all());
  out.key("commands").open('[');
  for (const auto& row : inspect::command_rows(look.before, look.now)) {
    if (layout::BindingWord{row.now->binding_bits}.is_event() || !shows(row.now->name)) continue;
    rows.add([&] {
      put_command(out.open('{'), row, look);
      out.close('}');
    });
  }
  out.close(']').key("events").open('[');
  for (const auto& topic : look.now.topics) {
    if (!shows(topic.name)) continue;
    rows.add([&] {
      put_topic(out.open('{'), topic, look, all());
      out.close('}');
    });
  }
  out.close(']');
  if (all()) {
    out.key("processes").open('[');
    for (const auto& row : inspect::process_rows(look.before, look.now)) {
      rows.add([&] {
        put_process(out.open('{'), row, look.has_rates());
        out.close('}');
      });
    }
    out.close(']');
  }
  return out.field("left_out", rows.left_out()).close('}').text();
}

std::string Sight::live(const BusWatch::Look& look, std::string_view name) const {
  JsonOut out;
  out.open('{').field("at_unix_ms", unix_ms());
  for (const auto& row : inspect::command_rows(look.before, look.now)) {
    if (row.now->name != name || layout::BindingWord{row.now->binding_bits}.is_event()) continue;
    put_command(out.key("command").open('{'), row, look);
    out.close('}');
    if (look.has_rates()) put_octaves(out, row.service);
  }
  for (const auto& topic : look.now.topics) {
    if (topic.name != name) continue;
    put_topic(out.key("event").open('{'), topic, look, all());
    out.close('}');
  }
  return out.close('}').text();
}

std::string findings_json(const std::vector<inspect::Finding>& findings) {
  JsonOut out;
  out.open('{').key("findings").open('[');
  for (const auto& one : findings) {
    out.open('{')
        .field("severity", inspect::to_string(one.severity))
        .field("id", one.id)
        .field("subject", one.subject)
        .field("what", one.what)
        .field("mend", one.mend)
        .close('}');
  }
  return out.close(']').close('}').text();
}

}  // namespace shmbus::gateway
