// Payloads of every size around every boundary of the format, from nothing to 4 MiB, echoed by
// another process: by value, as a view, and on loan, each checked byte by byte.
#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

std::vector<std::size_t> sizes() {
  std::vector<std::size_t> all = {0,  1,  7,  8,   27,  28,  29,  39,  40,  41,   47,   48,  49,
                                  63, 64, 65, 255, 256, 257, 319, 320, 321, 4095, 4096, 4097};
  for (const std::size_t edge : {65'536U, 81'920U, 131'072U, 1U << 20U, 4U << 20U}) {
    for (const std::size_t size : {edge - 1, edge, edge + 1}) {
      if (size <= 4U << 20U) all.push_back(size);
    }
  }
  return all;
}

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint64_t state = size * 0x9E3779B97F4A7C15ULL + 1;
  for (auto& byte : bytes) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    byte = static_cast<std::byte>(state);
  }
  return bytes;
}

/// Sends back every byte inverted.
Status invert(Context& context) {
  const auto in = context.request();
  const auto out = context.reply_buffer(in.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = ~in[i];
  return Status::ok();
}

bool inverted(std::span<const std::byte> got, std::span<const std::byte> sent) {
  if (got.size() != sent.size()) return false;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] != ~sent[i]) return false;
  }
  return true;
}

struct Peers {
  test::TempBus path;
  test::Child handler;
  Bus bus;
  Peers()
      : handler([this] {
          return test::serve_for_ever(make(), test::handlers({{"invert", invert}}));
        }) {
    (void)make();
    bus = test::open_when_served(path.path(), "invert");
  }
  /// With room for the largest request and its reply.
  const std::string& make() {
    OpenOptions options;
    options.capacities.extents = 192;
    (void)Bus::open(path.path(), options);
    return path.path();
  }
};

}  // namespace

TEST_CASE("every size by value", "[payload]") {
  Peers p;
  auto caller = test::caller_of(p.bus, "invert");
  for (int round = 0; round < 2; ++round) {
    for (const std::size_t size : sizes()) {
      INFO(size << " B");
      const auto sent = pattern(size);
      std::vector<std::byte> got(size);
      const auto result = caller.call(sent, got);
      REQUIRE_OK(result);
      REQUIRE(*result == size);
      REQUIRE(inverted(got, sent));
    }
  }
}

TEST_CASE("every size by value, with more room for the reply than needed", "[payload]") {
  // A large reply block moves the inline request to its place beside the block's name.
  Peers p;
  auto caller = test::caller_of(p.bus, "invert");
  for (const std::size_t size : sizes()) {
    if (size > 1U << 20U) continue;
    INFO(size << " B");
    const auto sent = pattern(size);
    std::vector<std::byte> got(size + 3000);
    const auto result = caller.call(sent, got);
    REQUIRE_OK(result);
    REQUIRE(*result == size);
    REQUIRE(inverted(std::span(got).first(size), sent));
  }
}

TEST_CASE("every size as a view of the reply", "[payload]") {
  Peers p;
  auto caller = test::caller_of(p.bus, "invert");
  for (const std::size_t size : sizes()) {
    INFO(size << " B");
    const auto sent = pattern(size);
    auto pending = caller.start(sent, size);
    REQUIRE_OK(pending);
    auto view = pending->wait();
    REQUIRE_OK(view);
    const ReplyView moved = std::move(*view);
    REQUIRE(inverted(moved.bytes(), sent));
  }
}

TEST_CASE("every size on loan, shrunk on publish", "[payload]") {
  Peers p;
  auto caller = test::caller_of(p.bus, "invert");
  for (const std::size_t size : sizes()) {
    INFO(size << " B");
    const auto sent = pattern(size);
    auto loan = caller.loan(std::min<std::size_t>(size + 100, 4U << 20U), size);
    REQUIRE_OK(loan);
    if (size != 0) std::memcpy(loan->bytes().data(), sent.data(), size);
    loan->shrink(size);
    auto view = loan->call();
    REQUIRE_OK(view);
    REQUIRE(inverted(view->bytes(), sent));
  }
}

TEST_CASE("views of many replies are alive at once", "[payload]") {
  Peers p;
  auto caller = test::caller_of(p.bus, "invert");
  std::vector<std::vector<std::byte>> sent;
  std::vector<ReplyView> views;
  for (std::size_t i = 0; i < 40; ++i) {
    sent.push_back(pattern(20 + i * 1000));
    auto pending = caller.start(sent.back(), sent.back().size());
    REQUIRE_OK(pending);
    auto view = pending->wait();
    REQUIRE_OK(view);
    views.push_back(std::move(*view));
  }
  for (std::size_t i = 0; i < 40; ++i) CHECK(inverted(views[i].bytes(), sent[i]));
}

TEST_CASE("memory of a call that timed out is its handler's until that has answered", "[payload]") {
  constexpr std::size_t bytes = 4096;
  static constexpr std::byte theirs{0xAA};
  static constexpr std::byte ours{0x55};
  test::TempBus path;
  const auto late = [](Context& context) {
    test::nap(50ms);
    const auto reply = context.reply_buffer(bytes);
    std::fill(reply.begin(), reply.end(), theirs);
    return Status::ok();
  };
  const auto count_foreign = [](Context& context) {
    const auto request = context.request();
    const std::uint64_t foreign = static_cast<std::uint64_t>(
        std::count_if(request.begin(), request.end(), [](std::byte b) { return b != ours; }));
    return test::answer(context, test::raw(foreign));
  };
  const auto handler = test::handler_process(
      path.path(), test::handlers({{"late", late}, {"count", count_foreign}}));
  auto bus = test::open_when_served(path.path(), "count");
  auto slow = test::caller_of(bus, "late");
  auto count = test::caller_of(bus, "count");
  for (int i = 0; i < 3; ++i) {
    std::vector<std::byte> reply(bytes);
    CHECK(test::kind(slow.call({}, reply, 5ms)) == ErrorKind::timed_out);
    // The handler still writes its reply: into memory that is nobody else's.
    const std::vector<std::byte> request(bytes, ours);
    std::uint64_t foreign = 0;
    CHECK_OK(count.call(request, test::raw(foreign), 20s));
    CHECK(foreign == 0);
    auto loan = count.loan(bytes, 0);
    REQUIRE_OK(loan);
    std::fill(loan->bytes().begin(), loan->bytes().end(), ours);
    CHECK_OK(loan->call(20s));
  }
}
