// A document as a tree of values that know where they stand: what parse() makes, overlays change
// and the readers read. One value may stand in several places (YAML aliases), never inside itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus::gen {

/// What is wrong with the input, in words for the person who gave it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Node {
  enum class Kind : std::uint8_t { null, scalar, sequence, map };
  struct Entry {
    std::string key;
    Node* value = nullptr;
    int line = 0;  ///< of the key
  };

  Kind kind = Kind::null;
  bool quoted = false;  ///< a text also where it reads like a number or a word of YAML
  int line = 0;         ///< from 1
  std::string text;     ///< of a scalar
  std::vector<Entry> members;
  std::vector<Node*> items;
  const std::string* file = nullptr;
  const Node* parent = nullptr;  ///< where it stands first
  std::string key;               ///< its key or index there

  [[nodiscard]] bool is_map() const noexcept { return kind == Kind::map; }
  [[nodiscard]] bool is_sequence() const noexcept { return kind == Kind::sequence; }
  [[nodiscard]] bool is_scalar() const noexcept { return kind == Kind::scalar; }
  [[nodiscard]] bool is_true() const noexcept { return is_scalar() && text == "true"; }
  [[nodiscard]] bool is_false() const noexcept { return is_scalar() && text == "false"; }

  /// Null when this is no map or has no such member.
  [[nodiscard]] const Entry* entry(std::string_view name) const noexcept;
  [[nodiscard]] const Node* find(std::string_view name) const noexcept;
  [[nodiscard]] bool has_true(std::string_view name) const noexcept;
  /// The text of a scalar member; empty when there is none.
  [[nodiscard]] std::string_view text_of(std::string_view name) const noexcept;
};

/// Owns the values of a document and of its overlays.
class Tree {
 public:
  Tree() = default;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  /// The name of a file, kept for the nodes that came from it.
  const std::string& keep_file(std::string name);
  /// Throws Error when the documents have more values than a tree may hold.
  Node& make(Node::Kind kind, const std::string& file, int line);
  /// A copy of `from` and all below it.
  Node& copy(const Node& from);

  Node* root = nullptr;

 private:
  std::deque<Node> nodes_;
  std::deque<std::string> files_;
};

/// Puts `value` into a map or a sequence, and notes the place when it has none yet.
void put_member(Node& map, std::string key, Node& value, int line);
void put_item(Node& sequence, Node& value);

/// Where a node stands, as JSONPath: $.paths['/pets'].get
std::string path_of(const Node& node);
/// The same for a member that may not be there: path_of(node) + ".key"
std::string path_below(const Node& node, std::string_view key);

}  // namespace shmbus::gen
