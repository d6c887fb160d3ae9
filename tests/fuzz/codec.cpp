// A type and a value, both of anybody: "type\nJSON". What encodes must decode, and encode again to
// the same bytes; the same bytes of anything must decode within the budget.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "codec/values.hpp"
#include "codec/words.hpp"

using namespace shmbus;

namespace {

constexpr codec::Budget budget{
    .json_bytes = 1U << 20U, .message_bytes = 1U << 20U, .values = 10'000};

void both_ways(const codec::Type& type, std::string_view json) {
  std::vector<std::byte> bytes;
  if (!codec::encode(type, json, bytes, budget)) return;
  std::string text;
  if (!codec::decode(type, bytes, text, budget)) return;  // escaped, it may be beyond the budget
  std::vector<std::byte> again;
  const auto encoded = codec::encode(type, text, again, budget);
  if (!encoded) {
    if (encoded.error().kind != ErrorKind::too_large) std::abort();
    return;
  }
  std::string same;
  if (!codec::decode(type, again, same, budget) || same != text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  const auto type = codec::Type::parse(input.substr(0, line));
  if (!type) return 0;
  const auto rest = input.substr(line + 1);
  both_ways(*type, rest);
  std::string out;
  (void)codec::decode(*type, std::as_bytes(std::span(data, size)).subspan(line + 1), out, budget);
  (void)codec::fields_of(*type);
  return 0;
}
