#include "torture/support/options.hpp"

#include <cstdio>
#include <cstdlib>
#include <random>

namespace shmbus::torture {

Options::Options(int argc, char** argv, const std::string& known) {
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    const bool flag = name == "--quick" || name == "--full";
    const bool ours =
        name.starts_with("--") &&
        (" seed " + known + " ").find(" " + name.substr(2) + " ") != std::string::npos;
    if (!flag && (!ours || i + 1 == argc)) {
      std::fprintf(stderr, "usage: %s [--quick | --full] [--option value...]; options: seed %s\n",
                   argv[0], known.c_str());
      std::exit(2);
    }
    given_[name.substr(2)] = flag ? "" : argv[++i];
  }
  seed_ = has("seed") ? number("seed", 0) : std::random_device{}();
}

std::uint64_t Options::number(const std::string& name, std::uint64_t otherwise) const {
  const auto found = given_.find(name);
  return found == given_.end() ? otherwise : std::strtoull(found->second.c_str(), nullptr, 10);
}

std::string Options::text(const std::string& name) const {
  const auto found = given_.find(name);
  return found == given_.end() ? std::string() : found->second;
}

}  // namespace shmbus::torture
