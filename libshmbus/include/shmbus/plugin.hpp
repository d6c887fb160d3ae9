// Plug-ins for `shmbus host` in C++: typed commands over the C table of plugin.h. A plug-in
// includes this header and links nothing of the library.
//
//   class Greeter {
//    public:
//     bool init(shmbus::plugin::Commands& commands) {
//       return commands.add<Greet>([this](const Person& person, shmbus::String<64>& out) { ... });
//     }
//     bool probe();  // optional: healthy?
//     void drain();  // optional: no command comes any more, answer what is owed
//   };  // ~Greeter: join your threads, the code is unloaded next
//   SHMBUS_PLUGIN(Greeter, "greeter", "1.0")
//
// A handler takes, in this order, what it needs of: `const Request&`, `Reply&` or `Later<C>`,
// `Call&`. It returns nothing, a Status, or without `Reply&` and `Later` also a Reply. Replies with
// Text or Array<T> are made by Call::reply(). Exceptions become rejections.
//
// Build it with shmbus_add_plugin() of the CMake package, or with -fvisibility=hidden and, with
// GCC, -fno-gnu-unique: an object with unique symbols is never unloaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "shmbus/plugin.h"
#include "shmbus/schema.hpp"
#include "shmbus/typed_handler.hpp"

namespace shmbus::plugin {

/// The command that runs.
class Call {
 public:
  Call(const shmbus_host& host, shmbus_call* call) noexcept : host_(&host), call_(call) {}

  [[nodiscard]] std::span<const std::byte> request() const noexcept {
    std::size_t bytes = 0;
    const void* data = host_->request(call_, &bytes);
    return {static_cast<const std::byte*>(data), bytes};
  }
  /// Memory for a reply; empty when the caller made less room.
  [[nodiscard]] std::span<std::byte> reply(std::size_t bytes) noexcept {
    void* data = host_->reply(call_, bytes);
    return {static_cast<std::byte*>(data), data != nullptr ? bytes : 0};
  }
  [[nodiscard]] std::size_t reply_capacity() const noexcept { return host_->reply_capacity(call_); }
  [[nodiscard]] Duration remaining() const noexcept { return Duration(host_->remaining_ns(call_)); }
  [[nodiscard]] bool cancelled() const noexcept { return host_->cancelled(call_) != 0; }
  [[nodiscard]] bool one_way() const noexcept { return host_->one_way(call_) != 0; }
  [[nodiscard]] shmbus_caller caller() const noexcept {
    shmbus_caller out{};
    host_->caller(call_, &out);
    return out;
  }
  [[nodiscard]] shmbus_later* defer() noexcept { return host_->defer(call_); }
  void reject(const Status& status) noexcept {
    host_->reject(call_, status.code(), status.message().data(), status.message().size());
  }
  [[nodiscard]] const shmbus_host& host() const noexcept { return *host_; }

 private:
  const shmbus_host* host_;
  shmbus_call* call_;
};

/// Answers a command of type C, once, from any thread. Dropped without an answer, its caller is
/// told `abandoned`.
template <class C>
class Later {
 public:
  using Reply = typename C::Reply;
  static_assert(!shmbus::detail::has_tail<Reply>(), "a deferred reply has a fixed size");

  Later(const shmbus_host& host, shmbus_later* later) noexcept : host_(&host), later_(later) {}
  Later(Later&& other) noexcept
      : host_(other.host_), later_(std::exchange(other.later_, nullptr)) {}
  Later& operator=(Later&& other) noexcept {
    std::swap(host_, other.host_);
    std::swap(later_, other.later_);
    return *this;
  }
  Later(const Later&) = delete;
  Later& operator=(const Later&) = delete;
  ~Later() {
    if (later_ != nullptr) host_->later_drop(later_);
  }

  void reply(const Reply& reply = {}) noexcept {
    if (later_ == nullptr) return;
    const auto place = [this](std::size_t bytes) -> std::span<std::byte> {
      void* data = host_->later_reply(later_, bytes);
      return {static_cast<std::byte*>(data), data != nullptr ? bytes : 0};
    };
    constexpr std::size_t bytes = shmbus::detail::wire_bytes<Reply>;
    if constexpr (bytes != 0) {
      auto room = place(bytes);
      if (room.empty()) room = shmbus::detail::room_for_earlier<Reply>(place);
      if (!room.empty()) std::memcpy(room.data(), &reply, room.size());
    }
    host_->later_send(std::exchange(later_, nullptr));
  }
  void reject(std::int32_t code, std::string_view text = {}) noexcept {
    if (later_ == nullptr) return;
    host_->later_reject(std::exchange(later_, nullptr), code, text.data(), text.size());
  }
  [[nodiscard]] bool cancelled() const noexcept {
    return later_ == nullptr || host_->later_cancelled(later_) != 0;
  }

