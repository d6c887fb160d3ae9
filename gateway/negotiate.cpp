#include "gateway/negotiate.hpp"

#include <zlib.h>

#include <algorithm>
#include <optional>

#include "gateway/stream.hpp"

namespace shmbus::gateway {
namespace {

constexpr std::size_t compress_from = 1024;  // less gains nothing over its packet
constexpr std::size_t compress_to = std::size_t{1} << 20U;
constexpr std::size_t tag_digits = 32;
constexpr std::string_view blanks = " \t";

std::string_view without_blanks(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Takes what stands before the next `mark` off the front.
std::string_view next_of(std::string_view& rest, char mark) noexcept {
  const auto end = std::min(rest.find(mark), rest.size());
  const auto one = without_blanks(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return one;
}

/// "q=0", "q=0.0", ...: not acceptable (RFC 9110, 12.4.2).
bool is_zero_weight(std::string_view parameter) noexcept {
  return (parameter.starts_with("q=") || parameter.starts_with("Q=")) && parameter.size() > 2 &&
         parameter.find_first_not_of("0.", 2) == std::string_view::npos;
}

const std::string* field_of(const Response& response, std::string_view name) noexcept {
  const auto found = std::find_if(response.fields.begin(), response.fields.end(),
                                  [&](const auto& one) { return same_word(one.first, name); });
  return found == response.fields.end() ? nullptr : &found->second;
}

bool is_text(std::string_view content_type) noexcept {
  const auto type = next_of(content_type, ';');
  return type.starts_with("text/") || type == "application/json" || type.ends_with("+json") ||
         type == "application/javascript" || type == "image/svg+xml";
}

bool may_compress(const Response& response) noexcept {
  if (response.body.size() < compress_from || response.body.size() > compress_to) return false;
  if (response.status == 206 || field_of(response, "content-encoding") != nullptr) return false;
  const auto* type = field_of(response, "content-type");
  if (type == nullptr || !is_text(*type)) return false;
  const auto* cache = field_of(response, "cache-control");
  return cache == nullptr || cache->find("no-transform") == std::string::npos;
}

std::optional<std::string> gzip(std::string_view text) {
  constexpr int gzip_wrapper = 16;  // added to the bits of the window: zlib.h, deflateInit2
  constexpr int memory_level = 8;
  z_stream z{};
  if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + gzip_wrapper, memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string out(deflateBound(&z, static_cast<uLong>(text.size())), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&z, Z_FINISH) == Z_STREAM_END;
  out.resize(out.size() - z.avail_out);
  (void)deflateEnd(&z);
  if (!whole || out.size() >= text.size()) return std::nullopt;
  return out;
}

/// The client has this very answer: what is left of it are the fields that a cache brings up to
/// date.
void become_not_modified(Response& response) {
  response.status = 304;
  response.body.clear();
  std::erase_if(response.fields, [](const auto& one) {
    return same_word(one.first, "content-type") || same_word(one.first, "content-encoding");
  });
}

void become_gzip(Response& response, std::string bytes) {
  response.body = std::move(bytes);
  response.add("Content-Encoding", "gzip");
  for (auto& [name, value] : response.fields) {
    // A strong tag stands for these bytes, which are others now.
    if (same_word(name, "etag") && !value.starts_with("W/")) value.insert(0, "W/");
  }
}

}  // namespace

std::string weak_tag(std::string_view text) {
  return "W/\"" + sha256_hex(text).substr(0, tag_digits) + "\"";
}

bool names_tag(std::string_view field, std::string_view tag) noexcept {
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  return without_blanks(field) == "*" ||
         (!tag.empty() && field.find(tag) != std::string_view::npos);
}

bool accepts_gzip(const RequestHead& head) noexcept {
  std::optional<bool> named;
  bool any = false;
  for (const auto& [name, value] : head.fields) {
    if (name != "accept-encoding") continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      auto parameters = next_of(rest, ',');
      const auto coding = next_of(parameters, ';');
      bool wanted = true;
      while (!parameters.empty()) wanted = wanted && !is_zero_weight(next_of(parameters, ';'));
      if (same_word(coding, "gzip") || same_word(coding, "x-gzip")) named = wanted;
      if (coding == "*") any = wanted;
    }
  }
  return named.value_or(any);
}

void negotiate(Response& response, const RequestHead& head, bool compress) {
  const bool reads = head.method == "GET" || head.method == "HEAD";
  const auto* tag = field_of(response, "etag");
  const auto seen = head.field("if-none-match");
  if (reads && response.status == 200 && tag != nullptr && seen && names_tag(*seen, *tag)) {
    return become_not_modified(response);
  }
  if (!compress || !may_compress(response)) return;
  response.add("Vary", "Accept-Encoding");
  if (!accepts_gzip(head)) return;
  if (auto bytes = gzip(response.body)) become_gzip(response, std::move(*bytes));
}

}  // namespace shmbus::gateway
