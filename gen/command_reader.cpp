#include "gen/command_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "gen/scalars.hpp"
#include "shmbus/name.hpp"

namespace shmbus::gen {
namespace {

constexpr std::uint64_t extent_bytes_default = 64U << 10U;

/// Requests and replies that a bus with the default extents does not carry.
struct Large {
  std::size_t count = 0;
  std::uint64_t bytes = 0;  ///< of the largest
  std::string which;
};

/// The content of a body or a response that becomes its type: JSON if there is any.
struct Content {
  const Node* schema = nullptr;
  const Node* at = nullptr;  ///< where there is content without a schema
};

bool is_json(std::string_view type) {
  type = type.substr(0, type.find(';'));
  return type == "application/json" || type.ends_with("+json") || type == "*/*";
}

/// Parameters that HTTP itself sets; the specification ignores them too.
bool is_of_http(const Node& parameter) {
  if (parameter.text_of("in") != "header") return false;
  std::string name;
  for (const char c : parameter.text_of("name")) {
    name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name == "accept" || name == "content-type" || name == "authorization";
}

class CommandReader {
 public:
  CommandReader(const Operation& operation, SchemaReader& schemas, Reading& reading, Large& large)
      : operation_(operation), schemas_(schemas), reading_(reading), large_(large) {}

  void read(std::set<std::string>& names) {
    Command command;
    command.name = operation_.name;
    command.line = operation_.line;
    check_name(names);
    const auto& node = *operation_.node;
    command.comment = one_line(node.text_of("summary"));
    if (command.comment.empty()) command.comment = one_line(node.text_of("description"));
    command.alias = reading_.type_names.claim(pascal_case(command.name), "Command");
    command.request = checked(read_request(command.alias + "Request"), "request", command.alias);
    command.reply = checked(read_reply(command.alias + "Reply"), "reply", command.alias);
    reading_.model.commands.push_back(std::move(command));
  }

 private:
  void problem(std::string what, std::string edit, std::string update = {}) {
    reading_.problems.add(*operation_.node,
                          {std::move(what), std::move(edit), {}, std::move(update)});
  }
  static Type nothing() { return {"::shmbus::Nothing", 1, 1, false}; }

  void check_name(std::set<std::string>& names) {
    const auto& name = operation_.name;
    if (!names.insert(name).second) {
      problem(fmt::format("there is a command '{}' already", printable(name)),
              "give one of them a name of its own: x-command: NAME", "{x-command: NAME}");
    } else if (const auto why = shmbus::why_no_name(name); !why.empty()) {
      problem(std::string(why), "add x-command: NAME", "{x-command: NAME}");
    }
  }
  Type checked(const Type& type, std::string_view what, std::string_view alias) {
    if (type.text.empty() || !schemas_.fits(*operation_.node, type)) return nothing();
    if (type.bytes > extent_bytes_default) {
      ++large_.count;
      if (type.bytes > large_.bytes) {
        large_.bytes = type.bytes;
        large_.which = fmt::format("the {} of {}", what, alias);
      }
    }
    return stored(type);
  }

  // --- requests ----------------------------------------------------------------------------------

  /// Of the operation and of its path; the operation's win.
  std::vector<const Node*> parameters() {
    std::vector<const Node*> out;
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (const auto* owner : {operation_.node, operation_.item}) {
      const auto* list = owner->find("parameters");
      for (const auto* one : list == nullptr ? std::vector<Node*>{} : list->items) {
        const auto* parameter = reading_.references.resolved(one);
        if (parameter == nullptr || !parameter->is_map()) {
          reading_.problems.add(
              *one,
              {"a parameter that is not described in this document", "write it here", {}, {}});
        } else if (seen.insert({parameter->text_of("in"), parameter->text_of("name")}).second &&
                   !is_of_http(*parameter)) {
          out.push_back(parameter);
        }
      }
    }
    return out;
  }

  Type read_request(const std::string& wanted) {
    const auto name = reading_.type_names.unused(wanted);
    auto listed = parameters();
    const auto is_body = [](const Node* one) { return one->text_of("in") == "body"; };
    const auto body = std::find_if(listed.begin(), listed.end(), is_body);  // of Swagger 2
    const Node* swagger_body = body == listed.end() ? nullptr : *body;
    std::erase_if(listed, is_body);
    const Node* written = operation_.node->find("requestBody");
    const Node* described =
        swagger_body != nullptr ? swagger_body : reading_.references.resolved(written);
    if (written != nullptr && described == nullptr) {
      reading_.problems.add(
          *written, {"a body that is not described in this document", "write it here", {}, {}});
    }
    if (listed.empty()) return described == nullptr ? nothing() : read_content(*described, name);
    return read_parameters(listed, described, name);
  }

  Type read_parameters(const std::vector<const Node*>& listed, const Node* body,
                       const std::string& name) {
    Struct type{reading_.claim_type(name), {}, {}, operation_.line};
    Scope names;
    bool known = true;
    for (const auto* parameter : listed) {
      const std::string called(parameter->text_of("name"));
      const auto found =
          read_parameter(*parameter, reading_.type_names.unused(type.name + pascal_case(called)));
      known = known && !found.text.empty();
      type.members.push_back(
          schemas_.make_member(names, called, stored(found, !parameter->has_true("required")),
                               parameter->text_of("description"), parameter->line));
    }
    if (body != nullptr) {
      const auto found = read_content(*body, reading_.type_names.unused(type.name + "Body"));
      known = known && !found.text.empty();
      if (found.text != nothing().text) {
        type.members.push_back(schemas_.make_member(names, "body",
                                                    stored(found, !body->has_true("required")),
                                                    body->text_of("description"), body->line));
      }
    }
    return known ? schemas_.add_struct(std::move(type)) : Type{};
  }

  Type read_parameter(const Node& parameter, const std::string& name) {
    if (const auto* schema = parameter.find("schema")) return schemas_.type_of(*schema, name);
    if (parameter.find("content") != nullptr) return read_content(parameter, name);
    return schemas_.type_of(parameter, name);  // Swagger 2: the schema is the parameter itself
  }

  // --- content -----------------------------------------------------------------------------------

  static Content content_of(const Node& described) {
    if (const auto* schema = described.find("schema")) return {schema, nullptr};  // Swagger 2
    const auto* content = described.find("content");
    if (content == nullptr || content->members.empty()) return {};
    Content best{nullptr, content};
    for (const auto& entry : content->members) {
      const auto* schema = entry.value->find("schema");
      if (schema == nullptr) continue;
      if (best.schema == nullptr || is_json(entry.key)) best.schema = schema;
      if (is_json(entry.key)) break;
    }
    return best;
  }

  Type read_content(const Node& described, const std::string& name) {
    const auto content = content_of(described);
    if (content.schema != nullptr) return schemas_.type_of(*content.schema, name);
    if (content.at == nullptr) return nothing();
    return schemas_.open_type(SchemaView(*content.at, reading_.references),
                              "content without a schema");
  }

  // --- replies -----------------------------------------------------------------------------------

  /// The response of success; the one under `default` when no other is. Null when there is none.
  const Node* success() {
    const auto* responses = operation_.node->find("responses");
    if (responses == nullptr || !responses->is_map()) return nullptr;
    const Node* best = nullptr;
    for (const auto& entry : responses->members) {
      if (!entry.key.starts_with('2')) continue;
      const auto* response = reading_.references.resolved(entry.value);
      if (response == nullptr) {
        reading_.problems.add(
            *responses, entry,
            {"a response that is not described in this document", "write it here", {}, {}});
        continue;
      }
      if (best == nullptr || response->has_true("x-reply")) {
        best = response;
      } else if (!best->has_true("x-reply")) {
        best = better(*best, *response);
      }
    }
    if (best != nullptr) return best;
    const bool redirects =
        std::any_of(responses->members.begin(), responses->members.end(),
                    [](const auto& entry) { return entry.key.starts_with('3'); });
    const auto* rest = reading_.references.resolved(responses->find("default"));
    if (redirects || rest == nullptr) return nullptr;
    reading_.problems.note(*rest, fmt::format("the reply of {} is the response under 'default'",
                                              printable(operation_.name)));
    return rest;
  }
  /// Of two responses of success: the one with content, or the first where both have the same.
  const Node* better(const Node& first, const Node& second) {
    const auto one = content_of(first);
    const auto other = content_of(second);
    if (other.schema == nullptr) return &first;
    if (one.schema == nullptr) return &second;
    if (reading_.references.resolved(one.schema) != reading_.references.resolved(other.schema)) {
      reading_.problems.add(second, {"a second response of success: a command has one reply",
                                     "remove one, or add x-reply: true to the one that counts",
                                     {},
                                     "{x-reply: true}"});
    }
    return &first;
  }

  Type read_reply(const std::string& wanted) {
    const auto* response = success();
    if (response == nullptr) return nothing();
    return read_content(*response, reading_.type_names.unused(wanted));
  }

  const Operation& operation_;
  SchemaReader& schemas_;
  Reading& reading_;
  Large& large_;
};

}  // namespace

void read_commands(const std::vector<Operation>& operations, SchemaReader& schemas,
                   Reading& reading) {
  std::set<std::string> names;
  Large large;
  for (const auto& operation : operations) {
    CommandReader(operation, schemas, reading, large).read(names);
  }
  if (large.count != 0) {
    reading.problems.note(
        *operations.front().item,
        fmt::format("{} of the requests and replies take more than 64 KiB, the "
                    "largest is {}, {} KiB: their bus needs larger extents (shmbus create "
                    "--extent-bytes)",
                    large.count, large.which, large.bytes >> 10U));
  }
}

}  // namespace shmbus::gen
