#include "gateway/response.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "common/escape.hpp"
#include "shmbus/handler.hpp"

namespace shmbus::gateway {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 26> reasons{{
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
}};

std::string_view reason_of(int status) noexcept {
  const auto* found = std::find_if(reasons.begin(), reasons.end(),
                                   [&](const auto& r) { return r.first == status; });
  return found == reasons.end() ? std::string_view("Unknown") : found->second;
}

/// "Sun, 06 Nov 1994 08:49:37 GMT", made once a second.
std::string_view http_date() {
  static std::time_t made_at = 0;
  static std::array<char, 40> text{};
  const std::time_t at = std::time(nullptr);
  if (at != made_at) {
    std::tm parts{};
    (void)::gmtime_r(&at, &parts);
    if (std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == 0) {
      text[0] = '\0';
    }
    made_at = at;
  }
  return text.data();
}

bool may_have_body(int status) noexcept { return status >= 200 && status != 204 && status != 304; }

}  // namespace

std::string serialize(const Response& response, const ResponseForm& form) {
  const bool closes = response.close || !form.keep_alive;
  std::string out = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                                reason_of(response.status), http_date());
  for (const auto& [name, value] : response.fields) {
    // Values of others were escaped where they were put together; this is the last guard against a
    // second field or a second response inside one.
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) continue;
    out.append(name).append(": ").append(value).append("\r\n");
  }
  out += "X-Content-Type-Options: nosniff\r\n";
  if (closes) out += "Connection: close\r\n";
  if (!closes && form.http_1_0) out += "Connection: keep-alive\r\n";
  if (form.stream) {
    if (!form.http_1_0) out += "Transfer-Encoding: chunked\r\n";
  } else if (may_have_body(response.status)) {
    out += fmt::format("Content-Length: {}\r\n", response.body.size());
  }
  out += "\r\n";
  if (!form.head_only && !form.stream && may_have_body(response.status)) out += response.body;
  return out;
}

std::string chunk(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

Response json_response(int status, std::string body) {
  Response out;
  out.status = status;
  out.add("Content-Type", "application/json").add("Cache-Control", "no-store");
  out.body = std::move(body);
  return out;
}

namespace {

Response problem_document(int status, std::string_view type, std::string_view detail,
                          std::string_view more) {
  Response out;
  out.status = status;
  out.add("Content-Type", "application/problem+json").add("Cache-Control", "no-store");
  out.body = fmt::format("{{\"type\":{},\"title\":{},\"status\":{},\"detail\":{}{}}}\n",
                         escape::json(type), escape::json(reason_of(status)), status,
                         escape::json(detail), more);
  return out;
}

std::string causes_json(const Causes& causes) {
  std::string out;
  for (const Cause& cause : causes) {
    out +=
        fmt::format("{}{{\"command\":{},\"kind\":{},\"code\":{}}}", out.empty() ? "" : ",",
                    escape::json(cause.command), escape::json(to_string(cause.kind)), cause.code);
  }
  return out;
}

/// Whole seconds, at least one: what Retry-After can say.
std::uint64_t retry_seconds(const Error& error) noexcept {
  constexpr std::uint64_t second_ns = 1'000'000'000;
  constexpr std::uint64_t most = 3600;
  return std::clamp<std::uint64_t>((error.retry_after_ns + second_ns - 1) / second_ns, 1, most);
}

/// Codes below zero are the library's, on behalf of the handler.
int status_of_rejection(std::int32_t code) noexcept {
  return code == shmbus::detail::handler_threw ? 500 : code < 0 ? 400 : 422;
}

}  // namespace

int status_of(const Error& error, During during) noexcept {
  switch (error.kind) {
    case ErrorKind::not_registered:
    case ErrorKind::handler_died_before_start:
    case ErrorKind::bus_unusable:
    case ErrorKind::limit_reached:
    case ErrorKind::cancelled:
      return 503;
    case ErrorKind::rejected:
      return status_of_rejection(error.code);
    case ErrorKind::timed_out:
      return 504;
    case ErrorKind::handler_died_after_start:
    case ErrorKind::corrupted:
    case ErrorKind::abandoned:
      return 502;
    case ErrorKind::overloaded:
      return 429;
    case ErrorKind::type_mismatch:
      return during == During::reply ? 502 : 409;
    case ErrorKind::too_large:
      return during == During::reply ? 502 : 413;
    case ErrorKind::not_permitted:
      return 403;
    case ErrorKind::invalid_argument:
      return during == During::reply ? 502 : 400;
    case ErrorKind::already_registered:
      return 409;
    default:
      return 500;
  }
}

Response problem(int status, std::string_view slug, std::string_view detail) {
  return problem_document(status, fmt::format("urn:shmbus:gateway:{}", slug), detail, "");
}

Response problem(const Error& error, During during, int status) {
  if (status == 0) status = status_of(error, during);
  std::string more =
      fmt::format(",\"kind\":{},\"code\":{},\"may_have_run\":{}",
                  escape::json(to_string(error.kind)), error.code, may_have_started(error));
  if (error.kind == ErrorKind::too_large && error.needed != 0) {
    more += fmt::format(",\"needed\":{}", error.needed);
  }
  if (!error.causes.empty()) more += fmt::format(",\"causes\":[{}]", causes_json(error.causes));
  auto out = problem_document(status, fmt::format("urn:shmbus:error:{}", to_string(error.kind)),
                              error.message.view(), more);
  if (status == 429 || status == 503) {
    out.add("Retry-After", std::to_string(retry_seconds(error)));
  }
  return out;
}

}  // namespace shmbus::gateway
