// Durable one-way commands: they are stored on the disk by shmbus-spool before send_durable()
// returns, and run when their handler is there, also after a crash or a loss of power.
//
//   auto durable = shmbus::Durable::open(bus);
//   auto id = durable->send_durable<UserCreate>({.id = 7}, {.key = "user-7"});
//
// and in the handler, if a repeat would do harm:
//
//   if (auto id = shmbus::durable_id(context)) ...      // see once.hpp
//
// Delivery   At least once, and once only where the receiver drops repeats by id (once.hpp).
//            Commands of one key run one after the other in the order in which they were accepted.
// Threads    A Durable belongs to the thread that made it, as a caller does.
// Errors     Values; nothing is thrown. See SpoolPut for those of the spool. timed_out,
//            handler_died_after_start: it may be stored; sent again with the same id it is stored
//            once while the spool has it, and delivered again, with that id, if it had run.
// Memory     Header only, over the public interface of the library.
#pragma once

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "shmbus/bus.hpp"
#include "shmbus/context.hpp"
#include "shmbus/spool/commands.hpp"

namespace shmbus {

/// Names a durable command for ever. It is also the id of the trace in which it runs.
struct DurableId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  [[nodiscard]] constexpr bool valid() const noexcept { return high != 0 || low != 0; }
  /// 32 hexadecimal digits.
  [[nodiscard]] FixedText<32> text() const noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    FixedText<32> out;
    for (const std::uint64_t half : {high, low}) {
      for (int shift = 60; shift >= 0; shift -= 4) {
        out.append(digits.substr((half >> static_cast<unsigned>(shift)) & 15U, 1));
      }
    }
    return out;
  }
  /// As bytes, the most significant first: how it is stored, and how a trace id is written.
  [[nodiscard]] std::array<std::uint8_t, 16> bytes() const noexcept {
    std::array<std::uint8_t, 16> out{};
    for (std::size_t i = 0; i < 16; ++i) {
      const std::uint64_t half = i < 8 ? high : low;
      out[i] = static_cast<std::uint8_t>(half >> (56 - 8 * (i % 8)));
    }
    return out;
  }
  static DurableId of(const std::array<std::uint8_t, 16>& bytes) noexcept {
    DurableId id;
    for (std::size_t i = 0; i < 16; ++i) {
      std::uint64_t& half = i < 8 ? id.high : id.low;
      half = (half << 8U) | bytes[i];
    }
    return id;
  }
  /// Not valid() when the kernel has no random numbers to give.
  static DurableId random() noexcept {
    std::array<std::uint8_t, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
    return of(bytes);
  }
  friend bool operator==(const DurableId&, const DurableId&) = default;
};

/// Of a command that a spool delivers: its id, the same at each attempt. Nothing for others.
inline std::optional<DurableId> durable_id(const Context& context) noexcept {
  const auto trace = context.trace();
  if (!trace.valid() || context.caller().label.view() != spool_label) return std::nullopt;
  return DurableId::of(trace.trace_id);
}

struct DurableOptions {
  std::string_view key = {};                  ///< at most 256 bytes
  DurableId id{};                             ///< not valid(): a random one
  Duration timeout{std::chrono::seconds(5)};  ///< until it is stored
};

/// A durable command that is being stored.
class PendingDurable {
 public:
  PendingDurable() noexcept = default;
  PendingDurable(TypedPending<SpoolPutReply> pending, DurableId id) noexcept
      : pending_(std::move(pending)), id_(id) {}
  [[nodiscard]] bool ready() const noexcept { return pending_.ready(); }
  [[nodiscard]] DurableId id() const noexcept { return id_; }
  /// Its id, once it is stored.
  [[nodiscard]] Result<DurableId> wait() noexcept {
    const auto reply = pending_.wait();
    if (!reply) return tl::unexpected<Error>(reply.error());
    return id_;
  }

 private:
  TypedPending<SpoolPutReply> pending_;
  DurableId id_;
};

class Durable {
 public:
  Durable() noexcept = default;

