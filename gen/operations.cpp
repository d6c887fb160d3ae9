#include "gen/operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "gen/names.hpp"

namespace shmbus::gen {
namespace {

constexpr std::array methods{"get",  "put",     "post",  "delete", "patch",
                             "head", "options", "trace", "query"};
constexpr unsigned callback_depth_max = 4;
constexpr std::size_t names_shown_max = 12;

bool is_method(std::string_view key) {
  return std::find(methods.begin(), methods.end(), key) != methods.end();
}

/// "/pets/{id}", "get" -> "pets.id.get"
std::string derived_name(std::string_view path, std::string_view method) {
  std::string out;
  for (const char c : path) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
    if (kept) {
      out += c;
    } else if (!out.empty() && out.back() != '.') {
      out += '.';
    }
  }
  if (!out.empty() && out.back() != '.') out += '.';
  return out + std::string(method);
}

class Collector {
 public:
  Collector(References& references, Problems& problems)
      : references_(references), problems_(problems) {}

  void read_items(const Node* items, unsigned depth) {
    if (items == nullptr || !items->is_map()) return;
    for (const auto& entry : items->members) {
      if (entry.key.starts_with("x-")) continue;
      const auto* item = references_.resolved(entry.value);
      if (item == nullptr) {
        problems_.add(*items, entry,
                      {"a path that is described in another document", "write it here", {}, {}});
      } else {
        read_item(entry.key, *item, depth);
      }
    }
  }
  std::vector<Operation> found;

 private:
  void read_item(const std::string& path, const Node& item, unsigned depth) {
    for (const auto& entry : item.members) {
      if (!is_method(entry.key)) continue;
      const auto& operation = *entry.value;
      if (!operation.is_map()) {
        problems_.add(item, entry, {"an operation is a map", "write an operation here", {}, {}});
        continue;
      }
      found.push_back(
          {name_of(operation, path, entry.key), entry.key, path, &operation, &item, entry.line});
      const auto* callbacks = operation.find("callbacks");
      if (callbacks == nullptr || depth == callback_depth_max) continue;
      for (const auto& callback : callbacks->members) {
        const auto before = found.size();
        read_items(references_.resolved(callback.value), depth + 1);
        name_callbacks(before, callback.key);
      }
    }
  }
  static std::string name_of(const Node& operation, std::string_view path,
                             std::string_view method) {
    for (const char* keyword : {"x-command", "operationId"}) {
      if (const auto name = operation.text_of(keyword); !name.empty()) return std::string(name);
    }
    return derived_name(path, method);
  }
  /// A callback's path is an expression over the request; its own name says more.
  void name_callbacks(std::size_t from, const std::string& callback) {
    for (std::size_t i = from; i < found.size(); ++i) {
      auto& one = found[i];
      const bool named =
          !one.node->text_of("x-command").empty() || !one.node->text_of("operationId").empty();
      if (!named) one.name = derived_name(callback, one.method);
    }
  }

  References& references_;
  Problems& problems_;
};

bool has_tag(const Operation& operation, const std::string& tag) {
  const auto* tags = operation.node->find("tags");
  return tags != nullptr && std::any_of(tags->items.begin(), tags->items.end(),
                                        [&](const Node* one) { return one->text == tag; });
}

/// "there is no X; there are: a, b, ..."
[[noreturn]] void missing(const std::string& source, const std::string& what,
                          const std::set<std::string>& known) {
  std::string list;
  std::size_t shown = 0;
  for (const auto& name : known) {
    if (++shown > names_shown_max) break;
    list += (list.empty() ? "" : ", ") + printable(name);
  }
  if (known.size() > names_shown_max) {
    list += fmt::format(" and {} more (--list shows them)", known.size() - names_shown_max);
  }
  throw Error(fmt::format("{}: there is no {}; there are: {}", source, what, list));
}

}  // namespace

std::vector<Operation> operations_of(const Node& root, References& references, Problems& problems) {
  Collector collector(references, problems);
  collector.read_items(root.find("paths"), 0);
  collector.read_items(root.find("webhooks"), 0);
  return std::move(collector.found);
}

std::vector<Operation> chosen(const std::vector<Operation>& all, const Options& options,
                              const std::string& source) {
  if (options.operations.empty() && options.tags.empty()) return all;
  const auto named = [](const std::vector<std::string>& names, const auto& fits) {
    return std::any_of(names.begin(), names.end(), fits);
  };
  for (const auto& name : options.operations) {
    if (named({name}, [&](const auto& one) {
          return std::none_of(all.begin(), all.end(),
                              [&](const Operation& op) { return op.name == one; });
        })) {
      std::set<std::string> known;
      for (const auto& operation : all) known.insert(operation.name);
      missing(source, fmt::format("operation '{}'", printable(name)), known);
    }
  }
  for (const auto& tag : options.tags) {
    if (std::any_of(all.begin(), all.end(), [&](const auto& one) { return has_tag(one, tag); })) {
      continue;
    }
    std::set<std::string> known;
    for (const auto& operation : all) {
      const auto* tags = operation.node->find("tags");
      if (tags == nullptr) continue;
      for (const auto* one : tags->items) known.insert(one->text);
    }
    missing(source, fmt::format("tag '{}'", printable(tag)), known);
  }
  std::vector<Operation> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out), [&](const Operation& one) {
    return named(options.operations, [&](const auto& name) { return name == one.name; }) ||
           named(options.tags, [&](const auto& tag) { return has_tag(one, tag); });
  });
  return out;
}

std::string list_of(const std::vector<Operation>& operations) {
  std::size_t width = 4;
  for (const auto& one : operations) width = std::max(width, printable(one.name).size());
  auto out = fmt::format("{:<{}}  {:<7}  PATH  TAGS\n", "NAME", width, "METHOD");
  for (const auto& one : operations) {
    out += fmt::format("{:<{}}  {:<7}  {}", printable(one.name), width, one.method,
                       printable(one.path));
    const auto* tags = one.node->find("tags");
    for (const auto* tag : tags == nullptr ? std::vector<Node*>{} : tags->items) {
      out += "  " + printable(tag->text);
    }
    out += '\n';
  }
  return out;
}

}  // namespace shmbus::gen
