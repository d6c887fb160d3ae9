#include "telemetry/http_post.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <utility>

namespace shmbus::telemetry {
namespace {

constexpr long connect_ms_max = 2'000;
constexpr int status_ok = 200;
constexpr int status_redirect = 300;

// What a server answers beyond its status is of no use here: so much of it is read, so that the
// connection can be used again, and no more.
constexpr std::size_t answer_bytes_max = 64U << 10U;

struct Budget {
  std::size_t left = answer_bytes_max;
};

/// For headers and bodies alike. Taking less than was given ends the transfer.
std::size_t take(char*, std::size_t size, std::size_t count, void* of) {
  auto& budget = *static_cast<Budget*>(of);
  const std::size_t bytes = size * count;
  if (bytes > budget.left) return 0;
  budget.left -= bytes;
  return bytes;
}

struct Headers {
  curl_slist* list = nullptr;
  Headers() {
    add("Content-Type: application/json");
    add("Expect:");  // the document at once, not after a word from the server
  }
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;
  ~Headers() { curl_slist_free_all(list); }
  void add(const char* line) {
    if (curl_slist* longer = curl_slist_append(list, line)) list = longer;
  }
};

bool is_good(const std::string& url) {
  CURLU* parsed = curl_url();
  if (parsed == nullptr) return false;
  bool good = curl_url_set(parsed, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK;
  char* scheme = nullptr;
  good = good && curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
  good = good && (std::string_view(scheme) == "http" || std::string_view(scheme) == "https");
  curl_free(scheme);
  curl_url_cleanup(parsed);
  return good;
}

}  // namespace

void HttpPost::Close::operator()(void* handle) const noexcept { curl_easy_cleanup(handle); }

Result<HttpPost> HttpPost::make(std::string url) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (!is_good(url)) {
    return fail(ErrorKind::invalid_argument,
                "a collector's address looks like http://localhost:4318/v1/traces");
  }
  void* handle = ready == CURLE_OK ? curl_easy_init() : nullptr;
  if (handle == nullptr) return fail(ErrorKind::overloaded, "no memory for an HTTP client");
  return HttpPost(std::move(url), handle);
}

HttpPost::Outcome HttpPost::post(const std::string& body, std::chrono::milliseconds limit) {
  CURL* curl = handle_.get();
  const Headers headers;
  std::array<char, CURL_ERROR_SIZE> why{};
  curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms_max);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.list);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  Budget budget;
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &budget);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &budget);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why.data());
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  const auto number = static_cast<int>(status);
  // A server that says more than it should has said whether it took the document before that.
  const bool said_too_much = code == CURLE_WRITE_ERROR && number >= status_ok;
  if (code != CURLE_OK && !said_too_much) {
    return {0, why[0] != '\0' ? why.data() : curl_easy_strerror(code)};
  }
  if (number >= status_ok && number < status_redirect) return {number, {}};
  return {number, fmt::format("the collector answers {}", number)};
}

}  // namespace shmbus::telemetry
