#include "spool/config.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "common/escape.hpp"
#include "common/units.hpp"
#include "os/descriptor.hpp"
#include "spool/yaml_map.hpp"

namespace shmbus::spool {
namespace {

constexpr std::size_t config_bytes_max = 1 << 20;
constexpr std::size_t rules_max = 256;

std::optional<double> number_of(std::string text) {
  const bool negative = text.starts_with('-');
  if (negative) text.erase(0, 1);
  const auto value = parse_decimal(text);
  if (!value) return std::nullopt;
  return negative ? -*value : *value;
}

/// "> 90", "!= idle", "busy".
Condition condition_of(std::string member, std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Condition::Is>, 6> marks{{
      {">=", Condition::Is::greater_equal},
      {"<=", Condition::Is::less_equal},
      {"!=", Condition::Is::not_equal},
      {">", Condition::Is::greater},
      {"<", Condition::Is::less},
      {"=", Condition::Is::equal},
  }};
  Condition out;
  out.member = std::move(member);
  for (const auto& [mark, is] : marks) {
    if (!text.starts_with(mark)) continue;
    out.is = is;
    text.remove_prefix(mark.size());
    break;
  }
  while (text.starts_with(' ')) text.remove_prefix(1);
  out.text = text;
  out.number = number_of(out.text);
  out.flag = out.text == "true" || out.text == "false";
  return out;
}

void read_members(YamlMap& match, Rule& rule) {
  const YAML::Node members = match.child("members");
  if (!members.IsDefined()) return;
  if (!members.IsMap()) {
    return match.refuse("members", "'members' takes a map, like {level: '> 90'}");
  }
  for (const auto& entry : members) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
      match.problems().add(entry.first, "a member is compared with one value");
      continue;
    }
    auto condition = condition_of(entry.first.Scalar(), entry.second.Scalar());
    const bool ordered =
        condition.is != Condition::Is::equal && condition.is != Condition::Is::not_equal;
    if (ordered && !condition.number) {
      match.problems().add(entry.second, fmt::format("'{}' is compared with a number",
                                                     escape::terminal(condition.member)));
    }
    rule.members.push_back(std::move(condition));
  }
}

void check_rule(YamlMap& map, const Rule& rule) {
  if (rule.name.empty()) map.refuse("match", "a rule needs 'match' with a 'name'");
  const bool does = rule.drop || rule.keep_last || !rule.call.empty() || !rule.event.empty() ||
                    !rule.rename.empty();
  if (!does) {
    map.refuse("match", "a rule does something: call, event, rename, keep_last or drop");
  }
  if (rule.drop && (rule.keep_last || !rule.rename.empty())) {
    map.refuse("drop", "what is dropped is neither renamed nor kept");
  }
  if (rule.rename.find('*') != std::string::npos || rule.call.find('*') != std::string::npos ||
      rule.event.find('*') != std::string::npos) {
    map.refuse("match", "only 'match' takes a pattern");
  }
}

Rule read_rule(const YAML::Node& node, Problems& problems) {
  Rule rule;
  rule.line = node.Mark().line + 1;
  YamlMap map(node, problems);
  if (!node.IsMap()) return rule;
  map.map("match", [&rule](YamlMap& match) {
    match.name("name", rule.name);
    read_members(match, rule);
  });
  map.name("call", rule.call);
  map.name("event", rule.event);
  map.name("rename", rule.rename);
  map.flag("drop", rule.drop);
  map.flag("keep_last", rule.keep_last);
  map.flag("go_on", rule.go_on);
  check_rule(map, rule);
  return rule;
}

void read_rules(YamlMap& top, Config& config) {
  const YAML::Node rules = top.child("rules");
  if (!rules.IsDefined()) return;
  if (!rules.IsSequence()) return top.refuse("rules", "'rules' takes a list");
  if (rules.size() > rules_max) {
    return top.refuse("rules", fmt::format("at most {} rules", rules_max));
  }
  for (const auto& one : rules) {
    config.rules.push_back(read_rule(one, top.problems()));
  }
}

void read_outboxes(YamlMap& top, Config& config) {
  const YAML::Node list = top.child("outboxes");
  top.duration("outbox_poll", config.outbox_poll);
  if (!list.IsDefined()) return;
  if (!list.IsSequence()) return top.refuse("outboxes", "'outboxes' takes a list of files");
  for (const auto& one : list) {
    if (one.IsScalar() && !one.Scalar().empty()) {
      config.outboxes.push_back(one.Scalar());
    } else {
      top.problems().add(one, "an outbox is the path of a SQLite database");
    }
  }
}

void read_settings(YamlMap& top, Config& config) {
  top.text("bus", config.bus);
  top.text("file", config.file);
  top.text("metrics", config.metrics);
  top.map("limits", [&](YamlMap& map) {
    map.bytes("bytes", config.limits.bytes);
    map.number("commands", 1, 100'000'000, config.limits.commands);
    map.bytes("free", config.limits.free_bytes);
    map.bytes("body", config.limits.body_bytes);
    map.duration("age", config.limits.age);
  });
  top.map("retry", [&](YamlMap& map) {
    map.duration("first", config.retry.first);
    map.duration("most", config.retry.most);
    map.number("attempts", 0, 1'000'000, config.retry.attempts);
    map.flag("rejected", config.retry.rejected);
    if (config.retry.most < config.retry.first) {
      map.refuse("most", "'most' is no shorter than 'first'");
    }
  });
  top.map("delivery", [&](YamlMap& map) {
    map.duration("timeout", config.delivery.timeout);
    map.number("concurrent", 1, 60, config.delivery.concurrent);
    map.flag("dead_blocks_key", config.delivery.dead_blocks_key);
  });
  read_outboxes(top, config);
  read_rules(top, config);
}

struct Close {
  void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
};

}  // namespace

std::optional<Config> parse_config(const std::string& text, const std::string& source,
                                   std::vector<std::string>& problems) {
  Config config;
  Problems noted{source, problems};
  try {
    const YAML::Node document = YAML::Load(text);
    YamlMap top(document, noted);
    if (document.IsMap()) read_settings(top, config);
  } catch (const YAML::Exception& e) {
    problems.push_back(fmt::format("{}:{}: {}", escape::terminal(source), e.mark.line + 1,
                                   escape::terminal(e.msg)));
  }
  if (!problems.empty()) return std::nullopt;
  return config;
}

std::optional<Config> read_config(const std::string& path, std::vector<std::string>& problems) {
  const std::unique_ptr<std::FILE, Close> file(descriptor::stream(path.c_str(), "rb"));
  std::string text;
  std::array<char, 65536> part{};
  std::size_t got = part.size();
  errno = 0;
  while (file != nullptr && got == part.size() && text.size() <= config_bytes_max) {
    got = std::fread(part.data(), 1, part.size(), file.get());
    text.append(part.data(), got);
  }
  if (file == nullptr || std::ferror(file.get()) != 0 || text.size() > config_bytes_max) {
    const char* why =
        text.size() > config_bytes_max ? "the file is too large" : std::strerror(errno);
    problems.push_back(fmt::format("{}: {}", escape::terminal(path), why));
    return std::nullopt;
  }
  return parse_config(text, path, problems);
}

bool matches(std::string_view pattern, std::string_view name) noexcept {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace shmbus::spool