 private:
  const shmbus_host* host_;
  shmbus_later* later_;
};

namespace detail {

template <class F, class... Args>
Status take(F& function, Args&&... args) {
  using R = std::invoke_result_t<F&, Args...>;
  if constexpr (std::is_void_v<R>) {
    function(std::forward<Args>(args)...);
    return {};
  } else {
    static_assert(std::is_convertible_v<R, Status>, "a handler returns void, Status or its Reply");
    return function(std::forward<Args>(args)...);
  }
}

/// Calls `function` in the one shape that it has.
template <class C, class F>
Status call_shape(F& function, Call& call, const typename C::Request& in, typename C::Reply& out) {
  using Reply = typename C::Reply;
  const auto later = [&] { return Later<C>(call.host(), call.defer()); };
  if constexpr (std::is_invocable_v<F&, decltype(in), Reply&, Call&>) {
    return take(function, in, out, call);
  } else if constexpr (std::is_invocable_v<F&, decltype(in), Reply&>) {
    return take(function, in, out);
  } else if constexpr (std::is_invocable_v<F&, decltype(in), Later<C>, Call&>) {
    return take(function, in, later(), call);
  } else if constexpr (std::is_invocable_v<F&, decltype(in), Later<C>>) {
    return take(function, in, later());
  } else if constexpr (std::is_invocable_v<F&, decltype(in), Call&>) {
    return take(function, in, call);
  } else {
    static_assert(std::is_invocable_v<F&, decltype(in)>,
                  "this handler does not fit its Command: see shmbus/plugin.hpp");
    using R = std::remove_cvref_t<std::invoke_result_t<F&, decltype(in)>>;
    if constexpr (std::is_same_v<R, Reply> && !std::is_same_v<R, Status>) {
      out = function(in);
      return {};
    } else {
      return take(function, in);
    }
  }
}

template <class C, class F>
inline constexpr bool fills_reply =
    std::is_invocable_v<F&, const typename C::Request&, typename C::Reply&, Call&> ||
    std::is_invocable_v<F&, const typename C::Request&, typename C::Reply&> ||
    std::is_invocable_r_v<typename C::Reply, F&, const typename C::Request&>;

template <class C, class F>
Status run_request(F& function, Call& call, const typename C::Request& in) {
  using Reply = typename C::Reply;
  if constexpr (shmbus::detail::is_checkable<typename C::Request>()) {
    if (const auto bad = shmbus::detail::first_bad(in); !bad.empty()) {
      FixedText<40> message("no valid value: ");
      return Status::reject(shmbus::detail::request_value_invalid, message.append(bad).view());
    }
  }
  Reply out{};
  if constexpr (fills_reply<C, F> && shmbus::detail::wire_bytes<Reply> != 0) {
    static_assert(!shmbus::detail::has_tail<Reply>(), "make such a reply with Call::reply()");
    if (auto memory = call.reply(sizeof(Reply)); !memory.empty()) {
      return call_shape<C>(function, call, in, *::new (memory.data()) Reply{});
    }
    const auto place = [&call](std::size_t bytes) { return call.reply(bytes); };
    const auto room = shmbus::detail::room_for_earlier<Reply>(place);
    if (room.empty()) return {};  // the caller gets too_large
    const Status status = call_shape<C>(function, call, in, out);
    std::memcpy(room.data(), &out, room.size());
    return status;
  } else {
    return call_shape<C>(function, call, in, out);
  }
}

template <class C, class F>
Status run_bytes(F& function, Call& call) {
  using Request = typename C::Request;
  const auto in = call.request();
  if constexpr (shmbus::detail::wire_bytes<Request> == 0) {
    return run_request<C>(function, call, Request{});
  } else {
    if (shmbus::detail::is_earlier_size<Request>(in.size())) {
      Request known{};  // what the caller does not know of is absent
      std::memcpy(static_cast<void*>(&known), in.data(), in.size());
      return run_request<C>(function, call, known);
    }
    if (!shmbus::detail::fits_message<Request>(in.size())) {
      return Status::reject(shmbus::detail::request_size_differs,
                            "request size differs from the type");
    }
    return run_request<C>(function, call,
                          *static_cast<const Request*>(static_cast<const void*>(in.data())));
  }
}

struct Handler {
  virtual ~Handler() = default;
};

template <class C, class F>
struct TypedHandler final : Handler {
  TypedHandler(F call, const shmbus_host& table) : function(std::move(call)), host(&table) {}
  static void run(void* user, shmbus_call* command) {
    auto& self = *static_cast<TypedHandler*>(user);
    Call call(*self.host, command);
    const Status status =
        shmbus::detail::guarded([&] { return run_bytes<C>(self.function, call); });
    if (!status.is_ok()) call.reject(status);
  }
  F function;
  const shmbus_host* host;
};

}  // namespace detail

/// Where a plug-in adds its commands, in init().
class Commands {
 public:
  explicit Commands(const shmbus_host& host) noexcept : host_(&host) {}

