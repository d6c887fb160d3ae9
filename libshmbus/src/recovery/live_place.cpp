#include "recovery/live_place.hpp"

#include "recovery/endpoint.hpp"

namespace shmbus::names {

std::optional<Place> live_place(const Attachment& bus, const Members& members) noexcept {
  for (const layout::BindingWord word : members.word) {
    if (word.bound()) recovery::recover_endpoint(bus, word.endpoint());
  }
  return taking_place(bus.view, members);
}

}  // namespace shmbus::names
