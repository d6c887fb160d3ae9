#include "gen/parse.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unordered_set>
#include <utility>
#include <vector>

namespace shmbus::gen {
namespace {

/// Puts together what a parser reports.
class Builder {
 public:
  Builder(Tree& tree, const std::string& file) : tree_(tree), file_(file) {}

  [[noreturn]] void fail(int line, const std::string& why) const {
    throw Error(fmt::format("{}:{}: {}", file_, line, why));
  }
  Node& open(Node::Kind kind, int line) {
    Node& node = tree_.make(kind, file_, line);
    if (open_.size() == document_depth_max) {
      fail(line, fmt::format("nested more than {} deep", document_depth_max));
    }
    open_.push_back({&node, {}, {}, 0, false});
    return node;
  }
  void close() {
    Node& done = *open_.back().node;
    open_.pop_back();
    place(done);
  }
  Node& scalar(std::string text, bool quoted, int line) {
    Node& node = tree_.make(Node::Kind::scalar, file_, line);
    node.text = std::move(text);
    node.quoted = quoted;
    return node;
  }
  /// The next member of the open map.
  void key(std::string text, int line) {
    auto& frame = open_.back();
    if (!frame.keys.insert(text).second) fail(line, fmt::format("'{}' stands there twice", text));
    frame.key = std::move(text);
    frame.key_line = line;
    frame.has_key = true;
  }
  [[nodiscard]] bool wants_key() const {
    return !open_.empty() && open_.back().node->is_map() && !open_.back().has_key;
  }
  [[nodiscard]] bool is_open(const Node* node) const {
    return std::any_of(open_.begin(), open_.end(),
                       [node](const Frame& frame) { return frame.node == node; });
  }
  void place(Node& value) {
    if (open_.empty()) {
      root_ = &value;
      return;
    }
    auto& frame = open_.back();
    if (frame.node->is_sequence()) {
      put_item(*frame.node, value);
    } else {
      put_member(*frame.node, std::move(frame.key), value, frame.key_line);
      frame.has_key = false;
    }
  }
  [[nodiscard]] Node* root() const { return root_; }
  Node& null(int line) { return tree_.make(Node::Kind::null, file_, line); }

 private:
  struct Frame {
    Node* node;
    std::unordered_set<std::string> keys;
    std::string key;
    int key_line;
    bool has_key;
  };
  Tree& tree_;
  const std::string& file_;
  std::vector<Frame> open_;
  Node* root_ = nullptr;
};

// --- YAML --------------------------------------------------------------------------------------

class YamlEvents : public YAML::EventHandler {
 public:
  explicit YamlEvents(Builder& build) : build_(build) {}

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (build_.wants_key()) {
      build_.key("null", line(mark));
    } else {
      value(build_.null(line(mark)), anchor);
    }
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const bool quoted = tag == "!";
    if (build_.wants_key()) {
      remember(build_.scalar(text, quoted, line(mark)), anchor);
      build_.key(text, line(mark));
    } else {
      value(build_.scalar(text, quoted, line(mark)), anchor);
    }
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node* node = anchor < anchors_.size() ? anchors_[anchor] : nullptr;
    if (node == nullptr || build_.is_open(node)) {
      build_.fail(line(mark), "an anchor that contains itself: a type has a fixed size");
    }
    if (build_.wants_key()) {
      if (!node->is_scalar()) build_.fail(line(mark), "a key is a text");
      build_.key(node->text, line(mark));
    } else {
      build_.place(*node);
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::sequence, mark, anchor);
  }
  void OnSequenceEnd() override { build_.close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::map, mark, anchor);
  }
  void OnMapEnd() override { build_.close(); }

 private:
  static int line(const YAML::Mark& mark) { return mark.line + 1; }
  void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (build_.wants_key()) build_.fail(line(mark), "a key is a text");
    remember(build_.open(kind, line(mark)), anchor);
  }
  void value(Node& node, YAML::anchor_t anchor) {
    remember(node, anchor);
    build_.place(node);
  }
  void remember(Node& node, YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor) return;
    if (anchors_.size() <= anchor) anchors_.resize(anchor + 1);
    anchors_[anchor] = &node;
  }

  Builder& build_;
  std::vector<Node*> anchors_;
};

