#include "gen/json_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <unordered_set>

#include "gen/names.hpp"

namespace shmbus::gen {
namespace {

constexpr std::size_t matches_max = 1'000'000;
constexpr unsigned filter_depth_max = 32;

class PathReader {
 public:
  explicit PathReader(std::string_view path) : path_(path), rest_(path) {}

  std::vector<Node*> select(Node& root) {
    expect('$');
    std::vector<Node*> found{&root};
    while (!rest_.empty()) found = next(found);
    return found;
  }

 private:
  [[noreturn]] void fail(std::string_view why) const {
    throw Error(fmt::format("'{}': {}", printable(path_), why));
  }
  void skip_spaces() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
  }
  bool accept(std::string_view wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }
  void expect(char wanted) {
    if (!accept({&wanted, 1})) {
      fail(fmt::format("'{}' is missing before '{}'", wanted, printable(rest_)));
    }
  }

  /// One step of the path, from each of `from`.
  std::vector<Node*> next(const std::vector<Node*>& from) {
    const bool deep = accept("..");
    const auto base = deep ? all_below(from) : from;
    if (!deep && !rest_.starts_with('[')) expect('.');
    if (accept("[")) return bracket(base);
    if (accept("*")) return children(base);
    return members(base, name());
  }

  std::string name() {
    const auto end = std::min(rest_.find_first_of(".[] ()=!<>&|,"), rest_.size());
    if (end == 0) fail("a name is missing");
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return out;
  }
  std::string quoted() {
    const char quote = rest_.front();
    rest_.remove_prefix(1);
    std::string out;
    while (!rest_.empty() && rest_.front() != quote) {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    expect(quote);
    return out;
  }
  [[nodiscard]] bool at_quote() const { return rest_.starts_with('\'') || rest_.starts_with('"'); }

  /// After '[': up to the bracket that closes it.
  std::vector<Node*> bracket(const std::vector<Node*>& from) {
    std::vector<Node*> found;
    do {
      skip_spaces();
      std::vector<Node*> some;
      if (accept("?")) {
        some = filtered(from);
      } else if (accept("*")) {
        some = children(from);
      } else if (at_quote()) {
        some = members(from, quoted());
      } else {
        some = indexed(from, name());
      }
      found.insert(found.end(), some.begin(), some.end());
      skip_spaces();
    } while (accept(","));
    expect(']');
    return found;
  }

  void check(std::size_t matches) const {
    if (matches > matches_max) fail("names more than a million values");
  }
  static std::vector<Node*> children_of(const Node& node) {
    std::vector<Node*> out(node.items);
    for (const auto& member : node.members) out.push_back(member.value);
    return out;
  }
  [[nodiscard]] std::vector<Node*> children(const std::vector<Node*>& from) const {
    std::vector<Node*> found;
    for (const auto* node : from) {
      const auto below = children_of(*node);
      found.insert(found.end(), below.begin(), below.end());
      check(found.size());
    }
    return found;
  }
  /// Each of `from` and everything below, once: aliases may lead to one value by many ways.
  [[nodiscard]] std::vector<Node*> all_below(const std::vector<Node*>& from) const {
    std::vector<Node*> found;
    std::unordered_set<const Node*> seen;
    std::vector<Node*> ahead(from.rbegin(), from.rend());
    while (!ahead.empty()) {
      Node* node = ahead.back();
      ahead.pop_back();
      if (!seen.insert(node).second) continue;
      found.push_back(node);
      check(found.size());
      const auto below = children_of(*node);
      ahead.insert(ahead.end(), below.rbegin(), below.rend());
    }
    return found;
  }
  static std::vector<Node*> members(const std::vector<Node*>& from, const std::string& key) {
    std::vector<Node*> found;
    for (const auto* node : from) {
      if (const auto* entry = node->entry(key)) found.push_back(entry->value);
    }
    return found;
  }
  [[nodiscard]] std::vector<Node*> indexed(const std::vector<Node*>& from,
                                           const std::string& number) const {
    char* end = nullptr;
    const auto index = std::strtol(number.c_str(), &end, 10);
    if (*end != '\0') fail(fmt::format("'{}' in brackets is no index", number));
    std::vector<Node*> found;
    for (const auto* node : from) {
      const auto size = static_cast<long>(node->items.size());
      const long at = index < 0 ? size + index : index;
      if (at >= 0 && at < size) found.push_back(node->items[static_cast<std::size_t>(at)]);
    }
    return found;
  }

  // --- filters -----------------------------------------------------------------------------------

  std::vector<Node*> filtered(const std::vector<Node*>& from) {
    std::vector<Node*> found;
    const auto condition = rest_;
    for (auto* child : children(from)) {
      rest_ = condition;
      if (either(*child)) found.push_back(child);
    }
    rest_ = condition;
    Node nothing;
    (void)either(nothing);  // to its end, also when there was no child
    return found;
  }
  bool either(const Node& at) {
    bool is = both(at);
    for (skip_spaces(); accept("||"); skip_spaces()) is = both(at) || is;
    return is;
  }
  bool both(const Node& at) {
    bool is = single(at);
    for (skip_spaces(); accept("&&"); skip_spaces()) is = single(at) && is;
    return is;
  }
  bool single(const Node& at) {
    if (++depth_ > filter_depth_max) fail("a filter with too many brackets");
    skip_spaces();
    bool is = false;
    if (accept("!")) {
      is = !single(at);
    } else if (accept("(")) {
      is = either(at);
      skip_spaces();
      expect(')');
    } else {
      is = comparison(at);
    }
    --depth_;
    return is;
  }

  /// A value on one side of a comparison; none when a path leads nowhere.
  struct Operand {
    std::optional<std::string> text;
    bool exists = false;
  };
  Operand operand(const Node& at) {
    skip_spaces();
    if (at_quote()) return {quoted(), true};
    if (!accept("@")) return {name(), true};
    const Node* node = &at;
    while (rest_.starts_with('.') || rest_.starts_with('[')) {
      std::string key;
      if (accept(".")) {
        key = name();
      } else {
        expect('[');
        if (!at_quote()) fail("a filter takes ['name'] here");
        key = quoted();
        expect(']');
      }
      node = node == nullptr ? nullptr : node->find(key);
    }
    if (node == nullptr) return {};
    if (!node->is_scalar()) return {std::nullopt, true};
    return {node->text, true};
  }
  bool comparison(const Node& at) {
    const auto left = operand(at);
    skip_spaces();
    for (const std::string_view op : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (accept(op)) return compare(left, op, operand(at));
    }
    return left.exists;
  }
  static bool compare(const Operand& left, std::string_view op, const Operand& right) {
    if (op == "==" || op == "!=") {
      const bool same = left.exists == right.exists && left.text == right.text;
      return same == (op == "==");
    }
    if (!left.text || !right.text) return false;
    const double a = std::strtod(left.text->c_str(), nullptr);
    const double b = std::strtod(right.text->c_str(), nullptr);
    if (op == "<=") return a <= b;
    if (op == ">=") return a >= b;
    return op == "<" ? a < b : a > b;
  }

  std::string_view path_;
  std::string_view rest_;
  unsigned depth_ = 0;
};

}  // namespace

std::vector<Node*> select(Node& root, std::string_view path) {
  auto found = PathReader(path).select(root);
  std::unordered_set<const Node*> seen;
  std::erase_if(found, [&](const Node* node) { return !seen.insert(node).second; });
  return found;
}

}  // namespace shmbus::gen
