// JSON to the bytes of a registered type and back: a flat request of five members.
#include <benchmark/benchmark.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "codec/values.hpp"

namespace {

using namespace shmbus;

constexpr std::string_view schema =
    "{id:u64@0,email:email@8,plan:enum<u8(free=0,paid=1)>@268,balance:i32@272,score:f64@280}288/8";
constexpr std::string_view request =
    R"({"id": 1234567, "email": "a@example.org", "plan": "paid", "balance": -17, "score": 12.75})";

codec::Type type_of_request() {
  auto type = codec::Type::parse(schema);
  if (!type) throw std::runtime_error("the type of the benchmark");
  return *type;
}

void codec_encode(benchmark::State& state) {
  const auto type = type_of_request();
  std::vector<std::byte> message;
  for (auto _ : state) {
    if (!codec::encode(type, request, message)) state.SkipWithError("not encoded");
    benchmark::DoNotOptimize(message.data());
  }
}
void codec_decode(benchmark::State& state) {
  const auto type = type_of_request();
  std::vector<std::byte> message;
  if (!codec::encode(type, request, message)) state.SkipWithError("not encoded");
  std::string text;
  for (auto _ : state) {
    text.clear();
    if (!codec::decode(type, message, text)) state.SkipWithError("not decoded");
    benchmark::DoNotOptimize(text.data());
  }
}

BENCHMARK(codec_encode);
BENCHMARK(codec_decode);

}  // namespace
