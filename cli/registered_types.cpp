#include "cli/registered_types.hpp"

#include <memory>

#include "cli/exit_codes.hpp"
#include "codec/values.hpp"
#include "common/escape.hpp"
#include "inspect/snapshot.hpp"
#include "words/members.hpp"
#include "words/store.hpp"

namespace shmbus::cli {

std::optional<RegisteredTypes> registered_types(const inspect::Reader& reader,
                                                const inspect::NameInfo& name) {
  const auto seen = std::make_unique<schema::Registered>();
  schema::read(reader.view(), name.record, layout::BindingWord{name.binding_bits}, *seen);
  for (const auto word : names::load_members(reader.view(), name.record).word) {
    if (seen->known != schema::Known::nothing) break;
    if (word.bound()) schema::read(reader.view(), name.record, word, *seen);
  }
  if (seen->known == schema::Known::hash_only) {
    RegisteredTypes types;
    types.hash = seen->hash;
    types.hash_only = true;
    return types;
  }
  if (seen->known != schema::Known::all) return std::nullopt;
  auto sides = codec::CommandTypes::parse(seen->text());
  if (!sides) return std::nullopt;
  return RegisteredTypes{std::string(seen->text()),
                         std::move(sides->request),
                         std::move(sides->reply),
                         sides->request_stream,
                         sides->reply_stream,
                         seen->hash,
                         false};
}

NamedTypes types_of(const std::string& bus, const std::string& name) {
  const auto reader = inspect::Reader::open(bus);
  if (!reader) return {};
  const auto snapshot = inspect::take_snapshot(*reader);
  const auto* found = snapshot.name(name);
  if (found == nullptr) return {};
  NamedTypes types{registered_types(*reader, *found), found->request_bytes, found->reply_bytes};
  // Sizes that the bus has no memory for are nobody's: make no room for them.
  const std::uint64_t most = reader->view().geometry().extents.bytes();
  types.bytes_max = most;
  if (types.request_bytes > most || types.reply_bytes > most) {
    types.request_bytes = types.reply_bytes = 0;
  }
  return types;
}

std::string json_text(const codec::Type& type, std::span<const std::byte> bytes) {
  std::string text;
  value_or_fail(codec::decode(type, bytes, text));
  return escape::json_document(text);
}

std::vector<std::byte> read_request(const PayloadOptions& options, const NamedTypes& known) {
  const bool as_is = options.hex || options.text || options.file;
  if (as_is || !known.types || known.types->hash_only) {
    return read_payload(options, known.bytes_max);
  }
  const auto text = read_payload(options, json_bytes_max);
  const codec::Type& type = known.types->request;
  const bool object = type.root().kind == schema::Kind::structure;
  const std::string_view nothing = object ? "{}" : "null";
  std::vector<std::byte> request;
  value_or_fail(codec::encode(type, text.empty() ? nothing : as_chars(text), request));
  return request;
}

}  // namespace shmbus::cli
