#include "gen/node.hpp"

#include <algorithm>
#include <utility>

namespace shmbus::gen {
namespace {

constexpr std::size_t nodes_max = 2'000'000;
constexpr std::size_t path_steps_max = 512;

bool is_plain_key(std::string_view key) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !key.empty() && (key[0] < '0' || key[0] > '9') &&
         std::all_of(key.begin(), key.end(), plain);
}

std::string step(std::string_view key, bool index) {
  if (index) return "[" + std::string(key) + "]";
  if (is_plain_key(key)) return "." + std::string(key);
  std::string out = "['";
  for (const char c : key) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "']";
}

}  // namespace

const Node::Entry* Node::entry(std::string_view name) const noexcept {
  for (const auto& member : members) {
    if (member.key == name) return &member;
  }
  return nullptr;
}

const Node* Node::find(std::string_view name) const noexcept {
  const auto* found = entry(name);
  return found == nullptr ? nullptr : found->value;
}

bool Node::has_true(std::string_view name) const noexcept {
  const auto* found = find(name);
  return found != nullptr && found->is_true();
}

std::string_view Node::text_of(std::string_view name) const noexcept {
  const auto* found = find(name);
  return found != nullptr && found->is_scalar() ? std::string_view(found->text)
                                                : std::string_view{};
}

const std::string& Tree::keep_file(std::string name) {
  return files_.emplace_back(std::move(name));
}

Node& Tree::make(Node::Kind kind, const std::string& file, int line) {
  if (nodes_.size() == nodes_max) {
    throw Error(file + ":" + std::to_string(line) +
                ": more than 2 million values: split the document, or choose a part of it");
  }
  Node& node = nodes_.emplace_back();
  node.kind = kind;
  node.file = &file;
  node.line = line;
  return node;
}

Node& Tree::copy(const Node& from) {
  Node& node = make(from.kind, *from.file, from.line);
  node.quoted = from.quoted;
  node.text = from.text;
  for (const auto& member : from.members) {
    put_member(node, member.key, copy(*member.value), member.line);
  }
  for (const auto* item : from.items) put_item(node, copy(*item));
  return node;
}

void put_member(Node& map, std::string key, Node& value, int line) {
  if (value.parent == nullptr) {
    value.parent = &map;
    value.key = key;
  }
  map.members.push_back({std::move(key), &value, line});
}

void put_item(Node& sequence, Node& value) {
  if (value.parent == nullptr) {
    value.parent = &sequence;
    value.key = std::to_string(sequence.items.size());
  }
  sequence.items.push_back(&value);
}

std::string path_of(const Node& node) {
  std::vector<std::string> steps;
  for (const Node* at = &node; at->parent != nullptr && steps.size() < path_steps_max;
       at = at->parent) {
    steps.push_back(step(at->key, at->parent->is_sequence()));
  }
  std::string out = "$";
  for (auto one = steps.rbegin(); one != steps.rend(); ++one) out += *one;
  return out;
}

std::string path_below(const Node& node, std::string_view key) {
  return path_of(node) + step(key, false);
}

}  // namespace shmbus::gen
