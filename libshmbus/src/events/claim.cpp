#include "events/claim.hpp"

#include "base/testpoint.hpp"
#include "os/futex.hpp"
#include "schema/check.hpp"
#include "words/members.hpp"
#include "words/store.hpp"
#include "words/table.hpp"

namespace shmbus::events {

using layout::BindingWord;

namespace {

BindingWord load_binding(const segment::View& view, std::uint32_t record) noexcept {
  // SYNC names.binding
  return {view.name(record).binding.load(std::memory_order_acquire)};
}

tl::unexpected<Error> is_command(std::string_view name) noexcept {
  Error error{ErrorKind::already_registered, 0, 0, {}};
  error.message.append("'").append(name).append(
      "' is a command: a name is a command's or an event's, choose another");
  return tl::unexpected<Error>(error);
}

void announce(const segment::View& view, std::uint32_t record, const Schema& types) noexcept {
  auto& shared = view.name(record);
  shared.schema_hash.store(types.hash, std::memory_order_relaxed);
  shared.request_bytes.store(types.request_bytes, std::memory_order_relaxed);
  shared.reply_bytes.store(0, std::memory_order_relaxed);
  wait::bump_and_wake(view.bus_events().registrations);
}

/// The first that knows the types writes them, as a registrant of a command does. False when the
/// binding moved meanwhile.
bool bind(const segment::View& view, std::uint32_t record, BindingWord seen,
          const Schema& types) noexcept {
  const auto next = BindingWord::make(seen.gen() + 1, 0, BindingWord::event);
  schema::publish(view, record, types, next);
  SHMBUS_TESTPOINT("event.schema");
  // SYNC names.binding
  if (!view.name(record).binding.compare_exchange_strong(
          seen.bits, next.bits, std::memory_order_acq_rel, std::memory_order_relaxed)) {
    return false;
  }
  if (!schema::is_published(view, record, next)) schema::publish(view, record, types, next);
  announce(view, record, types);
  return true;
}

}  // namespace

Result<std::uint32_t> claim(const Attachment& bus, const CommandName& name,
                            const Schema& types) noexcept {
  const auto record = names::intern(bus, name);
  if (!record) return record;
  for (;;) {
    const BindingWord seen = load_binding(bus.view, *record);
    if (!seen.is_event()) {
      if (seen.bound() || names::load_members(bus.view, *record).routed()) {
        return is_command(name.text);
      }
      if (bind(bus.view, *record, seen, types)) return record;
      continue;
    }
    schema::Registered known;
    schema::read(bus.view, *record, seen, known);
    const bool typed = known.known == schema::Known::all || known.known == schema::Known::hash_only;
    if (!typed && types.hash != 0) {
      if (bind(bus.view, *record, seen, types)) return record;
      continue;
    }
    if (auto fits = schema::check(name.text, known, types); !fits) {
      return tl::unexpected<Error>(fits.error());
    }
    return record;
  }
}

}  // namespace shmbus::events
