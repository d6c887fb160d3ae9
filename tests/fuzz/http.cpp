// What the gateway reads from a network, in pieces of any size: requests, their targets and bodies,
// messages of MCP, answers of older services. The first byte chooses how the rest is cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/converge/answer_reader.hpp"
#include "gateway/converge/route_request.hpp"
#include "gateway/converge/route_table.hpp"
#include "gateway/http_reader.hpp"
#include "gateway/mcp/message.hpp"
#include "gateway/mcp/tool.hpp"
#include "gateway/records_format.hpp"
#include "gateway/target.hpp"

namespace {

using namespace shmbus::gateway;

void require(bool holds) {
  if (!holds) std::abort();
}

std::size_t piece(std::size_t cut, std::size_t left) noexcept {
  return cut == 0 || cut > left ? left : cut;
}

/// Whatever was refused stays refused, and nothing is taken beyond what is there.
void read_requests(std::string_view text, std::size_t cut) {
  const ReadLimits limits{.head_bytes = 4096, .fields = 20, .body_bytes = 8192};
  std::string in;
  auto reader = std::make_unique<HttpReader>(limits);
  while (!text.empty() || !in.empty()) {
    const auto more = piece(cut, text.size());
    in.append(text.substr(0, more));
    text.remove_prefix(more);
    const auto taken = reader->feed(in);
    require(taken <= in.size());
    in.erase(0, taken);
    if (reader->state() == HttpReader::State::refused) {
      require(reader->status() >= 400 && reader->feed(in) == 0);
      return;
    }
    require(reader->body().size() <= limits.body_bytes);
    if (reader->state() == HttpReader::State::done) {
      const auto target = parse_target(reader->head().target);
      if (target) (void)converge::query_parameters(target->query);
      (void)records_of_body(reader->body(), records_max);
      reader = std::make_unique<HttpReader>(limits);
    } else if (taken == 0 && text.empty()) {
      return;
    }
  }
}

void read_answer(std::string_view text, std::size_t cut) {
  constexpr std::size_t most = 8192;
  converge::AnswerReader reader((cut & 1U) != 0, most);
  auto state = converge::AnswerReader::State::reading;
  while (!text.empty() && state == converge::AnswerReader::State::reading) {
    const auto more = piece(cut, text.size());
    state = reader.feed(text.substr(0, more));
    text.remove_prefix(more);
  }
  if (state == converge::AnswerReader::State::reading) state = reader.end();
  if (state == converge::AnswerReader::State::done) {
    require(reader.answer().body.size() <= most);
    (void)converge::upstream_response(std::move(reader.answer()));
  }
}

void read_message(std::string_view text) {
  const auto message = mcp::read_message(text);
  if (message.kind == mcp::Message::Kind::request) require(!message.id.empty());
  (void)mcp::member(message.params, "arguments");
  require(converge::same_json(text, text) || message.kind == mcp::Message::Kind::no_json);
  const std::string name(text.substr(0, 64));
  require(mcp::command_of(mcp::tool_name(name)) == name || name.find("_x") != std::string::npos);
  converge::Parameters found;
  if (converge::why_no_pattern(text).empty()) (void)converge::path_fits(text, text, found);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  read_requests(text, data[0]);
  read_answer(text, data[0]);
  read_message(text);
  return 0;
}
