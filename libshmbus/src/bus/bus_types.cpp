// What a name was registered with, as part of the public Bus.
#include <new>

#include "session/core.hpp"
#include "shmbus/bus.hpp"
#include "words/members.hpp"
#include "words/store.hpp"
#include "words/table.hpp"

namespace shmbus {

Result<RegisteredTypes> Bus::registered_types(CommandName name) noexcept {
  if (!core_) return fail(ErrorKind::invalid_argument, "this bus is empty: open it first");
  const auto& bus = core_->attachment();
  if (!bus.intact()) return core_->not_intact();
  if (auto valid = names::check(name); !valid) return tl::unexpected<Error>(valid.error());
  const auto record = names::find(bus.view, name);
  if (!record) return fail(ErrorKind::not_registered, "nobody has ever registered this name");
  schema::Registered seen;
  for (const auto word : names::load_members(bus.view, *record).word) {
    if (word.bound()) schema::read(bus.view, *record, word, seen);
    if (seen.known != schema::Known::nothing) break;
  }
  if (!bus.guard->was_intact()) return core_->not_intact();
  RegisteredTypes types;
  if (seen.known == schema::Known::nothing || seen.known == schema::Known::bytes) return types;
  if (seen.known == schema::Known::all) types.text = seen.text();
  types.hash = seen.hash;
  types.request_bytes = seen.request_bytes;
  types.reply_bytes = seen.reply_bytes;
  return types;
}

}  // namespace shmbus
