// Reads one HTTP/1.1 request, piece by piece. Boost.Beast parses; what Beast lets pass and two
// servers in a row may read differently is refused before: bare line feeds, folded fields, a
// transfer coding other than "chunked", lengths that are no plain number, a missing or second Host.
//
// Everything here comes from the network. After `refused` the connection is to be closed: nobody
// knows where the next request would begin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shmbus::gateway {

struct ReadLimits {
  std::size_t head_bytes = 16'384;  ///< request line and fields
  std::size_t fields = 100;
  std::size_t body_bytes = std::size_t{1} << 20U;
};

/// The request line and the fields.
struct RequestHead {
  std::string method;
  std::string target;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool has_body = false;
  std::vector<std::pair<std::string, std::string>> fields;  ///< names in lower case

  /// The first field of that name (in lower case); nothing when there is none.
  [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
};

class HttpReader {
 public:
  enum class State : std::uint8_t { head, body, done, refused };

  explicit HttpReader(const ReadLimits& limits);
  HttpReader(const HttpReader&) = delete;
  HttpReader& operator=(const HttpReader&) = delete;
  ~HttpReader();

  /// Takes what it can off the beginning of `bytes`; returns how much. It stops behind the head.
  std::size_t feed(std::string_view bytes);

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Complete once the state is not `head`.
  [[nodiscard]] const RequestHead& head() const noexcept { return head_; }
  [[nodiscard]] std::string& body() noexcept { return body_; }
  /// Of `refused`: the status to answer with, and why.
  [[nodiscard]] int status() const noexcept { return status_; }
  [[nodiscard]] std::string_view why() const noexcept { return why_; }

 private:
  class Parser;
  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_body(std::string_view bytes);
  bool lines_are_sound(std::string_view bytes);
  void take_head();
  bool framing_is_plain();
  std::size_t refuse(int status, const char* why) noexcept;

  ReadLimits limits_;
  std::unique_ptr<Parser> parser_;
  RequestHead head_;
  std::string body_;
  State state_ = State::head;
  std::size_t looked_at_ = 0;  ///< bytes of an incomplete head whose lines were checked
  bool skipped_ = false;
  int status_ = 0;
  const char* why_ = "";
};

/// Without regard to the case of ASCII letters.
bool same_word(std::string_view a, std::string_view b) noexcept;
/// With ASCII letters in lower case.
std::string lowered(std::string_view text);
/// Whether a list of words, separated by commas, has this one.
bool has_word(std::string_view list, std::string_view word) noexcept;

}  // namespace shmbus::gateway
