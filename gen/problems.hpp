// What keeps a document from becoming a header, gathered over one run and shown in groups: what is
// wrong, the edit that mends it, and each place with its line and its path.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gen/node.hpp"

namespace shmbus::gen {

struct Problem {
  std::string what;    ///< "a string without a limit": one group for each
  std::string edit;    ///< what to write
  std::string option;  ///< of the tool, when one mends all of the group: "--bound-strings 64"
  std::string update;  ///< YAML to merge into the place, when that mends it: "{maxLength: 64}"
};

class Problems {
 public:
  void add(const Node& at, Problem problem);
  /// At a key of a map.
  void add(const Node& map, const Node::Entry& entry, Problem problem);
  /// Something to know that keeps nothing from being made.
  void note(const Node& at, std::string_view text);

  [[nodiscard]] bool empty() const noexcept { return places_.empty(); }
  /// All of them, and last how to mend most.
  [[nodiscard]] std::string text(const std::string& source) const;
  /// An overlay with one action for each problem that has an `update`.
  [[nodiscard]] std::string overlay(const std::string& source) const;
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }

 private:
  struct Place {
    std::size_t group;
    std::string line;  ///< "users.yaml:31"
    std::string path;
  };
  void add(std::string line, std::string path, Problem problem);

  std::vector<Problem> groups_;
  std::vector<Place> places_;
  std::set<std::pair<std::size_t, std::string>> seen_;
  std::vector<std::string> notes_;
};

/// "users.yaml:31"
std::string place_of(const Node& node);

}  // namespace shmbus::gen
