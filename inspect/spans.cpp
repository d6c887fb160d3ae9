#include "inspect/spans.hpp"

#include <chrono>

#include "layout/participant.hpp"
#include "layout/text.hpp"
#include "recorder/reader.hpp"
#include "words/table.hpp"

namespace shmbus::inspect {
namespace {

constexpr std::size_t labels_max = 4096;

/// The text stays until the next holder of the slot writes its own.
bool label_is_of(const layout::Participant& slot, layout::ParticipantId party) noexcept {
  const layout::ParticipantWord word{slot.state.load(std::memory_order_relaxed)};
  if (word.epoch() == party.epoch()) return true;
  return word.state() == layout::ParticipantState::free &&
         word.epoch() == layout::next_epoch(party.epoch());
}

}  // namespace

SpanReader::SpanReader(const Reader& reader, From from)
    : reader_(&reader),
      rate_(reader.header().ticks_per_s),
      rings_(reader.view().capacities().participants) {
  if (from == From::oldest) return;
  for (std::uint32_t i = 0; i < rings_.size(); ++i) read_ring(i, nullptr);
}

void SpanReader::set_clocks() noexcept {
  now_ticks_ = wait::ticks();
  now_unix_ns_ = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                std::chrono::system_clock::now().time_since_epoch())
                                                .count());
}

std::uint64_t SpanReader::unix_ns(std::uint64_t ticks) const noexcept {
  if (ticks > now_ticks_) return now_unix_ns_;  // nobody knows the future
  const std::uint64_t ago = rate_.to_ns(now_ticks_ - ticks);
  return ago < now_unix_ns_ ? now_unix_ns_ - ago : 0;
}

std::vector<SpanInfo> SpanReader::next() {
  set_clocks();
  std::vector<SpanInfo> spans;
  for (std::uint32_t i = 0; i < rings_.size(); ++i) read_ring(i, &spans);
  return spans;
}

void SpanReader::read_ring(std::uint32_t index, std::vector<SpanInfo>* spans) {
  Ring& ring = rings_[index];
  const auto& shared = reader_->view().recorder(index);
  const std::uint64_t written = shared.head.next.load(std::memory_order_relaxed);
  // An event that was being written at the last look is whole by now, or will be: look once more
  // while the ring stands still, which costs its head only.
  const bool complete = ring.taken[(written - 1) % layout::recorder_slots] == written;
  if (written == ring.written && (written == 0 || complete)) return;
  const auto copy = recorder::read_ring(reader_->view(), index);
  for (const auto& one : copy.events) {
    auto& taken = ring.taken[one.index % layout::recorder_slots];
    if (taken == one.index + 1) continue;
    // Between this and the one taken last from the slot, whole laps have passed unseen.
    const std::uint64_t laps = (one.index + 1 - taken) / layout::recorder_slots;
    if (taken != 0 && laps > 1) overwritten_ += laps - 1;
    if (taken == 0 && spans != nullptr) overwritten_ += one.index / layout::recorder_slots;
    taken = one.index + 1;
    if (spans == nullptr) continue;
    if (const auto record = trace::from_event(one.event)) spans->push_back(describe(*record));
  }
  ring.written = written;
}

SpanInfo SpanReader::describe(const trace::SpanRecord& record) {
  SpanInfo span;
  span.record = record;
  span.process = label_of(record);
  span.name = record.name.view();
  if (record.kind != trace::SpanKind::internal) {
    const auto& view = reader_->view();
    if (record.command.record < view.capacities().names) {
      span.name = names::text_of(view, record.command.record).view();
    }
    if (record.command.endpoint < view.capacities().endpoints) {
      layout::TextBuffer<8> buffer{};
      span.endpoint_label =
          layout::load_text(view.endpoint(record.command.endpoint).label.text, buffer);
    }
  }
  span.began_unix_ns = unix_ns(record.began);
  span.ended_unix_ns = span.began_unix_ns + record.duration_ns;
  if (record.of_call()) span.published_unix_ns = unix_ns(record.published);
  return span;
}

const std::string& SpanReader::label_of(const trace::SpanRecord& record) {
  const auto known = labels_.find(record.party.bits);
  if (known != labels_.end()) return known->second;
  if (labels_.size() > labels_max) labels_.clear();
  std::string label = "pid " + std::to_string(record.pid);
  const std::uint32_t index = record.party.index();
  if (index < rings_.size()) {
    const auto& slot = reader_->view().participant(index);
    layout::TextBuffer<8> buffer{};
    const auto text = layout::load_text(slot.label, buffer);
    if (label_is_of(slot, record.party) && !text.empty()) label = text;
  }
  return labels_[record.party.bits] = std::move(label);
}

}  // namespace shmbus::inspect
