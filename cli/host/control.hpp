// What a host of plug-ins can be asked over the bus, and by which names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shmbus/command.hpp"
#include "shmbus/types.hpp"

namespace shmbus::cli::host {

enum class PluginState : std::uint8_t {
  loaded,    ///< a private copy of its file is on trial in a process of its own, or being loaded
  ready,     ///< it has passed the trial, its init and its probe; it does not serve yet
  active,    ///< it runs its commands
  draining,  ///< another has taken its place; it owes answers, or stops
  unloaded,  ///< gone
  failed,    ///< it never served: the note says why
};

std::string_view to_string(PluginState state) noexcept;

struct PluginRow {
  String<48> name;
  String<24> version;
  PluginState state = PluginState::loaded;
  std::uint32_t generation = 0;  ///< counted through all plug-ins of the host
  std::uint32_t commands = 0;    ///< names
  std::uint32_t deferred = 0;    ///< commands that it owes an answer
  std::uint64_t calls = 0;
  std::uint64_t in_state_ms = 0;
  String<200> note;
  String<256> path;
};

struct PluginList {
  std::uint32_t pid = 0;
  String<48> host;
  Array<PluginRow> plugins;
};

struct ReloadRequest {
  String<48> plugin;
  String<1024> path;           ///< as the host sees it; empty: where it was loaded from before
  std::uint32_t drain_ms = 0;  ///< how long the answer may wait for the old one to go
};

struct ReloadReply {
  bool switched = false;
  String<200> why_not;
  String<24> from;  ///< versions
  String<24> to;
  PluginState old_state = PluginState::active;
  std::uint64_t trial_ns = 0;
  std::uint64_t start_ns = 0;   ///< load, init and probe in the host
  std::uint64_t switch_ns = 0;  ///< from asking to all commands switched
};

// The names are made of the host's label; these stand for the types.
using ListPlugins = Command<"shmbus.host.plugins", Nothing, PluginList>;
using ReloadPlugin = Command<"shmbus.host.reload", ReloadRequest, ReloadReply>;

inline constexpr std::string_view control_prefix = "shmbus.host.";
inline constexpr std::string_view list_suffix = ".plugins";
inline constexpr std::string_view reload_suffix = ".reload";

inline std::string list_name(std::string_view host) {
  return std::string(control_prefix).append(host).append(list_suffix);
}
inline std::string reload_name(std::string_view host) {
  return std::string(control_prefix).append(host).append(reload_suffix);
}

}  // namespace shmbus::cli::host
