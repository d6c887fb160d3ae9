// The operations of a document: names, request bodies, responses.
#include "cli/gen/openapi.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <set>

#include "cli/gen/names.hpp"
#include "cli/gen/schema_reader.hpp"
#include "cli/payload.hpp"

namespace shmbus::cli::gen {
namespace {

constexpr std::array methods{"get", "put", "post", "delete", "patch", "head", "options", "trace"};
constexpr std::size_t name_bytes_max = 128;

class Document {
 public:
  Document(const YAML::Node& root, Model& model)
      : root_(root), model_(model), schemas_(root, model) {}

  void read() {
    check_version();
    schemas_.read_components();
    const auto paths = root_["paths"];
    if (!paths || !paths.IsMap()) fail(root_, "the document has no paths");
    for (const auto& path : paths) {
      for (const auto& entry : path.second) {
        const auto method = entry.first.as<std::string>();
        if (std::find(methods.begin(), methods.end(), method) != methods.end()) {
          read_operation(entry.first, entry.second);
        } else if (method == "parameters" || method == "$ref") {
          fail(entry.first,
               "'" + method + "' of a path is not covered: a command has a body alone");
        }
      }
    }
    if (model_.commands.empty()) fail(root_, "the document has no operations");
  }

 private:
  [[noreturn]] void fail(const YAML::Node& at, const std::string& why) const {
    schemas_.fail(at, why);
  }

  void check_version() const {
    const auto version = root_["openapi"];
    if (!version || !version.IsScalar() || !version.Scalar().starts_with("3.")) {
      fail(version ? version : root_, "this is no OpenAPI 3 document: it needs 'openapi: 3.x'");
    }
  }

  void read_operation(const YAML::Node& at, const YAML::Node& operation) {
    if (!operation.IsMap()) fail(at, "an operation is a map");
    if (const auto parameters = operation["parameters"]; parameters && parameters.size() != 0) {
      fail(parameters, "parameters are not covered: put them into the request body");
    }
    Command command;
    command.line = at.Mark().line + 1;
    const auto name = operation["x-command"] ? operation["x-command"] : operation["operationId"];
    if (!name || !name.IsScalar()) fail(at, "the operation has neither x-command nor operationId");
    command.name = name.Scalar();
    if (command.name.empty() || command.name.size() > name_bytes_max) {
      fail(name, "a command name has 1 to 128 bytes");
    }
    if (!names_.insert(command.name).second) fail(name, "there is a command of that name already");
    if (const auto summary = operation["summary"]) command.comment = one_line(summary.Scalar());
    command.alias = schemas_.unused_name(pascal_case(command.name), "Command");
    command.request = read_body(operation["requestBody"], command.alias + "Request");
    command.reply = read_responses(at, operation["responses"], command.alias + "Reply");
    model_.commands.push_back(command);
  }

  /// The C++ type of a body; Nothing when there is none.
  std::string read_body(const YAML::Node& body, const std::string& name) {
    if (!body) return "shmbus::Nothing";
    if (body["$ref"]) fail(body["$ref"], "a $ref leads to a schema: write the body here");
    const auto content = body["content"];
    if (!content || content.size() == 0) return "shmbus::Nothing";
    const auto json = content["application/json"];
    if (!json) fail(content, "only application/json is covered");
    const auto schema = json["schema"];
    if (!schema) fail(json, "the content has no schema");
    return schemas_.type_of(schema, name);
  }

  /// Of the one answer that stands for success.
  std::string read_responses(const YAML::Node& at, const YAML::Node& responses,
                             const std::string& name) {
    if (!responses || !responses.IsMap()) fail(at, "the operation has no responses");
    YAML::Node success;
    bool found = false;
    for (const auto& response : responses) {
      const auto code = response.first.as<std::string>();
      if (!code.starts_with('2')) continue;  // a failure is an error code of the handler
      if (found) fail(response.first, "a second response of success: a command has one reply");
      success.reset(response.second);
      found = true;
    }
    return found ? read_body(success, name) : "shmbus::Nothing";
  }

  YAML::Node root_;
  Model& model_;
  SchemaReader schemas_;
  std::set<std::string> names_;
};

}  // namespace

Model parse_openapi(const std::string& text, const std::string& source) {
  Model model;
  model.source = source;
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) {
      throw Failure(ErrorKind::invalid_argument, source + ":1: this is no OpenAPI document");
    }
    Document(root, model).read();
  } catch (const YAML::Exception& error) {
    throw Failure(ErrorKind::invalid_argument,
                  fmt::format("{}:{}: {}", source, error.mark.line + 1, error.msg));
  }
  return model;
}

Model read_openapi(const std::string& path) {
  PayloadOptions file;
  file.file = path;
  const auto bytes = read_payload(file);
  const auto slash = path.rfind('/');
  return parse_openapi(std::string(as_chars(bytes)),
                       slash == std::string::npos ? path : path.substr(slash + 1));
}

}  // namespace shmbus::cli::gen
