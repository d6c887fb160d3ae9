#include "cli/host/host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <utility>

#include "schema/check.hpp"

namespace shmbus::cli::host {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t ended_kept = 3;  // rows of a name that tell of the past

bool has_ended(PluginState state) noexcept {
  return state == PluginState::unloaded || state == PluginState::failed;
}

const PluginCommand* find(const Generation& plugin, const std::string& name) {
  for (const auto& command : plugin.commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

/// Callers of the old one can call the new one.
void check_takes_over(const TrialReport& report, const Generation& old) {
  for (const auto& command : old.commands()) {
    const auto& all = report.commands;
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const TrialCommand& c) { return c.name == command.name; });
    if (found == all.end()) {
      throw PluginError(fmt::format("lacks the command '{}', which is being served", command.name));
    }
    if (found->schema == command.schema || command.schema.empty()) continue;
    const auto what = found->schema.empty() ? schema::Difference("the new one says no types")
                                            : schema::difference(found->schema, command.schema);
    if (!what.empty()) {
      throw PluginError(fmt::format("'{}' has other types (handler: new, caller: old): {}",
                                    command.name, what.view()));
    }
  }
}

/// What it added here is what it added in its trial.
void check_same(const TrialReport& report, const Generation& plugin) {
  const bool same =
      std::equal(report.commands.begin(), report.commands.end(), plugin.commands().begin(),
                 plugin.commands().end(), [](const TrialCommand& a, const PluginCommand& b) {
                   return a.name == b.name && a.schema == b.schema;
                 });
  if (!same) throw PluginError("adds other commands than in its trial");
}

/// One switch, asked for by the reloader and made by the serving thread between two commands.
struct Switch {
  std::shared_ptr<Generation> plugin;
  const Generation* old;
  Server* server;
  std::atomic<int> taken{0};  ///< 1: being made, 2: given up. By the side that comes first
  std::promise<Result<std::vector<Swap>>> made;

  Result<std::vector<Swap>> make() {
    std::vector<const PluginCommand*> fresh;
    std::vector<Swap> swaps;
    const auto undo = [&](const Error& error) {
      for (const auto* command : fresh) (void)server->off(command->name);
      return tl::unexpected<Error>(error);
    };
    // What is new first: it may fail, as when another process has the name.
    for (const auto& command : plugin->commands()) {
      if (old != nullptr && find(*old, command.name) != nullptr) continue;
      auto added = server->on(command.name, command.types(), plugin->handler(command));
      if (!added) return undo(added.error());
      fresh.push_back(&command);
    }
    for (const auto& command : plugin->commands()) {
      if (old == nullptr || find(*old, command.name) == nullptr) continue;
      auto swap = server->replace(command.name, plugin->handler(command), command.types());
      if (!swap) return undo(swap.error());  // none can fail after another: types were compared
      swaps.push_back(std::move(*swap));
    }
    return swaps;
  }
};

}  // namespace

std::shared_ptr<Generation> Host::active(const std::string& name) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& plugin : all_) {
    if (plugin->state() == PluginState::active && plugin->name() == name) return plugin;
  }
  return nullptr;
}

std::string Host::last_path(const std::string& name) const {
  if (const auto serving = active(name)) return serving->path();
  const std::scoped_lock lock(mutex_);
  for (auto i = all_.rbegin(); i != all_.rend(); ++i) {
    if ((*i)->name() == name) return (*i)->path();
  }
  throw PluginError(fmt::format("there is no plug-in '{}' here", name));
}

std::shared_ptr<Generation> Host::begin(const std::string& name, const std::string& path) {
  auto plugin = std::make_shared<Generation>(name, path, ++generations_);
  const std::scoped_lock lock(mutex_);
  all_.push_back(plugin);
  return plugin;
}

/// All that can go wrong, while the old one serves.
void Host::prepare(Generation& plugin, const Generation* old, const std::string& name,
                   Installed& done) {
  auto image = Image::copy_of(plugin.path());
  const auto began = Clock::now();
  const auto report = run_trial(image, options_.trial_limit);
  done.trial = Clock::now() - began;
  if (!name.empty() && report.name != name) {
    throw PluginError(fmt::format("is the plug-in '{}'", report.name));
  }
  if (old != nullptr) check_takes_over(report, *old);
  if (old == nullptr && active(report.name) != nullptr) {
    throw PluginError(fmt::format("'{}' is being served already: reload it", report.name));
  }
  const auto passed = Clock::now();
  plugin.load(std::move(image));
  plugin.init(false);
  check_same(report, plugin);
  plugin.move_to(PluginState::ready);
  done.start = Clock::now() - passed;
}

