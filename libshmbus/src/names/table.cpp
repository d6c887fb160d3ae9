#include "names/table.hpp"

#include <cstring>

#include "layout/text.hpp"
#include "testpoint.hpp"

namespace shmbus::names {
namespace {

using layout::BindingWord;
using layout::NameRecord;
using layout::NameSlotWord;

using NameWords = std::array<layout::Word64, layout::name_bytes_max / 8>;

/// Compares in the segment, word by word, without a copy: the text of a published record never
/// changes, and if a faulty peer changes it the answer is merely wrong.
bool same_text(const NameRecord& record, std::string_view text) noexcept {
  if (record.length.load(std::memory_order_relaxed) != text.size()) return false;
  for (std::size_t at = 0; at < text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, std::min<std::size_t>(8, text.size() - at));
    if (record.text[at / 8].load(std::memory_order_relaxed) != word) return false;
  }
  return true;
}

struct Probe {
  std::optional<std::uint32_t> found;
  std::uint64_t empty_slot = 0;
  bool full = false;
};

Probe probe(const segment::View& view, const CommandName& name) noexcept {
  const std::uint64_t slots = view.geometry().name_slots.count;
  for (std::uint64_t step = 0; step < slots; ++step) {
    const std::uint64_t at = (name.hash + step) & (slots - 1);
    // SYNC names.publish: the record was filled before its slot was.
    const NameSlotWord seen{view.name_slot(at).load(std::memory_order_acquire)};
    if (seen.empty()) return {std::nullopt, at, false};
    if (!seen.may_hold(name.hash) || seen.record() >= view.capacities().names) continue;
    if (same_text(view.name(seen.record()), name.text)) return {seen.record(), 0, false};
  }
  return {std::nullopt, 0, true};
}

std::optional<std::uint32_t> lease_record(const Attachment& bus) noexcept {
  for (std::uint32_t i = 0; i < bus.view.capacities().names; ++i) {
    auto& lease = bus.view.name(i).lease;
    std::uint64_t nobody = 0;
    if (lease.load(std::memory_order_relaxed) != 0) continue;
    // SYNC names.lease: pairs with the give-back below.
    if (lease.compare_exchange_strong(nobody, bus.me.bits, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
      return i;
    }
  }
  return std::nullopt;
}

void give_back(NameRecord& record) noexcept {
  record.lease.store(0, std::memory_order_release);  // SYNC names.lease
}

void fill(NameRecord& record, const CommandName& name, std::uint32_t uid) noexcept {
  record.hash.store(name.hash, std::memory_order_relaxed);
  record.binding.store(BindingWord{}.bits, std::memory_order_relaxed);
  record.schema_hash.store(0, std::memory_order_relaxed);
  record.owner_uid.store(uid, std::memory_order_relaxed);
  record.length.store(static_cast<std::uint32_t>(name.text.size()), std::memory_order_relaxed);
  for (std::size_t i = 0; i < record.text.size(); ++i) {
    std::uint64_t word = 0;
    if (i * 8 < name.text.size()) {
      std::memcpy(&word, name.text.data() + i * 8,
                  std::min<std::size_t>(8, name.text.size() - i * 8));
    }
    record.text[i].store(word, std::memory_order_relaxed);
  }
}

tl::unexpected<Error> table_full() noexcept {
  return fail(ErrorKind::limit_reached,
              "the name table is full: create the bus with larger capacities.names");
}

}  // namespace

std::optional<std::uint32_t> find(const segment::View& view, const CommandName& name) noexcept {
  return probe(view, name).found;
}

Result<std::uint32_t> intern(const Attachment& bus, const CommandName& name) noexcept {
  if (name.text.empty() || name.text.size() > layout::name_bytes_max) {
    return fail(ErrorKind::invalid_argument, "a command name has 1 to 128 bytes");
  }
  if (const auto found = find(bus.view, name)) return *found;
  const auto record = lease_record(bus);
  if (!record) {
    // The last record may have gone to this very name a moment ago.
    if (const auto found = find(bus.view, name)) return *found;
    return table_full();
  }
  SHMBUS_TESTPOINT("names.leased");
  auto& mine = bus.view.name(*record);
  fill(mine, name, bus.view.participant(bus.me.index()).uid.load(std::memory_order_relaxed));
  for (;;) {
    const Probe at = probe(bus.view, name);
    if (at.found || at.full) {
      give_back(mine);
      if (at.found) return *at.found;
      return table_full();
    }
    std::uint64_t empty = 0;
    const auto word = NameSlotWord::make(name.hash, *record);
    // SYNC names.publish
    if (bus.view.name_slot(at.empty_slot)
            .compare_exchange_strong(empty, word.bits, std::memory_order_acq_rel,
                                     std::memory_order_relaxed)) {
      SHMBUS_TESTPOINT("names.published");
      mine.lease.store(layout::lease_published, std::memory_order_release);  // SYNC names.lease
      return *record;
    }
  }
}

NameText text_of(const segment::View& view, std::uint32_t record) noexcept {
  const auto& from = view.name(record);
  layout::TextBuffer<layout::name_bytes_max / 8> buffer{};
  const auto text = layout::load_text(from.text, buffer);
  const std::size_t length = from.length.load(std::memory_order_relaxed);
  return NameText{text.substr(0, std::min(length, text.size()))};
}

void return_leases(const Attachment& bus, layout::Party dead) noexcept {
  const auto& view = bus.view;
  for (std::uint32_t i = 0; i < view.capacities().names; ++i) {
    auto& lease = view.name(i).lease;
    std::uint64_t seen = lease.load(std::memory_order_acquire);
    if (seen != dead.bits) continue;
    // It may have published the record and died before it said so: then the table names it.
    bool in_table = false;
    for (std::uint64_t at = 0; at < view.geometry().name_slots.count && !in_table; ++at) {
      const NameSlotWord slot{view.name_slot(at).load(std::memory_order_acquire)};
      in_table = !slot.empty() && slot.record() == i;
    }
    lease.compare_exchange_strong(seen, in_table ? layout::lease_published : 0,
                                  std::memory_order_acq_rel, std::memory_order_relaxed);
  }
}

}  // namespace shmbus::names
