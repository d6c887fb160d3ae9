// The command line of a torture program: --quick, --full, --seed N and its own numbers.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace shmbus::torture {

class Options {
 public:
  /// Ends the program with a usage text when an option is not one of `known` ("commands kills").
  Options(int argc, char** argv, const std::string& known);

  [[nodiscard]] bool full() const noexcept { return has("full"); }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] bool has(const std::string& name) const noexcept { return given_.contains(name); }
  [[nodiscard]] std::uint64_t number(const std::string& name, std::uint64_t otherwise) const;
  [[nodiscard]] std::string text(const std::string& name) const;

 private:
  std::map<std::string, std::string> given_;
  std::uint64_t seed_ = 0;
};

}  // namespace shmbus::torture