  template <class C, class F>
  bool add(F function) {
    using Typed = detail::TypedHandler<C, F>;
    auto handler = std::make_unique<Typed>(std::move(function), *host_);
    const std::string name(C::name.text);
    const std::string schema(schema_of<C>.text);
    shmbus_command command{};
    command.size = sizeof command;
    command.request_bytes = schema_of<C>.request_bytes;
    command.reply_bytes = schema_of<C>.reply_bytes;
    command.name = name.c_str();
    command.schema = schema.c_str();
    command.run = &Typed::run;
    command.user = handler.get();
    if (host_->add(host_->self, &command) != 0) return false;
    handlers_.push_back(std::move(handler));
    return true;
  }
  void log(std::int32_t level, const std::string& text) const noexcept {
    host_->log(host_->self, level, text.c_str());
  }
  /// In a process of its own, to see whether it works: leave the world alone.
  [[nodiscard]] bool trial() const noexcept { return host_->trial != 0; }
  [[nodiscard]] const shmbus_host& host() const noexcept { return *host_; }

 private:
  const shmbus_host* host_;
  std::vector<std::unique_ptr<detail::Handler>> handlers_;
};

namespace detail {

/// A plug-in of class P behind the functions of its table.
template <class P>
struct Instance {
  explicit Instance(const shmbus_host& host) : commands(host) {}
  Commands commands;  // goes last: the handlers may refer to the plug-in until then
  P plugin;

  static std::int32_t init(const shmbus_host* host, void** state) noexcept {
    return tried(*host, [&] {
      auto made = std::make_unique<Instance>(*host);
      if (!made->plugin.init(made->commands)) return false;
      *state = made.release();
      return true;
    });
  }
  static std::int32_t probe(void* state) noexcept {
    auto& self = *static_cast<Instance*>(state);
    return tried(self.commands.host(), [&] {
      if constexpr (requires { self.plugin.probe(); }) return self.plugin.probe();
      return true;
    });
  }
  static void drain(void* state) noexcept {
    auto& self = *static_cast<Instance*>(state);
    (void)tried(self.commands.host(), [&] {
      if constexpr (requires { self.plugin.drain(); }) self.plugin.drain();
      return true;
    });
  }
  static void stop(void* state) noexcept { delete static_cast<Instance*>(state); }

 private:
  template <class F>
  static std::int32_t tried(const shmbus_host& host, F body) noexcept {
#if defined(__cpp_exceptions)
    try {
      return body() ? 0 : 1;
    } catch (const std::exception& e) {
      host.log(host.self, SHMBUS_LOG_ERROR, e.what());
    } catch (...) {
      host.log(host.self, SHMBUS_LOG_ERROR, "an exception of unknown type");
    }
    return 1;
#else
    (void)host;
    return body() ? 0 : 1;
#endif
  }
};

}  // namespace detail
}  // namespace shmbus::plugin

/// In one source file of the plug-in, outside of any namespace.
#define SHMBUS_PLUGIN(Class, plugin_name, plugin_version)                             \
  extern "C" const shmbus_plugin* shmbus_plugin_entry(void) {                         \
    using Instance = ::shmbus::plugin::detail::Instance<Class>;                       \
    static const shmbus_plugin table = {                                              \
        SHMBUS_PLUGIN_ABI, sizeof(shmbus_plugin), (plugin_name),    (plugin_version), \
        &Instance::init,   &Instance::probe,      &Instance::drain, &Instance::stop}; \
    return &table;                                                                    \
  }
