#include "gen/reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace shmbus::gen {
namespace {

constexpr std::uint64_t length_max = 1ULL << 24U;
constexpr std::uint64_t bytes_cap = 1ULL << 60U;  // sizes stop growing here

constexpr std::uint64_t aligned_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}
constexpr std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  return a != 0 && b > bytes_cap / a ? bytes_cap : a * b;
}
constexpr std::uint64_t sum(std::uint64_t a, std::uint64_t b) { return std::min(a + b, bytes_cap); }

}  // namespace

std::optional<std::uint64_t> count_of(const Node& node, Problems& problems) {
  std::uint64_t value = 0;
  const auto* end = node.text.data() + node.text.size();
  const auto got = std::from_chars(node.text.data(), end, value);
  if (node.is_scalar() && got.ec == std::errc{} && got.ptr == end) return value;
  problems.add(node, {"a count that is no whole number from 0", "write a whole number", {}, {}});
  return std::nullopt;
}

std::optional<std::uint64_t> length_of(const Node& node, Problems& problems) {
  const auto value = count_of(node, problems);
  if (!value || (*value != 0 && *value <= length_max)) return value;
  problems.add(node, {"a length is a whole number from 1 to 16777216",
                      "write a smaller one, or x-in-message: true in its place",
                      {},
                      {}});
  return std::nullopt;
}

Type plain(std::string text, std::uint64_t bytes) {
  return {std::move(text), bytes, std::min<std::uint64_t>(bytes, 8), false};
}

Type bounded_text(std::uint64_t most) {
  return {fmt::format("::shmbus::String<{}>", most), aligned_up(4 + most, 4), 4, false};
}

Type vector_of(const Type& item, std::uint64_t most) {
  if (item.text.empty()) return {};
  const auto align = std::max<std::uint64_t>(item.align, 4);
  const auto bytes = sum(aligned_up(4, item.align), product(item.bytes, most));
  return {fmt::format("::shmbus::Vector<{}, {}>", item.text, most), aligned_up(bytes, align), align,
          false};
}

Type array_of(const Type& item, std::uint64_t count) {
  if (item.text.empty()) return {};
  return {fmt::format("::std::array<{}, {}>", item.text, count), product(item.bytes, count),
          item.align, false};
}

Type in_message(const std::string& text) { return {text, 8, 4, false}; }

Type stored(const Type& type, bool perhaps) {
  if (type.text.empty() || !(type.nullable || perhaps)) return type;
  return {fmt::format("::shmbus::Optional<{}>", type.text), aligned_up(sum(type.bytes, 1), 8), 8,
          false};
}

void lay_out(const Struct& from, Type& type) {
  std::uint64_t end = 0;
  type.align = 1;
  for (const auto& member : from.members) {
    end = sum(aligned_up(end, member.type.align), member.type.bytes);
    type.align = std::max(type.align, member.type.align);
  }
  type.bytes = std::max<std::uint64_t>(aligned_up(end, type.align), 1);
}

}  // namespace shmbus::gen
