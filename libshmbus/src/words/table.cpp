#include "words/table.hpp"

#include <cstring>

#include "base/testpoint.hpp"
#include "layout/text.hpp"
#include "words/quota.hpp"

namespace shmbus::names {
namespace {

using layout::BindingWord;
using layout::NameRecord;
using layout::NameSlotWord;

using NameWords = std::array<layout::Word64, layout::name_bytes_max / 8>;

/// The last `bytes` (1 to 7) of a text, padded with zeros: as the last word of a record holds them.
std::uint64_t tail_word(std::string_view text, std::size_t bytes) noexcept {
  std::uint64_t word = 0;
  if (text.size() >= 8) {  // one load that overlaps the word before
    std::memcpy(&word, text.data() + text.size() - 8, 8);
    return word >> (8 * (8 - bytes));
  }
  for (std::size_t i = bytes; i-- > 0;) {
    word = word << 8U | static_cast<std::uint8_t>(text[text.size() - bytes + i]);
  }
  return word;
}

/// Compares in the segment, word by word, without a copy: the text of a published record never
/// changes, and if a faulty peer changes it the answer is merely wrong.
bool same_text(const NameRecord& record, std::string_view text) noexcept {
  if (record.length.load(std::memory_order_relaxed) != text.size()) return false;
  const std::size_t whole = text.size() / 8;
  for (std::size_t i = 0; i < whole; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + 8 * i, 8);
    if (record.text[i].load(std::memory_order_relaxed) != word) return false;
  }
  const std::size_t rest = text.size() % 8;
  return rest == 0 || record.text[whole].load(std::memory_order_relaxed) == tail_word(text, rest);
}

/// The first empty slot of the name's probe sequence; none when the table is full.
std::optional<std::uint64_t> empty_slot_for(const segment::View& view,
                                            const CommandName& name) noexcept {
  const std::uint64_t mask = view.geometry().name_slots.count - 1;
  for (std::uint64_t step = 0; step <= mask; ++step) {
    const std::uint64_t at = (name.hash + step) & mask;
    // SYNC names.publish
    if (NameSlotWord{view.name_slot(at).load(std::memory_order_acquire)}.empty()) return at;
  }
  return std::nullopt;
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
  for (auto& member : record.members) member.store(BindingWord{}.bits, std::memory_order_relaxed);
  record.route.store(0, std::memory_order_relaxed);
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

Result<void> check(const CommandName& name) noexcept {
  const std::string_view why = why_no_name(name.text);
  if (why.empty()) return {};
  return fail(ErrorKind::invalid_argument, why);
}

std::optional<std::uint32_t> find(const segment::View& view, const CommandName& name) noexcept {
  if (name.text.empty() || name.text.size() > layout::name_bytes_max) return std::nullopt;
  const std::uint64_t mask = view.geometry().name_slots.count - 1;
  for (std::uint64_t step = 0; step <= mask; ++step) {
    // SYNC names.publish: the record was filled before its slot was.
    const NameSlotWord seen{
        view.name_slot((name.hash + step) & mask).load(std::memory_order_acquire)};
    if (seen.empty()) return std::nullopt;
    if (!seen.may_hold(name.hash) || seen.record() >= view.capacities().names) continue;
    if (same_text(view.name(seen.record()), name.text)) return seen.record();
  }
  return std::nullopt;
}

Result<std::uint32_t> intern(const Attachment& bus, const CommandName& name, bool claim) noexcept {
  if (auto valid = check(name); !valid) return tl::unexpected<Error>(valid.error());
  if (const auto found = find(bus.view, name)) return *found;
  if (claim && quota::exceeded(bus, quota::Of::names, 1)) {
    return quota::reached(bus, quota::Of::names);
  }
  const auto record = lease_record(bus);
  if (!record) {
    // The last record may have gone to this very name a moment ago.
    if (const auto found = find(bus.view, name)) return *found;
    return table_full();
  }
  SHMBUS_TESTPOINT("names.leased");
  auto& mine = bus.view.name(*record);
  const std::uint32_t uid =
      bus.view.participant(bus.me.index()).uid.load(std::memory_order_relaxed);
  fill(mine, name, claim ? uid : layout::unclaimed_uid);
  for (;;) {
    // The slot before the look: what is put there between the two makes the CAS fail.
    const auto slot = empty_slot_for(bus.view, name);
    if (const auto found = find(bus.view, name)) {
      give_back(mine);
      return *found;
    }
    if (!slot) {
      give_back(mine);
      return table_full();
    }
    std::uint64_t empty = 0;
    const auto word = NameSlotWord::make(name.hash, *record);
    // SYNC names.publish
    if (bus.view.name_slot(*slot).compare_exchange_strong(
            empty, word.bits, std::memory_order_acq_rel, std::memory_order_relaxed)) {
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

void return_leases(const Attachment& bus, layout::ParticipantId dead) noexcept {
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
