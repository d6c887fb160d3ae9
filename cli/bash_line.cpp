// Lines of bash, as far as completion needs them: words, quotes and where readline begins to
// replace. Nothing is expanded: `$(...)` is four characters here.
#include <algorithm>
#include <optional>

#include "cli/complete.hpp"

namespace shmbus::cli {
namespace {

constexpr std::string_view separators = ";|&()<>\n";

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

class Splitter {
 public:
  explicit Splitter(std::string_view breaks) : breaks_(breaks) {}

  void read(std::string_view line) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (out_.quote != '\0') {
        inside_quotes(line, i);
      } else if (c == '\\') {
        // At the very end it quotes what is typed next.
        if (i + 1 < line.size()) add(line[++i]);
        started_ = true;
      } else if (c == '\'' || c == '"') {
        if (closed_) out_.usable = false;
        out_.quote = c;
        out_.kept = out_.current;
        started_ = true;
      } else if (separators.find(c) != std::string_view::npos) {
        out_ = {};
        reset_word();
      } else if (is_blank(c)) {
        end_word();
      } else {
        add(c);
        if (breaks_.find(c) != std::string_view::npos) out_.kept = out_.current;
      }
    }
    // Behind a quote that was closed readline starts in the middle of the word.
    if (closed_) out_.usable = false;
  }
  BashLine take() && {
    auto& words = out_.words;
    const auto assignment = [](const std::string& word) {
      return word.find('=') != std::string::npos && word[0] != '-';
    };
    while (!words.empty() && assignment(words.front())) words.erase(words.begin());
    if (!words.empty()) words.erase(words.begin());  // the program
    return std::move(out_);
  }

 private:
  void add(char c) {
    out_.current += c;
    started_ = true;
  }
  void inside_quotes(std::string_view line, std::size_t& i) {
    const char c = line[i];
    const bool escapes = out_.quote == '"' && c == '\\' && i + 1 < line.size() &&
                         std::string_view("\\\"$`").find(line[i + 1]) != std::string_view::npos;
    if (c == out_.quote) {
      out_.quote = '\0';
      closed_ = true;
    } else {
      add(escapes ? line[++i] : c);
    }
  }
  void end_word() {
    if (started_) out_.words.push_back(std::move(out_.current));
    reset_word();
  }
  void reset_word() {
    out_.current.clear();
    out_.kept.clear();
    started_ = closed_ = false;
    out_.usable = true;
  }

  std::string_view breaks_;
  BashLine out_;
  bool started_ = false;  ///< there is a word, though it may be empty
  bool closed_ = false;   ///< a part of it was quoted
};

bool is_plain_in_bash(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         byte >= 0x80 || std::string_view("_@%+:,./-").find(c) != std::string_view::npos;
}

}  // namespace

BashLine read_bash_line(std::string_view line, std::string_view breaks) {
  Splitter splitter(breaks);
  splitter.read(line);
  return std::move(splitter).take();
}

std::optional<std::string> bash_insertion(const BashLine& line, std::string_view text) {
  if (!line.usable || !text.starts_with(line.kept)) return std::nullopt;
  text.remove_prefix(line.kept.size());
  std::string out;
  for (const char c : text) {
    if (line.quote == '\'') {
      if (c == '\'') return std::nullopt;
    } else if (line.quote == '"') {
      if (c == '!') return std::nullopt;  // the history is looked up in there
      if (std::string_view("\\\"$`").find(c) != std::string_view::npos) out += '\\';
    } else if (!is_plain_in_bash(c)) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

}  // namespace shmbus::cli
