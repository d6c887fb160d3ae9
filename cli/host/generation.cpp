#include "cli/host/generation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "cli/output.hpp"
#include "common/standard_output.hpp"

namespace shmbus::cli::host {

std::string_view to_string(PluginState state) noexcept {
  constexpr std::string_view names[] = {"loaded",   "ready",    "active",  // NOLINT
                                        "draining", "unloaded", "failed"};
  const auto index = static_cast<std::size_t>(state);
  return index < std::size(names) ? names[index] : "unknown";
}

Schema PluginCommand::types() const noexcept {
  if (schema.empty()) return {};
  return {schema, shmbus::detail::hash_name(schema), request_bytes, reply_bytes};
}

Generation::Generation(std::string name, std::string path, std::uint32_t number)
    : path_(std::move(path)), number_(number), name_(std::move(name)) {}

Generation::~Generation() { stop(); }

void Generation::load(Image image) {
  library_ = Library(std::move(image));
  table_ = &library_.table();
  const std::scoped_lock lock(mutex_);
  name_ = table_->name;
  version_ = table_->version != nullptr ? table_->version : "";
}

void Generation::init(bool trial) {
  host_ = make_host_table(*this, trial);
  adding_ = true;
  const std::int32_t code = table_->init(&host_, &instance_);
  adding_ = false;
  if (code != 0) throw PluginError(last_error(fmt::format("its init failed with {}", code)));
  running_ = true;
  if (commands_.empty()) throw PluginError("it added no command");
  if (table_->probe != nullptr) {
    const std::int32_t health = table_->probe(instance_);
    if (health != 0) {
      throw PluginError(last_error(fmt::format("it is not healthy: its probe said {}", health)));
    }
  }
}

void Generation::drain() noexcept {
  if (running_ && table_->drain != nullptr) table_->drain(instance_);
}

void Generation::stop() noexcept {
  if (std::exchange(running_, false) && table_->stop != nullptr) table_->stop(instance_);
  table_ = nullptr;
  if (library_.close()) return;
  const std::scoped_lock lock(mutex_);
  note_ = "its code stays mapped: unique symbols (-fno-gnu-unique), or thread-local objects";
}

void Generation::move_to(PluginState state, std::string note) {
  const std::scoped_lock lock(mutex_);
  state_ = state;
  if (!note.empty()) note_ = std::move(note);
  since_ = std::chrono::steady_clock::now();
}

PluginState Generation::state() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

std::string Generation::name() const {
  const std::scoped_lock lock(mutex_);
  return name_;
}

std::string Generation::version() const {
  const std::scoped_lock lock(mutex_);
  return version_;
}

std::string Generation::last_error(const std::string& otherwise) const {
  const std::scoped_lock lock(mutex_);
  return last_error_.empty() ? otherwise : last_error_;
}

PluginRow Generation::row() const {
  const std::scoped_lock lock(mutex_);
  PluginRow row;
  row.name = String<48>::truncate(name_);
  row.version = String<24>::truncate(version_);
  row.state = state_;
  row.generation = number_;
  // Until it is ready, the thread that reloads is still filling them.
  if (state_ != PluginState::loaded) row.commands = static_cast<std::uint32_t>(commands_.size());
  row.deferred = owed();
  row.calls = calls_.load(std::memory_order_relaxed);
  const auto age = std::chrono::steady_clock::now() - since_;
  row.in_state_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(age).count());
  row.note = String<200>::truncate(note_);
  row.path = String<256>::truncate(path_);
  return row;
}

std::int32_t Generation::add(const shmbus_command& command) {
  if (!adding_ || command.size < sizeof command || command.name == nullptr ||
      command.run == nullptr) {
    log(SHMBUS_LOG_ERROR, "a command was added outside of init, or is incomplete");
    return 1;
  }
  const auto same = [&](const PluginCommand& other) { return other.name == command.name; };
  if (std::any_of(commands_.begin(), commands_.end(), same)) {
    log(SHMBUS_LOG_ERROR, fmt::format("it adds '{}' twice", command.name).c_str());
    return 1;
  }
  commands_.push_back({command.name, command.schema != nullptr ? command.schema : "",
                       command.request_bytes, command.reply_bytes, command.run, command.user});
  return 0;
}

void Generation::log(std::int32_t level, const char* text) {
  const std::string_view words = text != nullptr ? text : "";
  std::string name;
  {
    const std::scoped_lock lock(mutex_);
    if (level == SHMBUS_LOG_ERROR) last_error_ = words;
    name = name_;
  }
  print_error(fmt::format("shmbus host: {}: {}\n", printable(name), printable(words)));
}

}  // namespace shmbus::cli::host
