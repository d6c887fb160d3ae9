// Options of a command line that check what they are given, and refuse it with their own words.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace shmbus {

/// Why a command line cannot be run, in whole words: "--count takes ..., not 'x'".
[[noreturn]] void refuse_option(const std::string& text);

/// An option that takes a whole number from `least` to `most`.
template <class T>
CLI::Option* add_number(CLI::App& app, const std::string& flag, T& target,
                        const std::string& meaning, std::uint64_t least = 0,
                        std::uint64_t most = std::numeric_limits<T>::max());
template <class T>
CLI::Option* add_number(CLI::App& app, const std::string& flag, std::optional<T>& target,
                        const std::string& meaning, std::uint64_t least = 0,
                        std::uint64_t most = std::numeric_limits<T>::max());
/// What such an option does with what it is given.
std::uint64_t number_for(const std::string& flag, const std::string& text, std::uint64_t least,
                         std::uint64_t most);

/// An option that takes one of the words; the error on a misspelt one suggests the closest.
CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::string& target,
                        const std::string& meaning, const std::vector<std::string>& choices);

template <class T>
CLI::Option* add_number(CLI::App& app, const std::string& flag, T& target,
                        const std::string& meaning, std::uint64_t least, std::uint64_t most) {
  return app
      .add_option_function<std::string>(
          flag,
          [&target, flag, least, most](const std::string& text) {
            target = static_cast<T>(number_for(flag, text, least, most));
          },
          meaning)
      ->type_name("N");
}

template <class T>
CLI::Option* add_number(CLI::App& app, const std::string& flag, std::optional<T>& target,
                        const std::string& meaning, std::uint64_t least, std::uint64_t most) {
  return app
      .add_option_function<std::string>(
          flag,
          [&target, flag, least, most](const std::string& text) {
            target = static_cast<T>(number_for(flag, text, least, most));
          },
          meaning)
      ->type_name("N");
}

}  // namespace shmbus
