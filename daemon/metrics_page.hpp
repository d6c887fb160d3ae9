// A page in the text format of Prometheus, version 0.0.4, while it is written.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "stats/histogram.hpp"

namespace shmbus::daemon {

/// Families one after the other; the samples of a family stand together, as the format wants.
class Page {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    put("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  void sample(std::uint64_t value, std::string_view labels = {}) {
    if (labels.empty()) {
      put("{} {}\n", name_, value);
    } else {
      put("{}{{{}}} {}\n", name_, labels, value);
    }
  }
  /// A family of one sample.
  void only(std::string_view name, std::string_view type, std::string_view help,
            std::uint64_t value) {
    family(name, type, help);
    sample(value);
  }
  void histogram(const stats::Counts& counts, std::string_view labels = {});
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  std::string name_;
  std::string text_;
};

}  // namespace shmbus::daemon
