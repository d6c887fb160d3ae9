// Schemas in the segment: one record for each name, written by the registrant, read by callers and
// tools, untrusted like everything else there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "layout/limits.hpp"
#include "layout/name_words.hpp"
#include "layout/words.hpp"
#include "segment/view.hpp"
#include "shmbus/schema.hpp"

namespace shmbus::schema {

enum class Known : std::uint8_t {
  nothing,    ///< not written for this registration, or being written, or damaged
  bytes,      ///< registered without types
  hash_only,  ///< the text was too long for the segment
  all,
};

/// What a registration says of its types, copied out. Large: for slow paths.
struct Registered {
  Known known = Known::nothing;
  std::uint64_t hash = 0;
  std::uint32_t request_bytes = 0;
  std::uint32_t reply_bytes = 0;
  std::size_t length = 0;
  std::array<char, layout::schema_bytes_max> chars;

  [[nodiscard]] std::string_view text() const noexcept { return {chars.data(), length}; }
};

/// REQUIRES: the caller owns the endpoint that `binding` leads to.
void publish(const segment::View& view, std::uint32_t record, const Schema& schema,
             layout::BindingWord binding) noexcept;
[[nodiscard]] bool is_published(const segment::View& view, std::uint32_t record,
                                layout::BindingWord binding) noexcept;

/// What the registration with that binding said.
void read(const segment::View& view, std::uint32_t record, layout::BindingWord binding,
          Registered& out) noexcept;

}  // namespace shmbus::schema
