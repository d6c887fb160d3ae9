#include "codec/type.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <span>
#include <utility>

#include "codec/message.hpp"

namespace shmbus::codec {
namespace {

using schema::Kind;

constexpr std::string_view text_none = "none";

Node node_of(const schema::Type& type) {
  Node node;
  node.kind = type.kind;
  node.size = static_cast<std::uint32_t>(type.size);  // the grammar bounds all three at 2^31
  node.align = static_cast<std::uint32_t>(type.align);
  node.count = static_cast<std::uint32_t>(type.count);
  node.text = type.text;
  node.is_signed = type.kind == Kind::integer;
  if (type.kind == Kind::enumeration) {
    node.enumerators = type.item;
    node.is_signed = type.text.starts_with("enum<i");
  }
  return node;
}

/// Each lies behind the one before, and has a name of its own.
bool sound_members(std::span<const Node> members) {
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].size != 0 && members[i].offset < end) return false;
    end = std::max(end, std::uint64_t{members[i].offset} + members[i].size);
    for (const Node& other : members.first(i)) {
      if (other.name == members[i].name) return false;
    }
  }
  return true;
}

bool sound_enumerators(const Node& node) {
  const auto most = (~0ULL >> (64U - node.size * 8U)) >> (node.is_signed ? 1U : 0U);
  auto list = node.enumerators;
  std::string_view name;
  std::int64_t value = 0;
  while (schema::next_enumerator(list, name, value)) {
    if (static_cast<std::uint64_t>(value) > most) return false;
  }
  return list.empty();
}

/// What the grammar does not say and a correct peer always keeps.
bool is_sound(const std::vector<Node>& nodes, const Node& node) {
  if (node.kind == Kind::bad) return false;
  if (node.kind == Kind::enumeration) return sound_enumerators(node);
  if (node.kind != Kind::structure) return true;
  return sound_members(std::span(nodes).subspan(node.first_child, node.children));
}

/// Appends what nodes[at] holds; false when there is too much of it.
bool add_children(std::vector<Node>& nodes, std::size_t at) {
  const Node parent = nodes[at];
  const auto first = static_cast<std::uint32_t>(nodes.size());
  if (parent.kind == Kind::structure) {
    schema::Members members(parent.text);
    for (schema::Member member; members.next(member);) {
      if (nodes.size() - first == Type::members_max || nodes.size() == Type::nodes_max)
        return false;
      Node node = node_of(schema::parse_type(member.type));
      node.name = member.name;
      node.offset = static_cast<std::uint32_t>(member.offset);
      nodes.push_back(node);
    }
  } else if (parent.kind == Kind::vector || parent.kind == Kind::array ||
             parent.kind == Kind::optional || parent.kind == Kind::list) {
    if (nodes.size() == Type::nodes_max) return false;
    const auto inside = parent.text.substr(parent.text.find('<') + 1);
    nodes.push_back(node_of(schema::parse_type(inside.substr(0, inside.size() - 1))));
  }
  nodes[at].first_child = first;
  nodes[at].children = static_cast<std::uint32_t>(nodes.size()) - first;
  return true;
}

std::size_t least_bytes_of(const std::vector<Node>& nodes, bool has_tail) {
  const Node& root = nodes[0];
  if (root.kind != Kind::structure || has_tail) return root.size;
  std::size_t always = root.children;
  while (always > 1 && nodes[root.first_child + always - 1].kind == Kind::optional) --always;
  if (always == root.children) return root.size;
  std::size_t end = 0;
  for (std::size_t i = 0; i < always; ++i) {
    const Node& member = nodes[root.first_child + i];
    end = std::max<std::size_t>(end, std::size_t{member.offset} + member.size);
  }
  return end;
}

}  // namespace

const Node Type::none{Kind::none, 0, 1, 0, 0, 0, 0, {}, text_none, {}};

Result<Type> Type::take_apart(std::string_view text) {
  auto plan = std::make_shared<Plan>();
  plan->text = std::make_unique<char[]>(text.size());  // NOLINT
  std::memcpy(plan->text.get(), text.data(), text.size());
  auto& nodes = plan->nodes;
  nodes.push_back(node_of(schema::parse_type({plan->text.get(), text.size()})));
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    if (!add_children(nodes, at)) {
      return Message(ErrorKind::limit_reached)
          .put("the type has more than ")
          .put(nodes_max)
          .put(" parts, or a struct more than ")
          .put(members_max)
          .put(" members")
          .fail();
    }
    if (!is_sound(nodes, nodes[at])) {
      return Message(ErrorKind::invalid_argument).put("this is no type: ").quoted(text).fail();
    }
    const bool behind = nodes[at].kind == Kind::text || nodes[at].kind == Kind::list;
    plan->has_tail = plan->has_tail || behind;
  }
  plan->least_bytes = least_bytes_of(nodes, plan->has_tail);
  return Type(std::move(plan));
}

Result<Type> Type::parse(std::string_view text) noexcept {
  if (text.empty()) return Message(ErrorKind::invalid_argument).put("the type is empty").fail();
  if (text.size() > text_max) {
    return Message(ErrorKind::limit_reached)
        .put("the type takes ")
        .put(text.size())
        .put(" bytes as text, at most ")
        .put(text_max)
        .fail();
  }
  if (!is_utf8(text)) {
    return Message(ErrorKind::invalid_argument).put("the type is not UTF-8: ").quoted(text).fail();
  }
  try {
    return take_apart(text);
  } catch (const std::exception&) {
    return no_memory();
  }
}

Result<CommandTypes> CommandTypes::parse(std::string_view schema) noexcept {
  if (schema.size() > 2 * Type::text_max) {
    return Message(ErrorKind::limit_reached)
        .put("the schema takes ")
        .put(schema.size())
        .put(" bytes, at most ")
        .put(2 * Type::text_max)
        .fail();
  }
  const auto sides = schema::split(schema);
  if (!sides) {
    return Message(ErrorKind::invalid_argument)
        .put("this is no schema, it has no '->': ")
        .quoted(schema)
        .fail();
  }
  const auto request_item = schema::stream_item(sides->request);
  auto request = Type::parse(request_item.value_or(sides->request));
  if (!request) return tl::unexpected<Error>(request.error());
  const auto reply_item = schema::stream_item(sides->reply);
  auto reply = Type::parse(reply_item.value_or(sides->reply));
  if (!reply) return tl::unexpected<Error>(reply.error());
  return CommandTypes{std::move(*request), std::move(*reply), request_item.has_value(),
                      reply_item.has_value()};
}

}  // namespace shmbus::codec
