#include "gateway/page_files.hpp"

#include <algorithm>

#include "gateway/negotiate.hpp"

namespace shmbus::gateway {
namespace {

/// Nothing from elsewhere, nothing inline, nothing that makes markup of text, and no frame around
/// it.
constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

}  // namespace

const PageFile* page_file(std::string_view path) noexcept {
  const auto files = page_files();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const PageFile& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

Response page_response(const PageFile& file, const RequestHead& head) {
  Response out;
  out.add("ETag", file.etag).add("Cache-Control", "no-cache");
  out.add("Content-Security-Policy", content_security_policy);
  out.add("Referrer-Policy", "no-referrer").add("Cross-Origin-Opener-Policy", "same-origin");
  // The body is not copied for what negotiate() would make a 304 of.
  if (names_tag(head.field("if-none-match").value_or(""), file.etag)) {
    out.status = 304;
    return out;
  }
  out.add("Content-Type", file.type);
  out.body = file.bytes;
  return out;
}

}  // namespace shmbus::gateway