std::vector<Swap> Host::switch_to(const std::shared_ptr<Generation>& plugin,
                                  const Generation* old) {
  const auto order = std::make_shared<Switch>();
  order->plugin = plugin;
  order->old = old;
  order->server = server_;
  auto made = order->made.get_future();
  const auto posted = server_->post([order] {
    int nobody = 0;
    if (order->taken.compare_exchange_strong(nobody, 1)) order->made.set_value(order->make());
  });
  if (!posted) throw PluginError(std::string(posted.error().message.view()));
  if (made.wait_for(options_.switch_limit) != std::future_status::ready) {
    int nobody = 0;
    if (order->taken.compare_exchange_strong(nobody, 2)) {
      throw PluginError(fmt::format("a handler has been running for {} ms: not switched",
                                    options_.switch_limit.count()));
    }
  }
  auto swaps = made.get();
  if (!swaps) throw PluginError(std::string(swaps.error().message.view()));
  for (const auto& swap : *swaps) (void)swap.wait(SwapStage::installed, forever);  // same turn
  return std::move(*swaps);
}

Installed Host::install(const std::string& name, const std::string& path) {
  Installed done;
  const auto old = name.empty() ? nullptr : active(name);
  const auto plugin = begin(name, path.empty() ? last_path(name) : path);
  try {
    prepare(*plugin, old.get(), name, done);
    const auto began = Clock::now();
    auto swaps = switch_to(plugin, old.get());
    done.switching = Clock::now() - began;
    plugin->move_to(PluginState::active);
    done.to = plugin->version();
    if (old) {
      done.from = old->version();
      done.old = old;
      old->move_to(PluginState::draining);
      old->drain();
      draining_.push_back({old, std::move(swaps)});
    }
  } catch (const std::exception& e) {
    plugin->stop();
    plugin->move_to(PluginState::failed, e.what());
    forget_ended(plugin->name());
    throw PluginError(e.what());
  }
  forget_ended(plugin->name());
  return done;
}

bool Host::settle() {
  const auto owes_nothing = [](Draining& one) {
    const auto gone = [](const Swap& swap) { return swap.stage() >= SwapStage::gone; };
    if (!std::all_of(one.swaps.begin(), one.swaps.end(), gone)) return false;
    if (one.plugin->owed() != 0) return false;
    one.plugin->stop();
    one.plugin->move_to(PluginState::unloaded);
    return true;
  };
  const bool any = std::erase_if(draining_, owes_nothing) != 0;
  if (any) {
    for (const auto& row : rows()) forget_ended(std::string(row.name.view()));
  }
  return !draining_.empty();
}

void Host::forget_ended(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  const auto ended = [&](const std::shared_ptr<Generation>& plugin) {
    return plugin->name() == name && has_ended(plugin->state());
  };
  auto extra =
      std::count_if(all_.begin(), all_.end(), ended) - static_cast<std::ptrdiff_t>(ended_kept);
  std::erase_if(all_,
                [&](const auto& plugin) { return extra > 0 && ended(plugin) && extra-- > 0; });
}

void Host::drain_all() noexcept {
  for (const auto& plugin : all_) {
    if (plugin->state() == PluginState::active) plugin->drain();
  }
}

std::uint32_t Host::owed() const {
  const std::scoped_lock lock(mutex_);
  std::uint32_t sum = 0;
  for (const auto& plugin : all_) sum += plugin->owed();
  return sum;
}

void Host::stop_all() noexcept {
  draining_.clear();
  for (const auto& plugin : all_) plugin->stop();
}

std::vector<PluginRow> Host::rows() const {
  const std::scoped_lock lock(mutex_);
  std::vector<PluginRow> rows;
  for (const auto& plugin : all_) rows.push_back(plugin->row());
  return rows;
}

}  // namespace shmbus::cli::host
