// Somebody at the tool who cannot make up his mind about a canary.
#include <random>

#include "names/route.hpp"
#include "session/core.hpp"
#include "torture/storm/roles.hpp"
#include "words/table.hpp"

namespace shmbus::torture {

int change_route(const Role& role, unsigned name) {
  auto bus = detail::BusCore::open(role.path, {{.create = false, .label = "storm route"}, false});
  if (!bus) return 1;
  const auto& view = (*bus)->view();
  const auto record = names::find(view, CommandName(name_of(name)));
  if (!record) return 1;
  const auto& attachment = (*bus)->attachment();
  using Rule = layout::RouteWord::Rule;
  std::mt19937_64 random(role.seed);
  Result<void> changed;
  switch (random() % 4) {
    case 0:
      changed = names::promote(attachment, *record);
      break;
    case 1:
      changed = names::roll_back(attachment, *record);
      break;
    default:
      changed = names::give_to_canary(attachment, *record, Rule::share,
                                      static_cast<std::uint32_t>(random()));
  }
  return changed ? 0 : 1;
}

}  // namespace shmbus::torture
