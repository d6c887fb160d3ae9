#include "harness/registry.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace shmbus::bench {

std::string_view unit_name(Unit unit) noexcept {
  switch (unit) {
    case Unit::nanoseconds:
      return "ns";
    case Unit::per_second:
      return "1/s";
    case Unit::bytes:
      return "B";
    case Unit::count:
      return "count";
    case Unit::percent:
      return "%";
  }
  return "?";
}

void Registry::add(Entry entry) {
  if (find(entry.name) != nullptr) {
    throw std::invalid_argument("two benchmarks are named " + entry.name);
  }
  entries_.push_back(std::move(entry));
}

void Registry::add_absent(std::string name, std::string reason) {
  absent_.push_back({std::move(name), std::move(reason)});
}

const Entry* Registry::find(std::string_view name) const noexcept {
  const auto at = std::find_if(entries_.begin(), entries_.end(),
                               [&](const Entry& entry) { return entry.name == name; });
  return at == entries_.end() ? nullptr : &*at;
}

}  // namespace shmbus::bench
