// Text and Array<T>: parts of a request or reply whose length is known only when it is made. They
// lie behind the struct in the same loan, and are written and read there without a copy.
//
//   struct Note { std::uint64_t id; shmbus::Text body; shmbus::Array<float> samples; };
//
//   auto loan = caller.loan(4096);                   // the struct, and 4096 bytes behind it
//   loan->tail().put((*loan)->body, "...");          // false when it does not fit
//
// A member holds where its data begins in the message and how long it is. Both may come from a
// faulty peer, so nothing is read without the message that bounds it: view(message) answers an
// empty view for a member that leads out of it, or that is not aligned as its type needs.
#pragma once

#include "shmbus/cxx20.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace shmbus {

namespace detail {

/// Bytes of the message that a member names; empty when they are not all inside it.
inline std::span<const std::byte> part_of(std::span<const std::byte> message, std::uint32_t offset,
                                          std::uint64_t bytes) noexcept {
  if (offset > message.size() || bytes > message.size() - offset) return {};
  return message.subspan(offset, bytes);
}

struct MemberPlace;

}  // namespace detail

/// A sequence of T that lies in the message. Copied, it still belongs to the same message.
template <class T>
class Array {
  static_assert(std::is_trivially_copyable_v<T>);
  static_assert(alignof(T) <= 8);

 public:
  constexpr Array() noexcept = default;

  /// As claimed; view() says what is really there.
  [[nodiscard]] constexpr std::uint32_t size() const noexcept { return count_; }
  [[nodiscard]] std::span<const T> view(std::span<const std::byte> message) const noexcept {
    const Array claimed = *this;  // once: the peer may change it while we look
    const auto bytes = detail::part_of(message, claimed.offset_,
                                       static_cast<std::uint64_t>(claimed.count_) * sizeof(T));
    if (bytes.empty() || claimed.offset_ % alignof(T) != 0) return {};
    return {static_cast<const T*>(static_cast<const void*>(bytes.data())), claimed.count_};
  }

 private:
  friend struct detail::MemberPlace;
  std::uint32_t offset_ = 0;
  std::uint32_t count_ = 0;
};

/// Text that lies in the message.
class Text {
 public:
  constexpr Text() noexcept = default;
  [[nodiscard]] constexpr std::uint32_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::string_view view(std::span<const std::byte> message) const noexcept {
    const auto chars = bytes_.view(message);
    return {chars.data(), chars.size()};
  }

 private:
  friend struct detail::MemberPlace;
  Array<char> bytes_;
};

namespace detail {

struct MemberPlace {
  template <class T>
  static Array<T> array(std::uint32_t offset, std::uint32_t count) noexcept {
    Array<T> member;
    member.offset_ = offset;
    member.count_ = count;
    return member;
  }
  static Text text(std::uint32_t offset, std::uint32_t size) noexcept {
    Text member;
    member.bytes_ = array<char>(offset, size);
    return member;
  }
};

}  // namespace detail

/// Places members one after the other into memory behind a struct. It never writes past its end.
class Tail {
 public:
  Tail() noexcept = default;
  /// `message` begins with a struct of `used` bytes.
  Tail(std::span<std::byte> message, std::size_t used) noexcept : message_(message), used_(used) {}

  /// Room for `count` elements, to be filled through `out`; a member that names none, with `out`
  /// empty, when there is not so much left.
  template <class T>
  [[nodiscard]] Array<T> array(std::size_t count, std::span<T>& out) noexcept {
    const std::size_t at = (used_ + alignof(T) - 1) / alignof(T) * alignof(T);
    out = {};
    if (at > message_.size() || count > (message_.size() - at) / sizeof(T)) return {};
    out = {static_cast<T*>(static_cast<void*>(message_.data() + at)), count};
    used_ = at + count * sizeof(T);
    return detail::MemberPlace::array<T>(static_cast<std::uint32_t>(at),
                                         static_cast<std::uint32_t>(count));
  }
  /// False, with `member` unchanged, when the text does not fit.
  [[nodiscard]] bool put(Text& member, std::string_view text) noexcept {
    std::span<char> room;
    const auto place = array<char>(text.size(), room);
    if (room.size() != text.size()) return false;
    if (!text.empty()) text.copy(room.data(), room.size());
    member =
        detail::MemberPlace::text(static_cast<std::uint32_t>(used_ - text.size()), place.size());
    return true;
  }
  template <class T>
  [[nodiscard]] bool put(Array<T>& member, std::span<const T> items) noexcept {
    std::span<T> room;
    const auto place = array<T>(items.size(), room);
    if (room.size() != items.size()) return false;
    for (std::size_t i = 0; i < items.size(); ++i) room[i] = items[i];
    member = place;
    return true;
  }
  /// Bytes of the message that are in use.
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

 private:
  std::span<std::byte> message_;
  std::size_t used_ = 0;
};

}  // namespace shmbus
