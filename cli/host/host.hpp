// The plug-ins of a process and how one takes the place of another while commands go on.
//
//   loaded --trial, init, probe--> ready --switch--> active --replaced--> draining --> unloaded
//      \______________________________\__> failed, and the one before it goes on
//
// Threads   install() and settle() belong to one thread, the reloader; the server is run by
// another.
//           rows() may be asked by any.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/host/generation.hpp"
#include "cli/host/trial.hpp"
#include "shmbus/server.hpp"

namespace shmbus::cli::host {

struct HostOptions {
  std::chrono::milliseconds trial_limit{5'000};
  std::chrono::milliseconds switch_limit{10'000};  ///< for the handler that runs meanwhile
};

struct Installed {
  std::string from;
  std::string to;
  std::shared_ptr<Generation> old;  ///< null: it is the first of its name
  std::chrono::nanoseconds trial{};
  std::chrono::nanoseconds start{};
  std::chrono::nanoseconds switching{};
};

class Host {
 public:
  Host(Server& server, const HostOptions& options) : server_(&server), options_(options) {}

  /// Loads a plug-in; with a name, in the place of that one (an empty path: from where that came).
  /// PluginError with why it does not serve; then nothing has changed for callers.
  Installed install(const std::string& name, const std::string& path);
  /// Unloads what owes nothing any more; true while something is left that drains.
  bool settle();
  /// After the server has gone.
  void stop_all() noexcept;
  void drain_all() noexcept;
  [[nodiscard]] std::uint32_t owed() const;

  [[nodiscard]] std::vector<PluginRow> rows() const;

 private:
  struct Draining {
    std::shared_ptr<Generation> plugin;
    std::vector<Swap> swaps;
  };
  [[nodiscard]] std::shared_ptr<Generation> active(const std::string& name) const;
  [[nodiscard]] std::string last_path(const std::string& name) const;
  std::shared_ptr<Generation> begin(const std::string& name, const std::string& path);
  void prepare(Generation& plugin, const Generation* old, const std::string& name, Installed& done);
  std::vector<Swap> switch_to(const std::shared_ptr<Generation>& plugin, const Generation* old);
  void forget_ended(const std::string& name);

  Server* server_;
  HostOptions options_;
  std::uint32_t generations_ = 0;
  std::vector<Draining> draining_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Generation>> all_;  ///< the oldest first
};

}  // namespace shmbus::cli::host
