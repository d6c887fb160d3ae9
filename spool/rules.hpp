// What the rules of a configuration make of one command.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/type.hpp"
#include "spool/config.hpp"

namespace shmbus::spool {

struct Verdict {
  std::string name;  ///< under which it is stored
  bool drop = false;
  bool keep_last = false;
  std::vector<std::string> calls;   ///< to be sent at once
  std::vector<std::string> events;  ///< to be published
};

/// `request` is the type of the body, or nullptr while it is not known: conditions on members do
/// not hold then.
Verdict judge(const std::vector<Rule>& rules, std::string_view name,
              std::span<const std::byte> body, const codec::Type* request);

/// The scalar at "a.b" of a JSON object, without quotes; nothing when there is none.
std::optional<std::string> member_of(std::string_view json, std::string_view path);

}  // namespace shmbus::spool
