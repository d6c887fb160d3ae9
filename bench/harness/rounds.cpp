#include "harness/rounds.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "harness/clock.hpp"

namespace shmbus::bench {
namespace {

constexpr double kReferenceFreshNs = 200e6;
// A round is quiet when its roles together waited for a core no longer than this share of it: more
// than the kernel's own threads and a sleeper's way back to its core take, far less than a
// competitor would.
constexpr double kCoreWaitShareMax = 0.05;

class Runner {
 public:
  Runner(const Registry& registry, const std::vector<const Entry*>& wanted, const RoundPlan& plan)
      : registry_(registry), plan_(plan) {
    for (const Entry* entry : wanted) {
      add_row(*entry);
    }
  }

  Run run(const std::function<void(const std::string&)>& progress) {
    last_probe_ = probe();
    const Ticks end = now_ticks() + ns_to_ticks(plan_.time_limit_ns);
    plan_.only ? run_only(*plan_.only, end, progress) : run_all(end, progress);
    return {std::move(rows_), std::move(probes_)};
  }

 private:
  void run_all(Ticks end, const std::function<void(const std::string&)>& progress) {
    for (int round = 0; round < plan_.rounds; ++round) {
      if (now_ticks() > end) {
        progress("no time for more rounds");
        break;
      }
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        const int limit = rows_[i].entry->rounds_max;
        if (limit == 0 || round < limit) {
          measure_settled(i);
        }
      }
      progress("round " + std::to_string(round + 1) + " of " + std::to_string(plan_.rounds) +
               ", placement " + std::string(placement_name(last_probe_.placement)));
    }
  }

  // The cores of a virtual machine come and go: whenever they are where they should be, the row
  // that has the fewest rounds is measured.
  void run_only(Placement wanted, Ticks end,
                const std::function<void(const std::string&)>& progress) {
    constexpr useconds_t kBetweenProbesUs = 100'000;
    const auto enough = static_cast<std::size_t>(plan_.rounds);
    std::size_t told = 0;
    for (;;) {
      const std::optional<std::size_t> index = fewest_rounds(wanted);
      if (!index) {
        progress("every row has failed or was skipped");
        return;
      }
      const std::size_t rounds = rounds_of(rows_[*index], wanted);
      if (rounds > told) {
        told = rounds;
        progress(std::to_string(rounds) + " of " + std::to_string(enough) + " rounds with " +
                 std::string(placement_name(wanted)));
      }
      if (rounds >= enough) return;
      if (now_ticks() > end) {
        progress("no time to wait for more rounds with " + std::string(placement_name(wanted)) +
                 ": " + std::to_string(rounds) + " of " + std::to_string(enough) + " are there");
        return;
      }
      if (last_probe_.placement == wanted) {
        measure_settled(*index);
      } else {
        usleep(kBetweenProbesUs);
        last_probe_ = probe();
      }
    }
  }

  static std::size_t rounds_of(const Row& row, Placement wanted) {
    return static_cast<std::size_t>(std::count_if(
        row.samples.begin(), row.samples.end(),
        [=](const Sample& sample) { return sample.placement == wanted && sample.quiet; }));
  }

