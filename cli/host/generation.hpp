// One plug-in that was loaded once: its code, its commands, and how far it has come.
//
// The thread that reloads moves it on; the thread that serves runs its commands; any thread may
// look at its row, and answer what it deferred.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/host/control.hpp"
#include "cli/host/image.hpp"
#include "shmbus/plugin.h"
#include "shmbus/schema.hpp"
#include "shmbus/server.hpp"

namespace shmbus::cli::host {

/// A command as a plug-in added it.
struct PluginCommand {
  std::string name;
  std::string schema;
  std::uint32_t request_bytes = 0;
  std::uint32_t reply_bytes = 0;
  void (*run)(void* user, shmbus_call* call) = nullptr;
  void* user = nullptr;

  [[nodiscard]] Schema types() const noexcept;
};

class Generation : public std::enable_shared_from_this<Generation> {
 public:
  Generation(std::string name, std::string path, std::uint32_t number);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;
  ~Generation();

  // By the thread that reloads, in this order. Each throws PluginError.
  void load(Image image);
  void init(bool trial);  ///< and asks whether it is healthy
  void drain() noexcept;
  /// REQUIRES: nothing of it runs any more, and it owes nothing.
  void stop() noexcept;

  /// Runs one of its commands; keeps it alive.
  [[nodiscard]] auto handler(const PluginCommand& command);
  Status run(const PluginCommand& command, shmbus::Context& context) noexcept;

  void move_to(PluginState state, std::string note = {});
  [[nodiscard]] PluginState state() const;
  [[nodiscard]] PluginRow row() const;
  [[nodiscard]] std::string name() const;
  [[nodiscard]] std::string version() const;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  [[nodiscard]] const std::vector<PluginCommand>& commands() const noexcept { return commands_; }

  /// Commands that it owes an answer. Below, what plug-ins call, from any of their threads.
  [[nodiscard]] std::uint32_t owed() const noexcept {
    return owed_.load(std::memory_order_acquire);
  }
  void owe() noexcept { owed_.fetch_add(1, std::memory_order_relaxed); }
  void settle() noexcept { owed_.fetch_sub(1, std::memory_order_release); }
  [[nodiscard]] std::int32_t add(const shmbus_command& command);
  void log(std::int32_t level, const char* text);

 private:
  [[nodiscard]] std::string last_error(const std::string& otherwise) const;

  const std::string path_;
  const std::uint32_t number_;
  Library library_;
  const shmbus_plugin* table_ = nullptr;
  void* instance_ = nullptr;
  bool running_ = false;  ///< between init and stop
  bool adding_ = false;   ///< inside init
  shmbus_host host_{};
  std::vector<PluginCommand> commands_;
  std::atomic<std::uint32_t> owed_{0};
  std::atomic<std::uint64_t> calls_{0};

  mutable std::mutex mutex_;  ///< of what follows
  std::string name_;
  std::string version_;
  PluginState state_ = PluginState::loaded;
  std::string note_;
  std::string last_error_;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

/// Fills what a plug-in is handed.
shmbus_host make_host_table(Generation& plugin, bool trial) noexcept;

inline auto Generation::handler(const PluginCommand& command) {
  return [self = shared_from_this(), command = &command](shmbus::Context& context) {
    return self->run(*command, context);
  };
}

}  // namespace shmbus::cli::host
