// Whether a document is an ExportTraceServiceRequest in OTLP's JSON encoding: every message, field
// and type of opentelemetry/proto/{collector/trace,trace,resource,common}/v1 that a span may hold,
// by the mapping of proto3 to JSON with OTLP's own rules (ids in hexadecimal, enums as numbers). It
// is stricter than a collector: a field that is not in the schema is an error.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace shmbus::test {

class OtlpSchema {
 public:
  using Json = nlohmann::json;

  /// Empty, or what is wrong and where.
  static std::string complaint(const Json& document) {
    try {
      OtlpSchema().request(document, "$");
      return {};
    } catch (const std::runtime_error& e) {
      return e.what();
    }
  }

 private:
  using Check = std::function<void(const Json&, const std::string&)>;
  struct Field {
    Check check;
    bool required = false;
  };
  using Fields = std::map<std::string, Field>;

  [[noreturn]] static void wrong(const std::string& at, const std::string& what) {
    throw std::runtime_error(at + ": " + what);
  }
  static void message(const Json& value, const std::string& at, const Fields& fields) {
    if (!value.is_object()) wrong(at, "not an object");
    for (const auto& [key, inner] : value.items()) {
      const auto field = fields.find(key);
      if (field == fields.end()) wrong(at, "no field '" + key + "' in the schema");
      field->second.check(inner, at + "." + key);
    }
    for (const auto& [name, field] : fields) {
      if (field.required && !value.contains(name)) wrong(at, "no " + name);
    }
  }
  static Check list_of(const Check& check) {
    return [check](const Json& value, const std::string& at) {
      if (!value.is_array()) wrong(at, "not an array");
      for (std::size_t i = 0; i < value.size(); ++i)
        check(value[i], at + "[" + std::to_string(i) + "]");
    };
  }
  static void text(const Json& value, const std::string& at) {
    if (!value.is_string()) wrong(at, "not a string");
  }
  static void named(const Json& value, const std::string& at) {
    text(value, at);
    if (value.get<std::string>().empty()) wrong(at, "empty");
  }
  static void boolean(const Json& value, const std::string& at) {
    if (!value.is_boolean()) wrong(at, "not true or false");
  }
  static void number32(const Json& value, const std::string& at) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 0xFFFFFFFFU) {
      wrong(at, "not a uint32");
    }
  }
  static void floating(const Json& value, const std::string& at) {
    if (!value.is_number()) wrong(at, "not a number");
  }
  /// proto3 writes 64-bit integers as decimal strings.
  static void number64(const Json& value, const std::string& at) {
    text(value, at);
    const auto digits = value.get<std::string>();
    const std::size_t sign = !digits.empty() && digits[0] == '-' ? 1 : 0;
    if (digits.size() == sign ||
        digits.find_first_not_of("0123456789", sign) != std::string::npos) {
      wrong(at, "not a number in decimal");
    }
  }
  static void time(const Json& value, const std::string& at) {
    number64(value, at);
    // Nanoseconds since 1970, and of this century.
    const auto ns = std::stoull(value.get<std::string>());
    if (ns < 946'684'800'000'000'000ULL || ns > 4'102'444'800'000'000'000ULL) wrong(at, "no time");
  }
  static Check id(std::size_t bytes) {
    return [bytes](const Json& value, const std::string& at) {
      text(value, at);
      const auto digits = value.get<std::string>();
      if (digits.size() != 2 * bytes) wrong(at, "has another length");
      if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
        wrong(at, "not hexadecimal");
      }
      if (digits.find_first_not_of('0') == std::string::npos) wrong(at, "zeros only");
    };
  }
  static Check enumeration(int last) {
    return [last](const Json& value, const std::string& at) {
      if (!value.is_number_integer()) wrong(at, "an enum is a number in OTLP");
      if (value.get<int>() < 0 || value.get<int>() > last) wrong(at, "no such value");
    };
  }

  static void any_value(const Json& value, const std::string& at) {
    message(value, at,
            {{"stringValue", {text}},
             {"boolValue", {boolean}},
             {"intValue", {number64}},
             {"doubleValue", {floating}},
             {"bytesValue", {text}}});
    if (value.size() != 1) wrong(at, "not exactly one value");
  }
  static void attribute(const Json& value, const std::string& at) {
    message(value, at, {{"key", {named, true}}, {"value", {any_value, true}}});
  }
  static void attributes(const Json& value, const std::string& at) {
    list_of(attribute)(value, at);
    std::map<std::string, int> keys;
    for (const auto& one : value) {
      if (++keys[one["key"]] > 1) wrong(at, "a key twice");
    }
  }
  static void status(const Json& value, const std::string& at) {
    message(value, at, {{"message", {text}}, {"code", {enumeration(2)}}});
  }
  static void event(const Json& value, const std::string& at) {
    message(value, at,
            {{"timeUnixNano", {time}},
             {"name", {named, true}},
             {"attributes", {attributes}},
             {"droppedAttributesCount", {number32}}});
  }
  static void link(const Json& value, const std::string& at) {
    message(value, at,
            {{"traceId", {id(16), true}},
             {"spanId", {id(8), true}},
             {"traceState", {text}},
             {"attributes", {attributes}},
             {"droppedAttributesCount", {number32}},
             {"flags", {number32}}});
  }
  static void span(const Json& value, const std::string& at) {
    message(value, at,
            {{"traceId", {id(16), true}},
             {"spanId", {id(8), true}},
             {"traceState", {text}},
             {"parentSpanId", {id(8)}},
             {"flags", {number32}},
             {"name", {named, true}},
             {"kind", {enumeration(5), true}},
             {"startTimeUnixNano", {time, true}},
             {"endTimeUnixNano", {time, true}},
             {"attributes", {attributes}},
             {"droppedAttributesCount", {number32}},
             {"events", {list_of(event)}},
             {"droppedEventsCount", {number32}},
             {"links", {list_of(link)}},
             {"droppedLinksCount", {number32}},
             {"status", {status}}});
    const auto began = std::stoull(value["startTimeUnixNano"].get<std::string>());
    if (std::stoull(value["endTimeUnixNano"].get<std::string>()) < began) {
      wrong(at, "ends before it begins");
    }
  }
  static void scope(const Json& value, const std::string& at) {
    message(value, at,
            {{"name", {named, true}},
             {"version", {text}},
             {"attributes", {attributes}},
             {"droppedAttributesCount", {number32}}});
  }
  static void resource(const Json& value, const std::string& at) {
    message(value, at,
            {{"attributes", {attributes, true}}, {"droppedAttributesCount", {number32}}});
    bool service = false;  // the one attribute that a resource must have
    for (const auto& one : value["attributes"]) service = service || one["key"] == "service.name";
    if (!service) wrong(at, "no service.name");
  }
  static void scope_spans(const Json& value, const std::string& at) {
    message(value, at,
            {{"scope", {scope, true}}, {"spans", {list_of(span), true}}, {"schemaUrl", {text}}});
  }
  static void resource_spans(const Json& value, const std::string& at) {
    message(value, at,
            {{"resource", {resource, true}},
             {"scopeSpans", {list_of(scope_spans), true}},
             {"schemaUrl", {text}}});
  }
  static void request(const Json& value, const std::string& at) {
    message(value, at, {{"resourceSpans", {list_of(resource_spans), true}}});
  }
};

}  // namespace shmbus::test
