#include "gen/problems.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gen/names.hpp"

namespace shmbus::gen {
namespace {

std::string places(std::size_t count) {
  return fmt::format("{} place{}", count, count == 1 ? "" : "s");
}

/// In single quotes of YAML.
std::string yaml_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

}  // namespace

std::string place_of(const Node& node) { return fmt::format("{}:{}", *node.file, node.line); }

void Problems::add(const Node& at, Problem problem) {
  add(place_of(at), path_of(at), std::move(problem));
}

void Problems::add(const Node& map, const Node::Entry& entry, Problem problem) {
  add(fmt::format("{}:{}", *map.file, entry.line), path_below(map, entry.key), std::move(problem));
}

void Problems::add(std::string line, std::string path, Problem problem) {
  const auto same = std::find_if(groups_.begin(), groups_.end(), [&](const Problem& one) {
    return one.what == problem.what && one.edit == problem.edit;
  });
  const auto group = static_cast<std::size_t>(same - groups_.begin());
  if (same == groups_.end()) groups_.push_back(std::move(problem));
  if (!seen_.insert({group, path}).second) return;
  places_.push_back({group, std::move(line), std::move(path)});
}

void Problems::note(const Node& at, std::string_view text) {
  auto note = fmt::format("{}: {}: {}", place_of(at), printable(path_of(at)), text);
  if (std::find(notes_.begin(), notes_.end(), note) == notes_.end()) {
    notes_.push_back(std::move(note));
  }
}

std::string Problems::text(const std::string& source) const {
  auto out =
      fmt::format("{}: {} to mend before there can be a header\n", source, places(places_.size()));
  std::string options;
  std::size_t mended = 0;
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    const auto& problem = groups_[group];
    std::string list;
    std::size_t count = 0;
    for (const auto& place : places_) {
      if (place.group != group) continue;
      list += fmt::format("  {}: {}\n", place.line, printable(place.path));
      ++count;
    }
    out += fmt::format("\n{} ({})\n  edit: {}\n{}", printable(problem.what), places(count),
                       printable(problem.edit), list);
    if (problem.option.empty()) continue;
    mended += count;
    if (options.find(problem.option) == std::string::npos) options += ' ' + problem.option;
  }
  if (mended != 0) {
    out += fmt::format("\n{} of {} by options, with limits of your choice:{}", mended,
                       places(places_.size()), options);
  }
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

std::string Problems::overlay(const std::string& source) const {
  auto out = fmt::format(
      "# Edits that `shmbus gen` asks for in {}. Choose the limits, then: shmbus gen --overlay "
      "THIS\noverlay: 1.0.0\ninfo:\n  title: {}\n  version: '1'\nactions:\n",
      printable(source), yaml_quoted("Limits of " + printable(source)));
  bool any = false;
  for (const auto& place : places_) {
    const auto& problem = groups_[place.group];
    if (problem.update.empty()) continue;
    any = true;
    out += fmt::format("  - target: {}  # {}: {}\n    update: {}\n", yaml_quoted(place.path),
                       place.line, printable(problem.what), problem.update);
  }
  return any ? out : out.substr(0, out.size() - 1) + " []\n";
}

}  // namespace shmbus::gen
