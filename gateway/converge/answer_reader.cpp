#include "gateway/converge/answer_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

namespace shmbus::gateway::converge {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

constexpr std::uint32_t head_bytes_max = 65'536;
constexpr std::size_t fields_max = 200;
constexpr int first_final_status = 200;  // those below announce another answer

}  // namespace

class AnswerReader::Parser final : public http::basic_parser<false> {
 public:
  Parser(UpstreamAnswer& answer, bool head_only, std::size_t body_max) : answer_(answer) {
    header_limit(head_bytes_max);
    body_limit(std::uint64_t{body_max});
    eager(true);
    skip(head_only);
  }

 private:
  using View = boost::beast::string_view;
  static std::string_view std_view(View text) noexcept { return {text.data(), text.size()}; }

  void on_request_impl(http::verb /*verb*/, View /*method*/, View /*target*/, int /*version*/,
                       error_code& /*ec*/) override {}
  void on_response_impl(int status, View /*reason*/, int /*version*/, error_code& /*ec*/) override {
    answer_.status = status;
  }
  void on_field_impl(http::field /*name*/, View name, View value, error_code& ec) override {
    if (in_body_) return;  // a trailer
    if (answer_.fields.size() == fields_max) {
      ec = http::make_error_code(http::error::header_limit);
      return;
    }
    answer_.fields.emplace_back(std_view(name), std_view(value));
  }
  void on_header_impl(error_code& /*ec*/) override { in_body_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         error_code& /*ec*/) override {}
  std::size_t on_body_impl(View bytes, error_code& /*ec*/) override {
    answer_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t /*bytes*/, View /*extension*/,
                            error_code& /*ec*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*left*/, View bytes, error_code& /*ec*/) override {
    answer_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(error_code& /*ec*/) override {}

  UpstreamAnswer& answer_;
  bool in_body_ = false;
};

AnswerReader::AnswerReader(bool head_only, std::size_t body_max)
    : head_only_(head_only), body_max_(body_max) {
  begin();
}
AnswerReader::~AnswerReader() = default;

void AnswerReader::begin() {
  answer_ = {};
  parser_ = std::make_unique<Parser>(answer_, head_only_, body_max_);
}

AnswerReader::State AnswerReader::feed(std::string_view bytes) {
  if (state_ != State::reading || bytes.empty()) return state_;
  begun_ = true;
  rest_.append(bytes);
  return parse();
}

AnswerReader::State AnswerReader::parse() {
  while (!rest_.empty()) {
    error_code error;
    const auto used = parser_->put(boost::asio::buffer(rest_.data(), rest_.size()), error);
    rest_.erase(0, used);
    if (error == http::error::need_more) return state_;
    if (error) return state_ = State::refused;
    if (parser_->is_done()) {
      if (answer_.status < first_final_status && answer_.status != 101) {
        begin();
        continue;
      }
      answer_.keep_alive = parser_->keep_alive() && rest_.empty();
      return state_ = State::done;
    }
    if (used == 0) break;
  }
  return state_;
}

AnswerReader::State AnswerReader::end() {
  if (state_ != State::reading) return state_;
  error_code error;
  if (begun_ && parser_->got_some()) parser_->put_eof(error);
  const bool whole = begun_ && !error && parser_->is_done();
  answer_.keep_alive = false;
  return state_ = whole ? State::done : State::refused;
}

}  // namespace shmbus::gateway::converge
