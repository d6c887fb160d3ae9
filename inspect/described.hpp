// The names of a bus with the text of their types, for what describes them to others.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inspect/reader.hpp"

namespace shmbus::inspect {

struct DescribedName {
  std::string name;
  bool event = false;
  bool served = false;  ///< a living process serves it, or publishes it
  std::string schema;   ///< "request->reply"; empty: bytes, or types too long for the bus
};

/// All names that somebody registered, in the order of the alphabet. Names and types are what peers
/// wrote.
std::vector<DescribedName> described_names(const Reader& reader);

}  // namespace shmbus::inspect
