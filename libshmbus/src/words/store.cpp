#include "words/store.hpp"

#include <algorithm>
#include <cstring>

#include "base/testpoint.hpp"

namespace shmbus::schema {

void publish(const segment::View& view, std::uint32_t record, const Schema& schema,
             layout::BindingWord binding) noexcept {
  auto& to = view.schema(record);
  const std::size_t length =
      schema.text.size() <= layout::schema_bytes_max ? schema.text.size() : 0;
  to.tag.store(0, std::memory_order_relaxed);
  to.hash.store(schema.hash, std::memory_order_relaxed);
  to.length.store(static_cast<std::uint32_t>(length), std::memory_order_relaxed);
  to.request_bytes.store(schema.request_bytes, std::memory_order_relaxed);
  to.reply_bytes.store(schema.reply_bytes, std::memory_order_relaxed);
  for (std::size_t at = 0; at < length; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, schema.text.data() + at, std::min<std::size_t>(8, length - at));
    to.text[at / 8].store(word, std::memory_order_relaxed);
  }
  SHMBUS_TESTPOINT("schema.filled");
  to.tag.store(binding.registration(), std::memory_order_release);  // SYNC schema.tag
}

bool is_published(const segment::View& view, std::uint32_t record,
                  layout::BindingWord binding) noexcept {
  // SYNC schema.tag: by the endpoint, since the gen is bumped for other reasons than a
  // registration.
  const layout::BindingWord tag{view.schema(record).tag.load(std::memory_order_acquire)};
  return tag.bits != 0 && tag.same_slot(binding);
}

void read(const segment::View& view, std::uint32_t record, layout::BindingWord binding,
          Registered& out) noexcept {
  out.known = Known::nothing;
  out.length = 0;
  if (!is_published(view, record, binding)) return;
  const auto& from = view.schema(record);
  out.hash = from.hash.load(std::memory_order_relaxed);
  out.request_bytes = from.request_bytes.load(std::memory_order_relaxed);
  out.reply_bytes = from.reply_bytes.load(std::memory_order_relaxed);
  if (out.hash == 0) {
    out.known = Known::bytes;
    return;
  }
  const std::size_t length = from.length.load(std::memory_order_relaxed);
  if (length == 0) {
    out.known = Known::hash_only;
    return;
  }
  if (length > out.chars.size()) return;
  for (std::size_t at = 0; at < length; at += 8) {
    const std::uint64_t word = from.text[at / 8].load(std::memory_order_relaxed);
    std::memcpy(out.chars.data() + at, &word, std::min<std::size_t>(8, length - at));
  }
  // Written meanwhile by another registrant, or damaged: then it is not what it says it is.
  if (shmbus::detail::hash_name({out.chars.data(), length}) != out.hash) return;
  out.length = length;
  out.known = Known::all;
}

}  // namespace shmbus::schema