Node* parse_yaml(Tree& tree, std::string_view text, const std::string& file) {
  Builder build(tree, file);
  YamlEvents events(build);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    parser.HandleNextDocument(events);
  } catch (const YAML::Exception& error) {
    build.fail(error.mark.line + 1, error.msg);
  }
  return build.root();
}

// --- JSON --------------------------------------------------------------------------------------

/// Tells how far the parser has read, so that values know their lines.
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** seen = nullptr;

  reference operator*() const { return *at; }
  Cursor& operator++() {
    *seen = ++at;
    return *this;
  }
  Cursor operator++(int) {
    const auto before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Cursor& a, const Cursor& b) { return a.at == b.at; }
  friend bool operator!=(const Cursor& a, const Cursor& b) { return a.at != b.at; }
};

/// The events of nlohmann::json; each returns whether to go on.
class JsonEvents {
 public:
  using Json = nlohmann::json;

  JsonEvents(Builder& build, std::string_view text) : build_(build), counted_(text.data()) {
    seen_ = counted_;
  }
  bool parse(std::string_view text) {
    const Cursor first{text.data(), &seen_};
    const Cursor last{text.data() + text.size(), &seen_};
    return Json::sax_parse(first, last, this);
  }

  bool null() { return value(build_.null(line())); }
  bool boolean(bool is) { return value(build_.scalar(is ? "true" : "false", false, line())); }
  bool number_integer(Json::number_integer_t number) {
    return value(build_.scalar(std::to_string(number), false, line()));
  }
  bool number_unsigned(Json::number_unsigned_t number) {
    return value(build_.scalar(std::to_string(number), false, line()));
  }
  bool number_float(Json::number_float_t /*number*/, const std::string& text) {
    return value(build_.scalar(text, false, line()));
  }
  bool string(std::string& text) { return value(build_.scalar(std::move(text), true, line())); }
  bool binary(Json::binary_t& /*bytes*/) { return false; }
  bool start_object(std::size_t /*members*/) { return open(Node::Kind::map); }
  bool key(std::string& text) {
    build_.key(std::move(text), line());
    return true;
  }
  bool end_object() { return close(); }
  bool start_array(std::size_t /*items*/) { return open(Node::Kind::sequence); }
  bool end_array() { return close(); }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) {
    return false;
  }

 private:
  /// Of the last character read but one: after a number the parser has seen one more.
  int line() {
    if (seen_ > counted_ + 1) {
      line_ += static_cast<int>(std::count(counted_, seen_ - 1, '\n'));
      counted_ = seen_ - 1;
    }
    return line_;
  }
  bool value(Node& node) {
    build_.place(node);
    return true;
  }
  bool open(Node::Kind kind) {
    (void)build_.open(kind, line());
    return true;
  }
  bool close() {
    build_.close();
    return true;
  }

  Builder& build_;
  const char* seen_ = nullptr;
  const char* counted_;
  int line_ = 1;
};

/// Null when it is no JSON; YAML that looks like it may be.
Node* parse_json(Tree& tree, std::string_view text, const std::string& file) {
  Builder build(tree, file);
  return JsonEvents(build, text).parse(text) ? build.root() : nullptr;
}

bool looks_like_json(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

}  // namespace

Node& parse(Tree& tree, std::string_view text, const std::string& name) {
  if (text.size() > document_bytes_max) {
    throw Error(fmt::format("{}: a document has at most {} MiB", name, document_bytes_max >> 20U));
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto& file = tree.keep_file(name);
  Node* root = looks_like_json(text) ? parse_json(tree, text, file) : nullptr;
  if (root == nullptr) root = parse_yaml(tree, text, file);
  if (root == nullptr) throw Error(name + ":1: the document is empty");
  return *root;
}

}  // namespace shmbus::gen
