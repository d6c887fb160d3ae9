// The files of the page (gateway/page/), which are a part of the program: gateway/embed.cmake makes
// the table of them when the program is built. They are the same for everybody and tell nothing of
// the bus; what the page shows it asks for at /api/, with the credentials of its user.
#pragma once

#include <span>
#include <string_view>

#include "gateway/http_reader.hpp"
#include "gateway/response.hpp"

namespace shmbus::gateway {

struct PageFile {
  std::string_view path;  ///< "/" or "/page/app.js"
  std::string_view type;
  std::string_view etag;  ///< with its quotes
  std::string_view bytes;
};

std::span<const PageFile> page_files() noexcept;
/// Null when there is none at this path.
const PageFile* page_file(std::string_view path) noexcept;
/// For a GET or HEAD; 304 when the client has this very file.
Response page_response(const PageFile& file, const RequestHead& head);

}  // namespace shmbus::gateway