  /// Of the rows that can be measured; nothing when there are none. References are measured with
  /// those that name them.
  std::optional<std::size_t> fewest_rounds(Placement wanted) const {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].status != RoundResult::Status::ok) continue;
      if (!found || rounds_of(rows_[i], wanted) < rounds_of(rows_[*found], wanted)) found = i;
    }
    return found;
  }

  struct Latest {
    Sample sample;
    Ticks at = 0;
  };

  std::size_t add_row(const Entry& entry) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].entry == &entry) {
        return i;
      }
    }
    if (!entry.ratio_to.empty()) {
      const Entry* reference = registry_.find(entry.ratio_to);
      if (reference == nullptr) {
        throw std::invalid_argument(entry.name + " refers to unknown " + entry.ratio_to);
      }
      add_row(*reference);
    }
    Row row;
    row.entry = &entry;
    row.quiet_latency = std::make_shared<LatencyHistogram>();
    row.disturbed_latency = std::make_shared<LatencyHistogram>();
    rows_.push_back(std::move(row));
    latest_.emplace_back();
    return rows_.size() - 1;
  }

  PlacementProbe probe() {
    const PlacementProbe found = plan_.probe ? probe_placement() : PlacementProbe{};
    probes_.push_back(found);
    return found;
  }

  // One round of one entry, not yet part of the row.
  struct Measured {
    Sample sample;
    std::optional<LatencyHistogram> latency;
  };

  // Measures the entry beside its reference; again if that was disturbed.
  void measure_settled(std::size_t index) {
    for (int attempt = 0; attempt <= plan_.retries; ++attempt) {
      const Placement before = last_probe_.placement;
      const std::optional<std::size_t> reference = reference_of(index);
      std::optional<Measured> beside;
      if (reference && !is_fresh(*reference, before)) {
        beside = measure(*reference);
      }
      std::optional<Measured> measured = measure(index);
      last_probe_ = probe();
      const bool moved = last_probe_.placement != before;
      const Placement placement = moved ? Placement::mixed : before;
      if (beside) {
        keep(*reference, *beside, placement);
      }
      if (!measured) {
        return;
      }
      if (reference) {
        relate(measured->sample, latest_[*reference].sample);
      }
      if ((!moved && measured->sample.quiet) || attempt == plan_.retries) {
        keep(index, *measured, placement);
        return;
      }
    }
  }

  std::optional<std::size_t> reference_of(std::size_t index) {
    const std::string& name = rows_[index].entry->ratio_to;
    return name.empty() ? std::nullopt : std::optional(add_row(*registry_.find(name)));
  }

  bool is_fresh(std::size_t index, Placement placement) const {
    const Latest& latest = latest_[index];
    return latest.at != 0 && ticks_to_ns(now_ticks() - latest.at) < kReferenceFreshNs &&
           latest.sample.quiet && latest.sample.placement == placement;
  }

  static void relate(Sample& sample, const Sample& reference) {
    sample.quiet = sample.quiet && reference.quiet;
    sample.ratio = reference.value > 0 ? sample.value / reference.value : 0;
    sample.ratio_p99 = reference.p99 > 0 ? sample.p99 / reference.p99 : 0;
  }

  void keep(std::size_t index, Measured& measured, Placement placement) {
    measured.sample.placement = placement;
    latest_[index] = {measured.sample, now_ticks()};
    Row& row = rows_[index];
    row.samples.push_back(measured.sample);
    if (measured.latency) {
      (measured.sample.quiet ? row.quiet_latency : row.disturbed_latency)->merge(*measured.latency);
    }
  }

  // A row that once was skipped or failed is not tried again.
  std::optional<Measured> measure(std::size_t index) {
    Row& row = rows_[index];
    if (row.status != RoundResult::Status::ok) {
      return std::nullopt;
    }
    RoundResult result = run_guarded(*row.entry);
    if (result.status != RoundResult::Status::ok) {
      row.status = result.status;
      row.why = result.why;
      return std::nullopt;
    }
    Measured measured;
    Sample& sample = measured.sample;
    sample.value = result.value;
    const double round_ns = plan_.budget.measure_ns + plan_.budget.warmup_ns;
    sample.quiet = result.core_wait_ns <= kCoreWaitShareMax * round_ns;
    if (result.latency) {
      sample.p50 = ticks_to_ns(result.latency->quantile(0.5));
      sample.p90 = ticks_to_ns(result.latency->quantile(0.9));
      sample.p99 = ticks_to_ns(result.latency->quantile(0.99));
      sample.p999 = ticks_to_ns(result.latency->quantile(0.999));
      measured.latency = std::move(result.latency);
    }
    return measured;
  }

  // Setting a round up may fail before any role runs.
  RoundResult run_guarded(const Entry& entry) const {
    try {
      return entry.run_round(plan_.budget);
    } catch (const Unavailable& missing) {
      return RoundResult::skip(missing.what());
    } catch (const std::exception& error) {
      return RoundResult::fail(error.what());
    }
  }

  const Registry& registry_;
  RoundPlan plan_;
  std::vector<Row> rows_;
  std::vector<Latest> latest_;
  std::vector<PlacementProbe> probes_;
  PlacementProbe last_probe_;
};

}  // namespace

Run run_rounds(const Registry& registry, const std::vector<const Entry*>& wanted,
               const RoundPlan& plan, const std::function<void(const std::string&)>& progress) {
  return Runner(registry, wanted, plan).run(progress);
}

}  // namespace shmbus::bench
