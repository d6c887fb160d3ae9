// Reads the answer of an older HTTP service, piece by piece. What it says is untrusted like a
// request: lengths are bounded, and an answer whose end is unclear ends the connection.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shmbus::gateway::converge {

struct UpstreamAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;  ///< as they came, in their order
  std::string body;
  bool keep_alive = false;
};

class AnswerReader {
 public:
  enum class State : std::uint8_t { reading, done, refused };

  /// `head_only`: the answer to HEAD, which has no body whatever its fields say.
  AnswerReader(bool head_only, std::size_t body_max);
  AnswerReader(const AnswerReader&) = delete;
  AnswerReader& operator=(const AnswerReader&) = delete;
  ~AnswerReader();

  /// Takes all bytes; what follows behind the answer is refused.
  State feed(std::string_view bytes);
  /// The other side has ended the connection: for some answers that is their end.
  State end();
  [[nodiscard]] UpstreamAnswer& answer() noexcept { return answer_; }
  [[nodiscard]] bool begun() const noexcept { return begun_; }

 private:
  class Parser;
  void begin();
  State parse();

  UpstreamAnswer answer_;
  bool head_only_;
  std::size_t body_max_;
  std::unique_ptr<Parser> parser_;
  std::string rest_;  ///< what the parser has not taken yet
  bool begun_ = false;
  State state_ = State::reading;
};

}  // namespace shmbus::gateway::converge
