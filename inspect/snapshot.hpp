// Takes a snapshot of a bus: reads every shared word that tells something once, checks it, and
// hands over plain values (model.hpp). Never writes, never waits, bounded by the capacities alone.
#pragma once

#include "inspect/model.hpp"
#include "inspect/reader.hpp"

namespace shmbus::inspect {

/// A pass of the daemon counts as fresh for this long.
inline constexpr std::uint64_t published_fresh_ns = 3'000'000'000;

Snapshot take_snapshot(const Reader& reader);
/// What take_snapshot leaves out, because only the doctor wants it.
void add_recorder(const Reader& reader, Snapshot& out);

/// Opens, looks, closes.
Result<Snapshot> take_snapshot(std::string_view name_or_path);

}  // namespace shmbus::inspect
