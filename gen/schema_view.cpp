#include "gen/schema_view.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace shmbus::gen {
namespace {

constexpr unsigned chain_max = 64;
constexpr std::size_t layers_max = 256;

/// One step of a JSON pointer in a URI: "~1" is '/', "~0" is '~', "%7B" is '{'.
std::string unescaped(std::string_view step) {
  std::string out;
  for (std::size_t i = 0; i < step.size(); ++i) {
    if (step[i] == '~' && i + 1 < step.size() && (step[i + 1] == '0' || step[i + 1] == '1')) {
      out += step[++i] == '0' ? '~' : '/';
    } else if (step[i] == '%' && i + 2 < step.size()) {
      const std::string digits(step.substr(i + 1, 2));
      char* end = nullptr;
      const auto value = std::strtoul(digits.c_str(), &end, 16);
      if (*end != '\0') {
        out += '%';
        continue;
      }
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += step[i];
    }
  }
  return out;
}

const Node* child(const Node& node, const std::string& step) {
  if (!node.is_sequence()) return node.find(step);
  char* end = nullptr;
  const auto index = std::strtoul(step.c_str(), &end, 10);
  return *end == '\0' && !step.empty() && index < node.items.size() ? node.items[index] : nullptr;
}

bool is_null_word(const Node& node) {
  return node.kind == Node::Kind::null || (node.is_scalar() && node.text == "null");
}

bool is_integer_text(const std::string& text) {
  const auto digits = text.find_first_not_of("0123456789", text.starts_with('-') ? 1 : 0);
  return digits == std::string::npos && text.size() > (text.starts_with('-') ? 1U : 0U);
}

bool is_number_text(const std::string& text) {
  char* end = nullptr;
  (void)std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0';
}

std::string type_of_value(const Node& value) {
  if (!value.is_scalar()) return value.is_map() ? "object" : "array";
  if (value.quoted) return "string";
  if (value.text == "true" || value.text == "false") return "boolean";
  if (is_integer_text(value.text)) return "integer";
  return is_number_text(value.text) ? "number" : "string";
}

}  // namespace

// --- references --------------------------------------------------------------------------------

const Node* References::find(const std::string& reference) {
  if (reference != "#" && !reference.starts_with("#/")) return nullptr;
  const auto known = found_.find(reference);
  if (known != found_.end()) return known->second;
  const Node* at = &root_;
  std::string_view rest = std::string_view(reference).substr(1);
  while (at != nullptr && !rest.empty()) {
    rest.remove_prefix(1);  // '/'
    const auto end = std::min(rest.find('/'), rest.size());
    at = child(*at, unescaped(rest.substr(0, end)));
    rest.remove_prefix(end);
  }
  found_.emplace(reference, at);
  return at;
}

const Node* References::resolved(const Node* node) {
  for (unsigned step = 0; node != nullptr && step < chain_max; ++step) {
    const auto* reference = node->find("$ref");
    if (reference == nullptr || !reference->is_scalar()) return node;
    node = find(reference->text);
  }
  return nullptr;
}

// --- views -------------------------------------------------------------------------------------

SchemaView::SchemaView(const Node& schema, References& references) { add(schema, references, 0); }

void SchemaView::add(const Node& schema, References& references, unsigned depth) {
  const bool known = std::find(layers_.begin(), layers_.end(), &schema) != layers_.end();
  if (known || depth > chain_max || layers_.size() == layers_max) return;
  layers_.push_back(&schema);
  if (schema.find("$ref") != nullptr) {
    if (const auto* target = references.resolved(&schema)) add(*target, references, depth + 1);
  }
  if (const auto* all = schema.find("allOf")) {
    for (const auto* one : all->items) add(*one, references, depth + 1);
  }
}

const Node* SchemaView::find(std::string_view keyword) const noexcept {
  for (const auto* layer : layers_) {
    if (const auto* found = layer->find(keyword)) return found;
  }
  return nullptr;
}

std::string_view SchemaView::text_of(std::string_view keyword) const noexcept {
  const auto* found = find(keyword);
  return found != nullptr && found->is_scalar() ? std::string_view(found->text)
                                                : std::string_view{};
}

