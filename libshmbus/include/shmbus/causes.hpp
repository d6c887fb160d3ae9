// Causes: why a handler said no, when the reason was that a command which it called itself failed.
//
//   shop.order  rejected 3 "no stock"      <- the Error that the caller gets
//     stock.take  handler_died_after_start <- its causes, the nearest first, the root last
//
// The chain rides in the reply's own cache line beside the handler's message, so it is short: at
// most three links; of a longer chain those in the middle are left out, and names are cut so that
// all fits. It is kept as it travels. What a peer wrote is checked once, when it is taken over.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shmbus/error_kind.hpp"

namespace shmbus {

/// One link of the chain.
struct Cause {
  ErrorKind kind = ErrorKind::none;
  std::int32_t code = 0;     ///< of the handler that rejected, else errno or 0
  std::string_view command;  ///< its name, or the beginning of it; points into the Causes
  bool after_gap = false;    ///< causes between the one before and this one were left out
};

class Causes {
 public:
  static constexpr std::size_t links_max = 3;
  static constexpr std::size_t bytes_max = 35;  // leaves a message 12 bytes of the reply's 48
  static constexpr std::size_t name_max = 24;

  constexpr Causes() noexcept {}  // NOLINT: the bytes stay as they are until written

  /// Takes over what a peer wrote, up to the first link that makes no sense.
  static constexpr Causes parse(std::string_view bytes) noexcept {
    Causes causes;
    std::size_t at = 0;
    Link link;
    for (std::size_t n = 0; n < links_max && read(bytes, at, link); ++n) at = link.end;
    if (at > bytes_max) return causes;
    std::copy_n(bytes.data(), at, causes.bytes_.data());
    causes.size_ = static_cast<std::uint8_t>(at);
    return causes;
  }

  /// Room is made by leaving out links from the middle, then by cutting names.
  constexpr void push_front(const Cause& cause) noexcept {
    const Causes old = *this;
    std::array<Cause, links_max + 1> links{cause};
    std::size_t count = 1;
    for (const Cause one : old) links[count++] = one;
    if (count > links_max) {
      links[links_max - 1] = links[links_max];
      links[links_max - 1].after_gap = true;
      count = links_max;
    }
    std::size_t cut = name_max;
    while (!write(links.data(), count, cut)) --cut;
  }

  class Iterator {
   public:
    constexpr Iterator(std::string_view bytes, std::size_t at) noexcept : bytes_(bytes), at_(at) {
      if (!read(bytes_, at_, link_)) at_ = bytes_.size();
    }
    constexpr Cause operator*() const noexcept { return link_.cause; }
    constexpr const Cause* operator->() const noexcept { return &link_.cause; }
    constexpr Iterator& operator++() noexcept { return *this = Iterator(bytes_, link_.end); }
    friend constexpr bool operator==(const Iterator& a, const Iterator& b) noexcept {
      return a.at_ == b.at_;
    }

   private:
    friend class Causes;
    std::string_view bytes_;
    std::size_t at_;
    struct Read {
      Cause cause;
      std::size_t end = 0;
    } link_{};
  };

  [[nodiscard]] constexpr Iterator begin() const noexcept { return {bytes(), 0}; }
  [[nodiscard]] constexpr Iterator end() const noexcept { return {bytes(), bytes().size()}; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  /// The last link: what began it. REQUIRES: !empty().
  [[nodiscard]] constexpr Cause root() const noexcept {
    Cause last;
    for (const Cause one : *this) last = one;
    return last;
  }
  /// As it travels. Part of the format.
  [[nodiscard]] constexpr std::string_view bytes() const noexcept {
    return {bytes_.data(), std::min<std::size_t>(size_, bytes_max)};
  }

 private:
  // A link: kind and the gap's bit; length of the name; code, zigzag, 7 bits a byte; the name.
  using Link = Iterator::Read;
  static constexpr unsigned gap_bit = 0x80;

  static constexpr bool read(std::string_view bytes, std::size_t at, Link& out) noexcept {
    if (at + 3 > bytes.size()) return false;
    const auto byte = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    out.cause.kind = static_cast<ErrorKind>(byte(at) & ~gap_bit);
    out.cause.after_gap = (byte(at) & gap_bit) != 0;
    const std::size_t length = byte(at + 1);
    std::uint32_t zigzag = 0;
    at += 2;
    for (unsigned shift = 0;; shift += 7) {
      if (at == bytes.size() || shift > 28) return false;
      zigzag |= (byte(at) & 0x7FU) << shift;
      if (byte(at++) < 0x80) break;
    }
    out.cause.code = static_cast<std::int32_t>((zigzag >> 1U) ^ (0U - (zigzag & 1U)));
    if (length > name_max || at + length > bytes.size()) return false;
    out.cause.command = bytes.substr(at, length);
    out.end = at + length;
    return true;
  }

  /// False when they do not fit.
  constexpr bool write(const Cause* links, std::size_t count, std::size_t name_cut) noexcept {
    std::array<char, bytes_max> to{};
    std::size_t at = 0;
    bool fits = true;
    const auto put = [&](unsigned value) {
      fits = fits && at < bytes_max;
      if (fits) to[at++] = static_cast<char>(value);
    };
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view name = links[i].command.substr(0, name_cut);
      put((static_cast<unsigned>(links[i].kind) & 0x7FU) | (links[i].after_gap ? gap_bit : 0U));
      put(static_cast<unsigned>(name.size()));
      const auto code = static_cast<std::uint32_t>(links[i].code);
      std::uint32_t zigzag = (code << 1U) ^ (links[i].code < 0 ? ~0U : 0U);
      for (; zigzag >= 0x80; zigzag >>= 7U) put((zigzag & 0x7FU) | 0x80U);
      put(zigzag);
      for (const char c : name) put(static_cast<unsigned char>(c));
    }
    if (!fits) return false;
    bytes_ = to;
    size_ = static_cast<std::uint8_t>(at);
    return true;
  }

  std::uint8_t size_ = 0;
  std::array<char, bytes_max> bytes_;
};

}  // namespace shmbus
