// The functions that a plug-in is handed, and what stands behind its opaque pointers.
#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <new>

#include "cli/host/generation.hpp"

struct shmbus_call {
  shmbus::Context* context;
  shmbus::cli::host::Generation* plugin;
  shmbus::Status status;
};

struct shmbus_later {
  shmbus::Responder responder;
  std::shared_ptr<shmbus::cli::host::Generation> plugin;
  bool one_way;
};

namespace shmbus::cli::host {
namespace {

std::string_view text_of(const char* text, std::size_t bytes) noexcept {
  return text != nullptr ? std::string_view(text, bytes) : std::string_view{};
}

std::int32_t add(void* self, const shmbus_command* command) noexcept {
  try {
    return static_cast<Generation*>(self)->add(*command);
  } catch (const std::exception&) {
    return 1;
  }
}

void log(void* self, std::int32_t level, const char* text) noexcept {
  try {
    static_cast<Generation*>(self)->log(level, text);
  } catch (const std::exception&) {  // NOLINT: without memory there is nothing to say
  }
}

const void* request(shmbus_call* call, std::size_t* bytes) noexcept {
  *bytes = call->context->request().size();
  return call->context->request().data();
}

void* reply(shmbus_call* call, std::size_t bytes) noexcept {
  const auto room = call->context->smaller_reply_buffer(bytes);
  return room.size() == bytes ? room.data() : nullptr;
}

std::size_t reply_capacity(shmbus_call* call) noexcept { return call->context->reply_capacity(); }

void reject(shmbus_call* call, std::int32_t code, const char* text, std::size_t bytes) noexcept {
  call->status = Status::reject(code, text_of(text, bytes));
}

std::int64_t remaining_ns(shmbus_call* call) noexcept {
  const auto left = call->context->remaining();
  return left == forever ? std::numeric_limits<std::int64_t>::max() : left.count();
}

std::int32_t cancelled(shmbus_call* call) noexcept { return call->context->cancelled() ? 1 : 0; }
std::int32_t one_way(shmbus_call* call) noexcept { return call->context->one_way() ? 1 : 0; }

void caller(shmbus_call* call, shmbus_caller* out) noexcept {
  const auto info = call->context->caller();
  *out = {};
  out->pid = info.pid;
  out->uid = info.uid;
  const auto label = info.label.view().substr(0, sizeof out->label - 1);
  std::copy(label.begin(), label.end(), out->label);
}

shmbus_later* defer(shmbus_call* call) noexcept {
  const bool unanswered = call->context->one_way();
  auto responder = call->context->defer();
  if (!responder.valid() && !unanswered) return nullptr;
  auto* later = new (std::nothrow)
      shmbus_later{std::move(responder), call->plugin->shared_from_this(), unanswered};
  if (later != nullptr) call->plugin->owe();
  return later;
}

void* later_reply(shmbus_later* later, std::size_t bytes) noexcept {
  const auto room = later->responder.buffer(bytes);
  return room.size() == bytes ? room.data() : nullptr;
}

std::int32_t later_cancelled(shmbus_later* later) noexcept {
  return !later->one_way && later->responder.cancelled() ? 1 : 0;
}

/// The last thing that is done for a command: the process that waits for the plug-in to owe nothing
/// may unload it then, once its own threads have ended.
void settle(shmbus_later* later) noexcept {
  const auto plugin = std::move(later->plugin);
  delete later;
  plugin->settle();
}

void later_send(shmbus_later* later) noexcept {
  if (!later->one_way) (void)later->responder.reply();
  settle(later);
}

void later_reject(shmbus_later* later, std::int32_t code, const char* text,
                  std::size_t bytes) noexcept {
  if (!later->one_way) (void)later->responder.reject(code, text_of(text, bytes));
  settle(later);
}

void later_drop(shmbus_later* later) noexcept { settle(later); }

}  // namespace

Status Generation::run(const PluginCommand& command, shmbus::Context& context) noexcept {
  shmbus_call call{&context, this, {}};
  calls_.fetch_add(1, std::memory_order_relaxed);
  command.run(command.user, &call);
  return call.status;
}

shmbus_host make_host_table(Generation& plugin, bool trial) noexcept {
  shmbus_host host{};
  host.abi = SHMBUS_PLUGIN_ABI;
  host.size = sizeof host;
  host.trial = trial ? 1 : 0;
  host.self = &plugin;
  host.add = add;
  host.log = log;
  host.request = request;
  host.reply = reply;
  host.reply_capacity = reply_capacity;
  host.reject = reject;
  host.remaining_ns = remaining_ns;
  host.cancelled = cancelled;
  host.one_way = one_way;
  host.caller = caller;
  host.defer = defer;
  host.later_reply = later_reply;
  host.later_cancelled = later_cancelled;
  host.later_send = later_send;
  host.later_reject = later_reject;
  host.later_drop = later_drop;
  return host;
}

}  // namespace shmbus::cli::host
