// An HTTP answer, and problems as of RFC 9457.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shmbus/error.hpp"

namespace shmbus::gateway {

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool close = false;  ///< end the connection behind it

  Response& add(std::string_view name, std::string_view value) {
    fields.emplace_back(name, value);
    return *this;
  }
};

struct ResponseForm {
  bool keep_alive = true;
  bool head_only = false;  ///< the answer to HEAD: fields as if there were a body
  bool stream = false;     ///< the body follows, in chunks unless the connection ends behind it
  bool http_1_0 = false;
};
/// Status line, fields, and the body unless the form says otherwise.
std::string serialize(const Response& response, const ResponseForm& form);
/// One chunk of a stream.
std::string chunk(std::string_view bytes);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

Response json_response(int status, std::string body);

/// A problem of the gateway itself; `slug` ends its type, "urn:shmbus:gateway:slug". `detail` may
/// hold text of others.
Response problem(int status, std::string_view slug, std::string_view detail);

/// Whether an error is about the answer, which the gateway could not take over.
enum class During : std::uint8_t { request, reply };
/// What became of a call, by the table of docs/gateway.md; `status` if it is another than there.
Response problem(const Error& error, During during = During::request, int status = 0);
int status_of(const Error& error, During during) noexcept;

}  // namespace shmbus::gateway
