// TraceContext as text: the `traceparent` of W3C Trace Context, version 00 and what later versions
// promise to begin with.
#include <array>
#include <span>

#include "shmbus/trace.hpp"

namespace shmbus {
namespace {

constexpr std::size_t version_end = 2;
constexpr std::size_t trace_at = 3;
constexpr std::size_t span_at = 36;
constexpr std::size_t flags_at = 53;
constexpr std::uint8_t known_flags = 3;  // sampled, and "the trace id is random" of level 2

/// Lower case only, as the specification has it; -1 otherwise.
constexpr int digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool read_hex(std::string_view text, std::span<std::uint8_t> into) noexcept {
  for (std::size_t i = 0; i < into.size(); ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    into[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

template <class Text>
void write_hex(Text& text, std::span<const std::uint8_t> bytes) noexcept {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const std::uint8_t byte : bytes) {
    text.append(digits.substr(byte >> 4U, 1)).append(digits.substr(byte & 15U, 1));
  }
}

/// Later versions may go on behind a dash.
bool has_good_length(std::string_view text, std::uint8_t version) noexcept {
  if (version == 0) return text.size() == TraceContext::text_bytes;
  return text.size() == TraceContext::text_bytes || text[TraceContext::text_bytes] == '-';
}

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view text) noexcept {
  if (text.size() < text_bytes) return std::nullopt;
  std::uint8_t version = 0;
  if (!read_hex(text, {&version, 1}) || version == 0xFF) return std::nullopt;
  if (!has_good_length(text, version)) return std::nullopt;
  for (const std::size_t dash : {version_end, span_at - 1, flags_at - 1}) {
    if (text[dash] != '-') return std::nullopt;
  }
  TraceContext out;
  if (!read_hex(text.substr(trace_at), out.trace_id)) return std::nullopt;
  if (!read_hex(text.substr(span_at), out.span_id)) return std::nullopt;
  if (!read_hex(text.substr(flags_at), {&out.flags, 1})) return std::nullopt;
  if (!out.valid() || out.span_id == decltype(out.span_id){}) return std::nullopt;
  out.flags &= known_flags;
  return out;
}

FixedText<TraceContext::text_bytes> TraceContext::traceparent() const noexcept {
  FixedText<text_bytes> text;
  if (!valid()) return text;
  const std::uint8_t known = flags & known_flags;
  text.append("00-");
  write_hex(text, trace_id);
  text.append("-");
  write_hex(text, span_id);
  text.append("-");
  write_hex(text, {&known, 1});
  return text;
}

}  // namespace shmbus
