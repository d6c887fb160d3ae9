// Text and Array<T> between processes: placed in the loan by one side, read there by the other.
#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

struct Article {
  std::uint64_t id = 0;
  Text title;
  Array<float> samples;
};
struct Digest {
  double sum = 0;
  Text echo;
  Array<std::uint32_t> lengths;
};
using Publish = Command<"article.publish", Article, Digest>;

Status digest(const Article& in, Digest& out, Context& context) {
  const auto title = in.title.view(context.request());
  for (const float sample : in.samples.view(context.request())) {
    out.sum += static_cast<double>(sample);
  }
  const std::uint32_t lengths[] = {in.title.size(), in.samples.size()};
  if (!context.tail().put(out.echo, title) ||
      !context.tail().put(out.lengths, std::span<const std::uint32_t>(lengths))) {
    return Status::reject(1, "no room");
  }
  return Status::ok();
}

struct Peers {
  test::TempBus path;
  test::Child handler = test::handler_process(
      path.path(), [](Bus&, Server& server) { return server.on<Publish>(digest).has_value(); });
  Bus bus = test::open_when_served(path.path(), "article.publish");
  Caller<Publish> publish = *bus.caller<Publish>();
};

}  // namespace

TEST_CASE("a message of any length goes both ways without a copy", "[typed]") {
  Peers peers;
  for (const std::size_t size : {0, 1, 3, 8, 100, 5000, 40'000}) {
    INFO(size);
    const std::string title(size, 't');
    auto loan = peers.publish.loan(size + 8 + 4 * size, size + 64);
    REQUIRE_OK(loan);
    (*loan)->id = 7;
    REQUIRE(loan->tail().put((*loan)->title, title));
    std::span<float> samples;
    (*loan)->samples = loan->tail().array<float>(size, samples);
    REQUIRE(samples.size() == size);
    for (auto& sample : samples) sample = 0.5F;
    const auto reply = loan->call(5s);
    REQUIRE_OK(reply);
    CHECK((*reply)->sum == static_cast<double>(size) / 2);
    CHECK((*reply)->echo.view(reply->bytes()) == title);
    const auto lengths = (*reply)->lengths.view(reply->bytes());
    REQUIRE(lengths.size() == 2);
    CHECK(lengths[1] == size);
  }
}

TEST_CASE("a reply that finds too little room behind it is the handler's to refuse", "[typed]") {
  Peers peers;
  auto loan = peers.publish.loan(1000, 20);
  REQUIRE_OK(loan);
  REQUIRE(loan->tail().put((*loan)->title, std::string(900, 'x')));
  const auto reply = loan->call(5s);
  REQUIRE_FALSE(reply);
  CHECK(reply.error().kind == ErrorKind::rejected);
}

TEST_CASE("a forged member is an empty one to the handler", "[typed]") {
  Peers peers;
  auto loan = peers.publish.loan(100, 100);
  REQUIRE_OK(loan);
  REQUIRE(loan->tail().put((*loan)->title, "true"));
  const std::uint32_t claim[2] = {60, 1'000'000};
  std::memcpy(static_cast<void*>(&(*loan)->samples), claim, sizeof claim);
  const auto reply = loan->call(5s);
  REQUIRE_OK(reply);
  CHECK((*reply)->sum == 0);
  CHECK((*reply)->echo.view(reply->bytes()) == "true");
}
