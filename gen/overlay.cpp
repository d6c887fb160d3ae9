#include "gen/overlay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "gen/json_path.hpp"
#include "gen/names.hpp"

namespace shmbus::gen {
namespace {

[[noreturn]] void fail(const Node& at, std::string_view why) {
  throw Error(fmt::format("{}: {}", place_of(at), why));
}

/// Maps are merged, sequences get what is new behind, anything else is replaced.
void merge(Tree& tree, Node& into, const Node& from) {
  if (into.is_map() && from.is_map()) {
    for (const auto& member : from.members) {
      const auto* there = into.entry(member.key);
      if (there != nullptr) {
        merge(tree, *there->value, *member.value);
      } else {
        put_member(into, member.key, tree.copy(*member.value), member.line);
      }
    }
  } else if (into.is_sequence()) {
    if (from.is_sequence()) {
      for (const auto* item : from.items) put_item(into, tree.copy(*item));
    } else {
      put_item(into, tree.copy(from));
    }
  } else {
    const Node& copy = tree.copy(from);
    into.kind = copy.kind;
    into.quoted = copy.quoted;
    into.line = copy.line;
    into.file = copy.file;
    into.text = copy.text;
    into.members = copy.members;
    into.items = copy.items;
    for (const auto& member : into.members) member.value->parent = &into;
    for (auto* item : into.items) item->parent = &into;
  }
}

/// From everything that holds them: an alias is the same value elsewhere.
void remove(Node& root, const std::vector<Node*>& values) {
  const std::unordered_set<const Node*> gone(values.begin(), values.end());
  for (auto* holder : select(root, "$..*")) {
    if (!holder->is_map() && !holder->is_sequence()) continue;
    std::erase_if(holder->items, [&](const Node* one) { return gone.contains(one); });
    std::erase_if(holder->members,
                  [&](const Node::Entry& one) { return gone.contains(one.value); });
  }
}

void apply_action(Tree& tree, const Node& action, Problems& problems) {
  const auto target = action.text_of("target");
  if (target.empty()) fail(action, "an action has a target, like $.paths['/users'].post");
  std::vector<Node*> found;
  try {
    found = select(*tree.root, target);
  } catch (const Error& error) {
    fail(action, error.what());
  }
  if (found.empty()) problems.note(action, fmt::format("{} meets nothing", printable(target)));
  const auto* update = action.find("update");
  const bool removes = action.has_true("remove");
  if (update == nullptr && !removes) fail(action, "an action has an update, or remove: true");
  if (removes) {
    if (std::find(found.begin(), found.end(), tree.root) != found.end()) {
      fail(action, "the whole document cannot be removed");
    }
    remove(*tree.root, found);
    return;
  }
  for (auto* node : found) merge(tree, *node, *update);
}

}  // namespace

void apply_overlay(Tree& tree, const Node& overlay, Problems& problems) {
  if (!overlay.text_of("overlay").starts_with("1.")) {
    fail(overlay, "this is no OpenAPI Overlay 1 document: it needs 'overlay: 1.0.0'");
  }
  const auto* actions = overlay.find("actions");
  if (actions == nullptr || !actions->is_sequence()) fail(overlay, "an overlay has actions");
  for (const auto* action : actions->items) apply_action(tree, *action, problems);
}

}  // namespace shmbus::gen
