#include "gateway/http_reader.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

namespace shmbus::gateway {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

constexpr std::size_t chunk_head_max = 4096;
constexpr std::string_view end_of_head = "\r\n\r\n";

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_number(std::string_view text) noexcept {
  constexpr std::size_t digits_max = 18;
  return !text.empty() && text.size() <= digits_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "METHOD TARGET HTTP/2.0"
bool names_another_version(std::string_view head) noexcept {
  const auto line = head.substr(0, head.find('\r'));
  const auto last = line.rfind(' ');
  return std::count(line.begin(), line.end(), ' ') == 2 &&
         line.substr(last + 1).starts_with("HTTP/");
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool has_word(std::string_view list, std::string_view word) noexcept {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    auto one = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (same_word(one, word)) return true;
  }
  return false;
}

std::optional<std::string_view> RequestHead::field(std::string_view name) const noexcept {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::size_t RequestHead::count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(std::count_if(
      fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; }));
}

/// Hands what Beast finds to the reader. Trailers are read and dropped.
class HttpReader::Parser final : public http::basic_parser<true> {
 public:
  Parser(RequestHead& head, std::string& body, const ReadLimits& limits)
      : head_(head), body_(body), fields_max_(limits.fields) {
    header_limit(static_cast<std::uint32_t>(limits.head_bytes + chunk_head_max));
    body_limit(std::uint64_t{limits.body_bytes});
  }
  [[nodiscard]] bool too_many_fields() const noexcept { return too_many_fields_; }

 private:
  using View = boost::beast::string_view;
  static std::string_view std_view(View text) noexcept { return {text.data(), text.size()}; }

  void on_request_impl(http::verb /*verb*/, View method, View target, int version,
                       error_code& /*ec*/) override {
    head_.method = std_view(method);
    head_.target = std_view(target);
    head_.http_1_0 = version == 10;  // NOLINT: HTTP/1.0, as Beast writes it
  }
  void on_response_impl(int /*code*/, View /*reason*/, int /*version*/,
                        error_code& /*ec*/) override {}
  void on_field_impl(http::field /*name*/, View name, View value, error_code& ec) override {
    if (in_body_) return;
    if (head_.fields.size() == fields_max_) {
      too_many_fields_ = true;
      ec = http::make_error_code(http::error::header_limit);
      return;
    }
    head_.fields.emplace_back(lowered(std_view(name)), std_view(value));
  }
  void on_header_impl(error_code& /*ec*/) override { in_body_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         error_code& /*ec*/) override {}
  std::size_t on_body_impl(View bytes, error_code& /*ec*/) override {
    body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t /*bytes*/, View /*extension*/,
                            error_code& /*ec*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*left*/, View bytes, error_code& /*ec*/) override {
    body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(error_code& /*ec*/) override {}

  RequestHead& head_;
  std::string& body_;
  std::size_t fields_max_;
  bool in_body_ = false;
  bool too_many_fields_ = false;
};

HttpReader::HttpReader(const ReadLimits& limits) : limits_(limits) {}
HttpReader::~HttpReader() = default;

std::size_t HttpReader::refuse(int status, const char* why) noexcept {
  state_ = State::refused;
  status_ = status;
  why_ = why;
  return 0;
}

std::size_t HttpReader::feed(std::string_view bytes) {
  if (state_ == State::head) return feed_head(bytes);
  return state_ == State::body ? feed_body(bytes) : 0;
}

/// Of what may be the beginning of a head: each line ends in CR LF, and none begins with a space.
bool HttpReader::lines_are_sound(std::string_view bytes) {
  for (; looked_at_ < bytes.size(); ++looked_at_) {
    const char c = bytes[looked_at_];
    const char before = looked_at_ == 0 ? '\0' : bytes[looked_at_ - 1];
    const char* why = nullptr;
    if (c == '\n' && before != '\r') why = "a line ends without a carriage return";
    if (before == '\r' && c != '\n') why = "a carriage return stands alone";
    if (before == '\n' && (c == ' ' || c == '\t')) why = "a field is folded";
    if (c == '\0') why = "a zero byte in the head";
    if (why != nullptr) {
      (void)refuse(400, why);
      return false;
    }
    if (c == '\n' && bytes.substr(0, looked_at_ + 1).ends_with(end_of_head)) return true;
  }
  return true;
}

std::size_t HttpReader::feed_head(std::string_view bytes) {
  // One empty line before a request is skipped, as RFC 9112 asks for.
  if (bytes.starts_with("\r\n")) {
    if (std::exchange(skipped_, true)) return refuse(400, "empty lines before a request");
    looked_at_ = 0;
    return 2;
  }
  if (!lines_are_sound(bytes)) return 0;
  const auto end = bytes.find(end_of_head);
  if (end == std::string_view::npos) {
    return bytes.size() > limits_.head_bytes ? refuse(431, "the head of the request is too large")
                                             : 0;
  }
  const auto size = end + end_of_head.size();
  if (size > limits_.head_bytes) return refuse(431, "the head of the request is too large");
  parser_ = std::make_unique<Parser>(head_, body_, limits_);
  error_code error;
  parser_->put(boost::asio::buffer(bytes.data(), size), error);
  if (parser_->too_many_fields()) return refuse(431, "too many fields");
  if (error == http::error::bad_version && names_another_version(bytes)) {
    return refuse(505, "HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  if (error == http::error::body_limit) return refuse(413, "the body is too large");
  if (error || !parser_->is_header_done()) return refuse(400, "no HTTP request");
  if (!framing_is_plain()) return 0;
  take_head();
  return size;
}

/// No two readers of this request can disagree about where it ends.
bool HttpReader::framing_is_plain() {
  const auto hosts = head_.count("host");
  if (hosts > 1 || (hosts == 0 && !head_.http_1_0)) {
    (void)refuse(400, "a request has one Host");
    return false;
  }
  const auto length = head_.field("content-length");
  if (length && (head_.count("content-length") > 1 || !is_number(*length))) {
    (void)refuse(400, "Content-Length is one number");
    return false;
  }
  if (const auto coding = head_.field("transfer-encoding")) {
    if (length || head_.http_1_0 || head_.count("transfer-encoding") > 1) {
      (void)refuse(400, "Transfer-Encoding stands beside what contradicts it");
    } else if (!same_word(*coding, "chunked")) {
      (void)refuse(501, "the only Transfer-Encoding is chunked");
    }
  }
  return state_ != State::refused;
}

void HttpReader::take_head() {
  const auto connection = head_.field("connection").value_or("");
  head_.keep_alive =
      head_.http_1_0 ? has_word(connection, "keep-alive") : !has_word(connection, "close");
  head_.expects_continue =
      !head_.http_1_0 && same_word(head_.field("expect").value_or(""), "100-continue");
  head_.has_body = !parser_->is_done();
  if (head_.has_body) {
    state_ = State::body;
    parser_->eager(true);
  } else {
    state_ = State::done;
  }
}

std::size_t HttpReader::feed_body(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !parser_->is_done()) {
    error_code error;
    const auto rest = bytes.substr(taken);
    const auto used = parser_->put(boost::asio::buffer(rest.data(), rest.size()), error);
    taken += used;
    if (error == http::error::need_more) {
      if (rest.size() - used > chunk_head_max)
        return refuse(400, "the head of a chunk is too large");
      break;
    }
    if (error == http::error::body_limit) return refuse(413, "the body is too large");
    if (error) return refuse(400, "the body is not sent as its head says");
    if (used == 0) break;
  }
  if (parser_->is_done()) state_ = State::done;
  return taken;
}

}  // namespace shmbus::gateway