bool SchemaView::has_true(std::string_view keyword) const noexcept {
  const auto* found = find(keyword);
  return found != nullptr && found->is_true();
}

std::vector<SchemaView::Property> SchemaView::properties() const {
  std::vector<Property> out;
  std::set<std::string_view> seen;
  for (const auto* layer : layers_) {
    const auto* properties = layer->find("properties");
    if (properties == nullptr) continue;
    for (const auto& entry : properties->members) {
      if (seen.insert(entry.key).second) {
        out.push_back({entry.key, entry.value, entry.line, properties->file});
      }
    }
  }
  return out;
}

std::set<std::string> SchemaView::required() const {
  std::set<std::string> out;
  for (const auto* layer : layers_) {
    const auto* required = layer->find("required");
    if (required == nullptr) continue;
    for (const auto* name : required->items) out.insert(name->text);
  }
  return out;
}

std::vector<std::string> SchemaView::types() const {
  std::vector<std::string> out;
  const auto* type = find("type");
  if (type != nullptr && type->is_sequence()) {
    for (const auto* one : type->items) {
      if (!is_null_word(*one)) out.push_back(one->text);
    }
  } else if (type != nullptr && type->is_scalar()) {
    out.push_back(type->text);
  } else if (type == nullptr) {
    if (auto inferred = inferred_type(); !inferred.empty()) out.push_back(std::move(inferred));
  }
  return out;
}

std::string SchemaView::inferred_type() const {
  const auto has = [this](const auto&... keyword) { return ((find(keyword) != nullptr) || ...); };
  if (has("properties", "additionalProperties", "patternProperties")) return "object";
  if (has("items", "maxItems", "minItems")) return "array";
  if (const auto* values = find("enum"); values != nullptr && values->is_sequence()) {
    std::set<std::string> kinds;
    for (const auto* value : values->items) {
      if (!is_null_word(*value)) kinds.insert(type_of_value(*value));
    }
    return kinds.size() == 1 ? *kinds.begin() : std::string{};
  }
  if (const auto* value = find("const")) return type_of_value(*value);
  if (has("oneOf", "anyOf")) return {};
  if (has("maxLength", "minLength", "pattern", "x-in-message")) return "string";
  if (has("minimum", "maximum", "multipleOf")) return "number";
  constexpr std::array texts{"date-time", "date", "uuid", "email", "uri", "ipv4", "ipv6"};
  const auto format = text_of("format");
  if (std::find(texts.begin(), texts.end(), format) != texts.end()) return "string";
  return has("required") ? "object" : std::string{};
}

bool SchemaView::nullable() const {
  if (std::any_of(layers_.begin(), layers_.end(),
                  [](const Node* layer) { return allows_null(*layer); })) {
    return true;
  }
  const auto* values = find("enum");
  return values != nullptr &&
         std::any_of(values->items.begin(), values->items.end(),
                     [](const Node* one) { return one->kind == Node::Kind::null; });
}

bool allows_null(const Node& schema) {
  if (schema.has_true("nullable") || schema.has_true("x-nullable")) return true;
  const auto* type = schema.find("type");
  return type != nullptr && type->is_sequence() &&
         std::any_of(type->items.begin(), type->items.end(),
                     [](const Node* one) { return is_null_word(*one); });
}

bool is_null_schema(const Node& schema) {
  const auto* type = schema.find("type");
  if (type != nullptr && type->is_sequence()) {
    return type->items.size() == 1 && is_null_word(*type->items.front());
  }
  return type != nullptr && is_null_word(*type);
}

bool changes_type(std::string_view keyword) {
  constexpr std::array keywords{"properties",
                                "patternProperties",
                                "additionalProperties",
                                "required",
                                "items",
                                "prefixItems",
                                "maxItems",
                                "minItems",
                                "maxLength",
                                "maxProperties",
                                "enum",
                                "const",
                                "format",
                                "allOf",
                                "oneOf",
                                "anyOf",
                                "minimum",
                                "maximum",
                                "x-in-message"};
  return std::find(keywords.begin(), keywords.end(), keyword) != keywords.end();
}

}  // namespace shmbus::gen
