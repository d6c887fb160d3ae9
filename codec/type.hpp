// A registered type (its text: shmbus/schema/text.hpp), taken apart once. Values are then read and
// written without looking at the text again.
//
// Threads   A Type never changes: threads may share one, and copies share the same parts.
// Errors    Values; nothing throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "schema/grammar.hpp"
#include "shmbus/error.hpp"

namespace shmbus::codec {

/// One type inside a Type: itself, a member, or what a list holds.
struct Node {
  schema::Kind kind = schema::Kind::none;
  std::uint32_t size = 0;  ///< bytes in memory
  std::uint32_t align = 1;
  std::uint32_t count = 0;        ///< capacity, or number of elements
  std::uint32_t offset = 0;       ///< of a member, in its struct
  std::uint32_t first_child = 0;  ///< index of the first member, or of what it holds
  std::uint32_t children = 0;
  std::string_view name;         ///< of a member
  std::string_view text;         ///< the type alone
  std::string_view enumerators;  ///< "a=0,b=1"
  bool is_signed = false;        ///< an integer, or an enumeration of one
};

class Type {
 public:
  static constexpr std::size_t text_max = 65536;
  static constexpr std::size_t nodes_max = 4096;
  static constexpr std::size_t members_max = 512;  ///< of one struct

  /// "none".
  Type() noexcept = default;

  /// Copies the text. invalid_argument when it does not follow the grammar, is no UTF-8, or when
  /// members overlap or share a name, or enumerators do not fit their type; limit_reached when it
  /// is larger than the above, or when there is no memory.
  static Result<Type> parse(std::string_view text) noexcept;

  [[nodiscard]] const Node& root() const noexcept { return plan_ ? plan_->nodes[0] : none; }
  /// What `node`, a part of this type, holds; `index` < node.children.
  [[nodiscard]] const Node& child(const Node& node, std::size_t index) const noexcept {
    return plan_->nodes[node.first_child + index];
  }
  [[nodiscard]] std::string_view text() const noexcept { return root().text; }
  /// Bytes in memory, without what lies behind it (Text, Array<T>).
  [[nodiscard]] std::size_t size() const noexcept { return root().size; }
  /// Some of a value lies behind it, so that the size of a message is not known beforehand.
  [[nodiscard]] bool has_tail() const noexcept { return plan_ && plan_->has_tail; }
  [[nodiscard]] bool is_none() const noexcept { return root().kind == schema::Kind::none; }
  /// Bytes of the shortest message that an earlier version of the type may have: optional members
  /// at the end may be missing.
  [[nodiscard]] std::size_t least_bytes() const noexcept { return plan_ ? plan_->least_bytes : 0; }

 private:
  struct Plan {
    std::unique_ptr<char[]> text;  // NOLINT: its address stays when the plan is moved
    std::vector<Node> nodes;
    bool has_tail = false;
    std::size_t least_bytes = 0;
  };
  static const Node none;
  static Result<Type> take_apart(std::string_view text);
  explicit Type(std::shared_ptr<const Plan> plan) noexcept : plan_(std::move(plan)) {}
  std::shared_ptr<const Plan> plan_;
};

/// Both sides of a command.
struct CommandTypes {
  Type request;  ///< of one record, where many are sent
  Type reply;
  bool request_stream = false;
  bool reply_stream = false;
  /// Of "request->reply".
  static Result<CommandTypes> parse(std::string_view schema) noexcept;
};

}  // namespace shmbus::codec
