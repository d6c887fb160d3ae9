#include "gateway/converge/openapi_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "gateway/config_file.hpp"
#include "gen/operations.hpp"
#include "gen/parse.hpp"
#include "shmbus/name.hpp"

namespace shmbus::gateway::converge {
namespace {

constexpr std::size_t document_bytes_max = std::size_t{8} << 20U;

std::string capitals(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

void note_texts(const gen::Operation& operation, const std::string& method, ToolTexts& texts) {
  const auto summary = operation.node->text_of("summary");
  const auto text = summary.empty() ? operation.node->text_of("description") : summary;
  if (!text.empty()) texts.descriptions.emplace(operation.name, std::string(text));
  if (method == "GET" || method == "HEAD") texts.read_only.push_back(operation.name);
}

std::string read(const std::string& text, const std::string& file, const RouteConfig& rest,
                 RoutesConfig& out, ToolTexts& texts) {
  gen::Tree tree;
  const auto& root = gen::parse(tree, text, file);
  gen::Problems problems;
  gen::References references(root);
  std::vector<RouteConfig> found;
  for (const auto& operation : gen::operations_of(root, references, problems)) {
    if (!operation.path.starts_with('/')) continue;  // a webhook
    RouteConfig route = rest;
    route.path = operation.path;
    route.method = capitals(operation.method);
    route.command = operation.name;
    if (const auto why = why_no_pattern(route.path); !why.empty()) {
      return fmt::format("{}:{}: {}", file, operation.line, why);
    }
    if (const auto why = why_no_name(route.command); !why.empty()) {
      return fmt::format("{}:{}: the name of a command: {}", file, operation.line, why);
    }
    note_texts(operation, route.method, texts);
    found.push_back(std::move(route));
  }
  if (found.empty()) return file + ": there is no operation in it";
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::count(a.path.begin(), a.path.end(), '{') <
           std::count(b.path.begin(), b.path.end(), '{');
  });
  out.routes.insert(out.routes.end(), found.begin(), found.end());
  return {};
}

}  // namespace

std::string routes_of_openapi(const std::string& file, const RouteConfig& rest, RoutesConfig& out,
                              ToolTexts& texts) {
  const auto text = read_config_file(file, document_bytes_max);
  if (!text) return fmt::format("{}: {}", file, text.error().message.view());
  try {
    return read(*text, file, rest, out, texts);
  } catch (const std::exception& e) {
    return e.what();
  }
}

}  // namespace shmbus::gateway::converge
