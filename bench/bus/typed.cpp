// Commands as users write them: an e-mail address in a String<64>, a uuid, four numbers. Each
// request is made anew, and each reply depends on every byte of its request that means something.

#include <array>
#include <chrono>
#include <string_view>

#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/measure.hpp"
#include "shmbus/types.hpp"

namespace shmbus::bench {
namespace {

std::uint64_t digest(std::string_view text) noexcept {
  std::uint64_t sum = text.size();
  for (const char c : text) sum = sum * 31 + static_cast<unsigned char>(c);
  return sum;
}

/// An address of 21 characters, as common ones are.
String<64> email_of(std::uint64_t seed) noexcept {
  std::array<char, 21> text{"user0000@example.org"};
  for (std::size_t digit = 7; digit >= 4; --digit, seed /= 10) {
    text[digit] = static_cast<char>('0' + seed % 10);
  }
  return String<64>::truncate({text.data(), text.size() - 1});
}

Uuid uuid_of(std::uint64_t seed) noexcept {
  Uuid id;
  for (std::size_t i = 0; i < 16; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>((seed >> (i % 8 * 8)) + i);
  }
  return id;
}
std::uint64_t digest(const Uuid& id) noexcept {
  return digest({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}

struct Numbers {
  std::uint64_t a, b, c, d;
};
Numbers numbers_of(std::uint64_t seed) noexcept { return {seed, seed * 3, seed * 5, seed * 7}; }
std::uint64_t digest(const Numbers& of) noexcept { return of.a ^ of.b ^ of.c ^ of.d; }

// A kind of command: request(seed), and answer(request), which the caller can compute too.

struct SignUp {
  static constexpr const char* row = "call.typed.email";
  struct Request {
    std::uint64_t id;
    String<64> email;
  };
  struct Reply {
    std::uint64_t number;
    bool operator==(const Reply&) const = default;
  };
  using Command = shmbus::Command<"bench.sign_up", Request, Reply>;
  static Request request(std::uint64_t seed) noexcept { return {seed, email_of(seed)}; }
  static Reply answer(const Request& of) noexcept { return {of.id + digest(of.email.view())}; }
};

struct FindUser {
  static constexpr const char* row = "call.typed.uuid";
  struct Request {
    Uuid id;
  };
  struct Reply {
    std::uint64_t number;
    String<64> email;
    bool operator==(const Reply& other) const {
      return number == other.number && email == other.email.view();
    }
  };
  using Command = shmbus::Command<"bench.find_user", Request, Reply>;
  static Request request(std::uint64_t seed) noexcept { return {uuid_of(seed)}; }
  static Reply answer(const Request& of) noexcept {
    const std::uint64_t number = digest(of.id);
    return {number, email_of(number)};
  }
};

struct Move {
  static constexpr const char* row = "call.typed.numbers";
  using Request = Numbers;
  struct Reply {
    Numbers numbers;
    bool operator==(const Reply& other) const { return digest(numbers) == digest(other.numbers); }
  };
  using Command = shmbus::Command<"bench.move", Request, Reply>;
  static Request request(std::uint64_t seed) noexcept { return numbers_of(seed); }
  static Reply answer(const Request& of) noexcept { return {numbers_of(digest(of))}; }
};

struct PlaceOrder {
  static constexpr const char* row = "call.typed.order";
  struct Request {
    Uuid id;
    String<64> email;
    Numbers numbers;
  };
  struct Reply {
    Uuid id;
    bool operator==(const Reply& other) const = default;
  };
  using Command = shmbus::Command<"bench.place_order", Request, Reply>;
  static Request request(std::uint64_t seed) noexcept {
    return {uuid_of(seed), email_of(seed), numbers_of(seed)};
  }
  static Reply answer(const Request& of) noexcept {
    return {uuid_of(digest(of.id) + digest(of.email.view()) + digest(of.numbers))};
  }
};

template <class Kind>
void call_role(RoleContext& context, const PrivateBus& place) {
  context.barrier();
  Bus bus = place.open();
  auto caller =
      value_of("caller", bus.caller<typename Kind::Command>({.wait = WaitMode::spinning}));
  std::uint64_t seed = 0;
  measure_calls(context, [&] {
    const auto request = Kind::request(++seed);
    const auto reply = caller.call(request);
    if (!reply) [[unlikely]] {
      throw_error("call", reply.error());
    }
    if (!(*reply == Kind::answer(request))) [[unlikely]] {
      throw_lost("reply", seed);
    }
  });
  context.report().operations = seed;
  context.ask_to_stop();
}

template <class Kind>
void serve_role(RoleContext& context, const PrivateBus& place) {
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve({.wait = WaitMode::spinning}));
  std::uint64_t served = 0;
  value_of("on", server.template on<typename Kind::Command>(
                     [&](const typename Kind::Request& in, typename Kind::Reply& out) {
                       ++served;
                       out = Kind::answer(in);
                     }));
  context.barrier();
  while (!context.stop_asked()) {
    value_of("run", server.run_for(std::chrono::milliseconds(2)));
  }
  context.report().operations = served;
}

template <class Kind>
RoundResult run_typed(const RoundBudget& budget) {
  PrivateBus place;
  RoleGroup group(budget);
  group.add("caller", 0, [&](RoleContext& context) { call_role<Kind>(context, place); });
  group.add("handler", 1, [&](RoleContext& context) { serve_role<Kind>(context, place); });
  RoundResult result = group.run(0);
  if (result.status == RoundResult::Status::ok &&
      group.report(0).operations != group.report(1).operations) {
    return RoundResult::fail("not every call was served once");
  }
  return result;
}

template <class Kind>
void add(Registry& registry) {
  registry.add({.name = Kind::row,
                .payload = sizeof(typename Kind::Request),
                .mode = "spin",
                .ratio_to = "call.hot.40B",
                .tier = Tier::detail,
                .run_round = run_typed<Kind>});
}

}  // namespace

void register_bus_typed(Registry& registry) {
  add<Move>(registry);
  add<FindUser>(registry);
  add<SignUp>(registry);
  add<PlaceOrder>(registry);
}

}  // namespace shmbus::bench
