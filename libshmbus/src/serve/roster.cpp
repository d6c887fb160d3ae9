#include "serve/roster.hpp"

#include "schema/check.hpp"

namespace shmbus::serve {

void Roster::keep(Entry& entry, const Schema& schema) {
  entry.text.assign(schema.text);
  entry.hash = schema.hash;
}

void Roster::enter(std::uint32_t record, const Schema& schema) {
  const std::scoped_lock lock(mutex_);
  auto& entry = entries_[record];
  entry.registration = ++registrations_;
  keep(entry, schema);
}

void Roster::leave(std::uint32_t record) noexcept {
  const std::scoped_lock lock(mutex_);
  entries_.erase(record);
}

bool Roster::is_current(std::uint32_t record, std::uint64_t registration) const noexcept {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(record);
  return found != entries_.end() && found->second.registration == registration;
}

Result<Roster::Exchange> Roster::allow(std::uint32_t record, std::string_view name,
                                       const Schema& schema) const {
  const auto found = entries_.find(record);
  if (found == entries_.end()) {
    return fail(ErrorKind::not_registered, "this server does not have that name");
  }
  const Entry& old = found->second;
  const bool same = schema.text.empty() || schema.hash == old.hash;
  if (same || old.text.empty()) return Exchange{old.registration, !same};
  const auto what = schema::difference(schema.text, old.text);
  if (what.empty()) return Exchange{old.registration, true};
  Error error{ErrorKind::type_mismatch, 0, 0, {}};
  error.message.append("'").append(name.substr(0, 40));
  error.message.append("' (new handler, and the old as its caller): ").append(what.view());
  return tl::unexpected<Error>(error);
}

}  // namespace shmbus::serve
