#include "recorder/event.hpp"

#include <algorithm>
#include <cstring>

namespace shmbus::recorder {
namespace {

constexpr std::uint64_t two(std::uint64_t low, std::uint64_t high) noexcept {
  return low | (high << 32U);
}
constexpr std::uint32_t low_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word);
}
constexpr std::uint32_t high_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word >> 32U);
}
constexpr std::uint16_t half(std::uint64_t word, unsigned shift) noexcept {
  return static_cast<std::uint16_t>(word >> shift);
}

}  // namespace

void Event::set_excerpt(std::span<const std::byte> bytes) noexcept {
  excerpt = {};
  if (!bytes.empty()) {
    std::memcpy(excerpt.data(), bytes.data(), std::min(bytes.size(), excerpt.size()));
  }
}

EventWords pack(const Event& event) noexcept {
  EventWords words{};
  words[1] = static_cast<std::uint64_t>(event.kind) |
             (static_cast<std::uint64_t>(event.flags) << 8U) |
             (static_cast<std::uint64_t>(event.outcome) << 16U) |
             (static_cast<std::uint64_t>(event.record) << 32U) |
             (static_cast<std::uint64_t>(event.lane) << 48U);
  words[2] = (event.caller.bits & 0xFFFFFFULL) | ((event.handler.bits & 0xFFFFFFULL) << 24U) |
             (static_cast<std::uint64_t>(event.endpoint) << 48U);
  words[3] = event.started_at;
  words[4] = event.duration_ns;
  words[5] = event.queued_ns;
  words[6] = two(event.bytes_in, event.bytes_out);
  words[7] = event.trace[0];
  words[8] = event.trace[1];
  words[9] = event.span;
  words[10] = event.parent_span;
  std::memcpy(&words[11], event.excerpt.data(), event.excerpt.size());
  words[15] = two(event.detail, event.spilled);
  return words;
}

Event unpack(const EventWords& words) noexcept {
  Event event;
  event.kind = static_cast<Kind>(words[1] & 0xFFU);
  event.flags = static_cast<std::uint8_t>(words[1] >> 8U);
  event.outcome = half(words[1], 16);
  event.record = half(words[1], 32);
  event.lane = half(words[1], 48);
  event.caller = layout::ParticipantId::from_bits(words[2]);
  event.handler = layout::ParticipantId::from_bits(words[2] >> 24U);
  event.endpoint = half(words[2], 48);
  event.started_at = words[3];
  event.duration_ns = words[4];
  event.queued_ns = words[5];
  event.bytes_in = low_of(words[6]);
  event.bytes_out = high_of(words[6]);
  event.trace = {words[7], words[8]};
  event.span = words[9];
  event.parent_span = words[10];
  std::memcpy(event.excerpt.data(), &words[11], event.excerpt.size());
  event.detail = low_of(words[15]);
  event.spilled = high_of(words[15]);
  return event;
}

std::uint32_t checksum(const EventWords& words, std::uint64_t index) noexcept {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15ULL;
  std::uint64_t sum = low_of(index) * odd;
  for (std::size_t i = 1; i < words.size(); ++i) {
    sum = (sum ^ words[i]) * odd;
    sum ^= sum >> 29U;
  }
  const std::uint32_t folded = high_of(sum);
  return folded == 0 ? 1 : folded;
}

}  // namespace shmbus::recorder
