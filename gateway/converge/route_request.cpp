#include "gateway/converge/route_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "codec/type.hpp"
#include "common/escape.hpp"
#include "gateway/target.hpp"

namespace shmbus::gateway::converge {
namespace {

/// Fields between two neighbours, in lower case. Authorization is the gateway's own.
constexpr std::array<std::string_view, 13> of_connection{
    "connection", "keep-alive",     "proxy-authenticate", "proxy-connection", "te",
    "trailer",    "content-length", "transfer-encoding",  "upgrade",          "host",
    "expect",     "authorization",  "x-forwarded-for"};

bool passes(std::string_view lower_name) {
  return std::find(of_connection.begin(), of_connection.end(), lower_name) == of_connection.end();
}

/// What the Connection fields of a head name is between two neighbours, too.
std::string named_by_connection(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    if (same_word(name, "connection")) out += value + ",";
  }
  return out;
}

const codec::Node* member_of(const codec::Type& type, std::string_view name) {
  const auto& root = type.root();
  for (std::size_t i = 0; root.kind == schema::Kind::structure && i < root.children; ++i) {
    const auto& member = type.child(root, i);
    if (member.name == name) return &member;
  }
  return nullptr;
}

/// A text of a path or query as a value of this member.
std::string value_json(const codec::Type& type, const codec::Node& member,
                       const std::string& text) {
  using schema::Kind;
  const auto* node = &member;
  while (node->kind == Kind::optional) node = &type.child(*node, 0);
  const bool plain = node->kind == Kind::integer || node->kind == Kind::unsigned_integer ||
                     node->kind == Kind::number || node->kind == Kind::boolean;
  // What is no number stands as a string, so that the error names it.
  const bool word = text == "true" || text == "false";
  const bool number =
      !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  if (plain && (node->kind == Kind::boolean ? word : number)) return text;
  return escape::json(text);
}

/// What stands between the braces of an object; empty: nothing, or no object.
std::string_view inside_of(std::string_view body) {
  const auto first = body.find_first_not_of(" \t\r\n");
  const auto last = body.find_last_not_of(" \t\r\n");
  if (first == std::string_view::npos || body[first] != '{' || body[last] != '}') return {};
  const auto inside = body.substr(first + 1, last - first - 1);
  return inside.find_first_not_of(" \t\r\n") == std::string_view::npos ? std::string_view()
                                                                       : inside;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

Parameters query_parameters(std::string_view query) {
  Parameters out;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto one = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = std::min(one.find('='), one.size());
    const auto name = undo_percent(one.substr(0, equals));
    std::string text(one.substr(std::min(equals + 1, one.size())));
    std::replace(text.begin(), text.end(), '+', ' ');
    const auto value = undo_percent(text);
    if (name && value && !name->empty()) out.emplace_back(*name, *value);
  }
  return out;
}

std::string request_json(const codec::Type& type, const Parameters& parameters,
                         std::string_view body) {
  const bool object = type.root().kind == schema::Kind::structure;
  if (!object) return is_blank(body) ? "null" : std::string(body);
  std::string members;
  const auto add = [&](std::string_view text) {
    if (!members.empty() && !text.empty()) members += ',';
    members += text;
  };
  for (const auto& [name, value] : parameters) {
    const auto* member = member_of(type, name);
    if (member == nullptr) continue;
    add(escape::json(name) + ":" + value_json(type, *member, value));
  }
  if (is_blank(body)) return "{" + members + "}";
  if (!parameters.empty() && member_of(type, "body") != nullptr) {
    add("\"body\":" + std::string(body));
  } else if (members.empty()) {
    return std::string(body);
  } else {
    add(inside_of(body));
  }
  return "{" + members + "}";
}

UpstreamRequest upstream_request(const RequestHead& head, const Peer& peer, const UpstreamHop& hop,
                                 std::string_view body) {
  UpstreamRequest out;
  out.head_only = head.method == "HEAD";
  out.repeatable = out.head_only || head.method == "GET" || head.method == "PUT" ||
                   head.method == "DELETE" || head.method == "OPTIONS";
  out.bytes = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", head.method, head.target, hop.host);
  const auto named = named_by_connection(head.fields);
  for (const auto& [name, value] : head.fields) {
    if (!passes(name) || has_word(named, name)) continue;
    if (hop.plain && name == "accept-encoding") continue;
    out.bytes.append(name).append(": ").append(value).append("\r\n");
  }
  const auto before = head.field("x-forwarded-for");
  const auto address =
      peer.uid ? std::string("unix") : peer.address.substr(0, peer.address.rfind(':'));
  out.bytes +=
      fmt::format("X-Forwarded-For: {}{}{}\r\n", before.value_or(""), before ? ", " : "", address);
  if (!body.empty() || !out.repeatable) {
    out.bytes += fmt::format("Content-Length: {}\r\n", body.size());
  }
  out.bytes += "\r\n";
  out.bytes += body;
  return out;
}

Response upstream_response(UpstreamAnswer answer) {
  Response out;
  out.status = answer.status;
  const auto named = named_by_connection(answer.fields);
  for (auto& [name, value] : answer.fields) {
    const auto lower = lowered(name);
    const bool own =
        lower == "date" || lower == "x-content-type-options";  // serialize() adds these
    if (own || !passes(lower) || has_word(named, lower)) continue;
    out.fields.emplace_back(std::move(name), std::move(value));
  }
  out.body = std::move(answer.body);
  return out;
}

}  // namespace shmbus::gateway::converge