  /// The spool need not run yet: sends wait for it until their timeout.
  [[nodiscard]] static Result<Durable> open(Bus& bus) noexcept {
    auto caller = bus.caller<SpoolPut>(
        {.when_vacant = WhenVacant::wait, .inherit = Inherit::nothing, .trace_ratio = 0});
    if (!caller) return tl::unexpected<Error>(caller.error());
    return Durable(std::move(*caller));
  }

  /// Returns once `request` is stored. If the spool dies meanwhile, it is sent again.
  template <class C>
  [[nodiscard]] Result<DurableId> send_durable(const typename C::Request& request,
                                               const DurableOptions& options = {}) noexcept {
    return send_durable(C::name.text, detail::bytes_of(request), options, schema_of<C>);
  }
  /// The same by bytes. `types` that are given are compared with those of the handler when it is
  /// delivered.
  [[nodiscard]] Result<DurableId> send_durable(std::string_view name,
                                               std::span<const std::byte> request,
                                               const DurableOptions& options = {},
                                               const Schema& types = {}) noexcept {
    using Clock = std::chrono::steady_clock;
    DurableOptions now = options;
    if (!now.id.valid()) now.id = DurableId::random();
    const auto begun = Clock::now();
    for (;;) {
      auto pending = start_durable(name, request, now, types);
      auto stored = pending ? pending->wait() : tl::unexpected<Error>(pending.error());
      if (stored || !is_death(stored.error().kind)) return stored;
      if (options.timeout == forever) continue;
      const auto spent = Clock::now() - begun;
      if (spent >= options.timeout) return stored;
      now.timeout = options.timeout - std::chrono::duration_cast<Duration>(spent);
    }
  }

  /// Does not wait: up to cells_per_lane - 1 may be under way, and share a write to the disk.
  /// Started in this order, those of one key keep it.
  template <class C>
  [[nodiscard]] Result<PendingDurable> start_durable(const typename C::Request& request,
                                                     const DurableOptions& options = {}) noexcept {
    return start_durable(C::name.text, detail::bytes_of(request), options, schema_of<C>);
  }
  [[nodiscard]] Result<PendingDurable> start_durable(std::string_view name,
                                                     std::span<const std::byte> request,
                                                     const DurableOptions& options = {},
                                                     const Schema& types = {}) noexcept {
    const DurableId id = options.id.valid() ? options.id : DurableId::random();
    if (!id.valid()) return fail(ErrorKind::limit_reached, "no random number for an id");
    auto loan = caller_.loan(name.size() + options.key.size() + types.text.size() + request.size());
    if (!loan) return tl::unexpected<Error>(loan.error());
    SpoolPutRequest& put = **loan;
    put.id_high = id.high;
    put.id_low = id.low;
    put.type_hash = types.hash;
    put.request_bytes = types.request_bytes;
    put.reply_bytes = types.reply_bytes;
    std::span<std::uint8_t> body;
    Tail& tail = loan->tail();
    const bool fits = tail.put(put.name, name) && tail.put(put.key, options.key) &&
                      tail.put(put.types, types.text);
    put.body = tail.array<std::uint8_t>(request.size(), body);
    if (!fits || body.size() != request.size()) {
      return fail(ErrorKind::too_large, "the request does not fit its loan");
    }
    std::transform(request.begin(), request.end(), body.begin(),
                   [](std::byte one) { return static_cast<std::uint8_t>(one); });
    auto pending = loan->start(options.timeout);
    if (!pending) return tl::unexpected<Error>(pending.error());
    return PendingDurable(std::move(*pending), id);
  }

 private:
  explicit Durable(Caller<SpoolPut> caller) noexcept : caller_(std::move(caller)) {}
  static constexpr bool is_death(ErrorKind kind) noexcept {
    return KindSet{ErrorKind::handler_died_before_start, ErrorKind::handler_died_after_start,
                   ErrorKind::abandoned, ErrorKind::not_registered}
        .has(kind);
  }
  Caller<SpoolPut> caller_;
};

}  // namespace shmbus
