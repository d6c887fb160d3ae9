// A shmbusd that serves metrics, and its page.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/http.hpp"
#include "support/program.hpp"
#include "support/temp_bus.hpp"
#include "support/tool.hpp"

namespace shmbus::test {

inline constexpr const char* promtool = "/usr/bin/promtool";
inline constexpr const char* prometheus = "/usr/bin/prometheus";

inline bool absent(const char* program) {
  if (::access(program, X_OK) == 0) return false;
  std::printf("SKIPPED: there is no %s; scripts/deps --dev installs it\n", program);
  return true;
}

class MetricsDaemon {
 public:
  explicit MetricsDaemon(const std::string& bus,
                         std::vector<std::string> options = {"--metrics", "127.0.0.1:0"})
      : process_(start(bus, std::move(options), log())) {
    REQUIRE(eventually([&] { return !address().empty(); }, 20s));
  }

  /// What the log says: port 0 is one that the kernel chose.
  [[nodiscard]] std::string address() const {
    const std::string text = read_whole_file(log());
    const auto at = text.find("metrics are served at=");
    const auto end = text.find('\n', at);
    return at == std::string::npos || end == std::string::npos
               ? ""
               : text.substr(at + 22, end - at - 22);
  }
  [[nodiscard]] std::string text() const {
    const auto answer = http_get(address(), "/metrics");
    REQUIRE(answer.status == 200);
    return answer.body;
  }
  [[nodiscard]] std::string log() const { return folder_.path() + "/log"; }
  [[nodiscard]] const std::string& folder() const { return folder_.path(); }
  Child& process() { return process_; }

 private:
  static Child start(const std::string& bus, std::vector<std::string> options,
                     const std::string& log) {
    options.insert(options.begin(), {SHMBUS_BIN_DIR "/shmbusd", "--bus", bus});
    return start_program(std::move(options), {.out = {}, .err = log});
  }

  TempFolder folder_;
  Child process_;
};

/// The value of one series, as it is written before the space.
inline std::optional<double> value(const std::string& text, const std::string& series) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  }
  return std::nullopt;
}

/// The values of all series of a family.
inline std::vector<double> values(const std::string& text, const std::string& family) {
  std::vector<double> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(family + "{")) all.push_back(std::stod(line.substr(line.rfind(' '))));
  }
  return all;
}

/// Fails when promtool has something to say; passes where there is none.
inline void check_by_promtool(const std::string& text) {
  if (::access(promtool, X_OK) != 0) return;
  const auto checked = run_program({promtool, "check", "metrics"}, text);
  INFO(checked.out << checked.err << text);
  CHECK(checked.code == 0);
  CHECK(checked.out.empty());
  CHECK(checked.err.empty());
}

}  // namespace shmbus::test
