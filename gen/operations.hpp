// The operations of a document: those of its paths, its webhooks and its callbacks, under the names
// that they get as commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gen/model.hpp"
#include "gen/problems.hpp"
#include "gen/schema_view.hpp"

namespace shmbus::gen {

struct Operation {
  std::string name;    ///< x-command, else operationId, else from path and method
  std::string method;  ///< "post"
  std::string path;
  const Node* node = nullptr;
  const Node* item = nullptr;  ///< the path item, which may have parameters too
  int line = 0;                ///< of the method
};

/// All of them, in the order of the document.
std::vector<Operation> operations_of(const Node& root, References& references, Problems& problems);

/// Those that the options name. Throws Error when they name some that are not there.
std::vector<Operation> chosen(const std::vector<Operation>& all, const Options& options,
                              const std::string& source);

/// A table of names, methods, paths and tags.
std::string list_of(const std::vector<Operation>& operations);

}  // namespace shmbus::gen
