// A process that maps a bus and spoils it as fast as it can: random words, words of other places,
// flipped bits, and at the words that steer most, values that look right and are wrong: indices of
// somebody else, links that lead in a circle, generations that never were.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <string>

#include "layout/name_words.hpp"
#include "layout/words.hpp"
#include "segment/open.hpp"
#include "segment/view.hpp"
#include "torture/faults/forgeries.hpp"

namespace shmbus::torture {

class Scribbler {
 public:
  Scribbler(const std::string& path, std::uint64_t seed) : random_(seed) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    const auto status = segment::status_of(fd);
    segment::OpenFile opened;
    if (!status || segment::examine(fd, status->bytes, opened) != segment::Condition::usable)
      return;
    words_ = opened.header.segment_bytes / 8;
    void* base = ::mmap(nullptr, words_ * 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (base == MAP_FAILED) return;
    first_ = static_cast<layout::Word64*>(base);
    view_ = segment::View(static_cast<std::byte*>(base), opened.geometry);
  }
  [[nodiscard]] bool ready() const noexcept { return first_ != nullptr; }

  /// One wrong store. `header`: the first page too, which only newcomers read.
  void spoil(bool header) {
    switch (random_() % 4) {
      case 0:
        aim();
        break;
      case 1:
        Forger(view_, random_).forge();
        break;
      default:
        anywhere(header);
    }
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  std::uint32_t index(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

  void anywhere(bool header) {
    const std::uint64_t from = header ? 0 : layout::header_bytes / 8;
    auto& word = first_[from + below(words_ - from)];
    word.store(value_for(word));
  }
  std::uint64_t value_for(const layout::Word64& word) {
    switch (below(6)) {
      case 0:
        return random_();
      case 1:
        return below(300);
      case 2:
        return first_[below(words_)].load();
      case 3:
        return word.load() ^ (1ULL << below(64));
      case 4:
        return word.load() + (below(2) == 0 ? 1 : ~0ULL);
      default:
        return below(2) == 0 ? 0 : ~0ULL;
    }
  }

  layout::ParticipantId party() {
    return layout::ParticipantId::make(index(view_.capacities().participants + 1), index(4));
  }

  void aim() {
    const auto& all = view_.capacities();
    const std::uint32_t lane = index(all.lanes);
    const std::uint32_t endpoint = index(all.endpoints);
    auto& head = view_.lane(lane);
    auto cells = view_.cells(lane);
    auto& cell = cells[below(cells.size())];
    switch (below(18)) {
      case 0:  // somebody else's lane, or nobody's endpoint
        view_.lane_word(lane).store(
            layout::LaneWord::make(index(4), party(), index(all.endpoints + 1),
                                   static_cast<layout::LaneState>(below(4)), index(4))
                .bits);
        break;
      case 1:
        view_.endpoint(endpoint).control.control.store(
            layout::ControlWord::make(party(), {}, index(4), index(2),
                                      static_cast<layout::EndpointState>(below(3)))
                .bits);
        break;
      case 2:  // links in a circle, or out of the lane
        cell.word[1].store((cell.word[1].load() & ~0xFFFFULL) | below(cells.size() + 1));
        break;
      case 3: {  // a command or a reply of another time
        const layout::CellWord seen{cell.word[0].load()};
        cell.word[0].store(layout::CellWord::make(seen.seq() + below(3) - 1,
                                                  static_cast<layout::Phase>(below(4)), index(20))
                               .bits);
        break;
      }
      case 4:  // sizes, flags, blocks
        cell.word[1 + below(4)].store(value_for(cell.word[1]));
        break;
      case 5: {
        auto& cursor = head.journal[below(2)].cursor;
        const layout::CursorWord seen{cursor.load()};
        cursor.store(layout::CursorWord::make(seen.seq() + below(5) - 2, index(16)).bits);
        break;
      }
      case 6:
        head.journal[below(2)].done.store(value_for(first_[below(words_)]));
        break;
      case 7: {
        auto inbox = view_.inbox(endpoint);
        auto& slot = inbox[below(inbox.size())];
        const layout::TicketWord seen{slot.load()};
        slot.store(
            layout::TicketWord::make(seen.turn() + index(5) - 2, index(all.lanes + 2), index(200))
                .bits);
        break;
      }
      case 8:
        view_.endpoint(endpoint).inbox_tail.tail.store(value_for(first_[below(words_)]));
        view_.endpoint(endpoint).owner.head.store(random_());
        break;
      case 9:
        view_.name(index(all.names))
            .binding.store(
                layout::BindingWord::make(index(4), index(4), index(all.endpoints + 2)).bits);
        break;
      case 10:
        view_.name(index(all.names)).length.store(index(300));
        view_.name(index(all.names)).lease.store(below(3) == 0 ? 0 : party().bits);
        break;
      case 11:
        view_.name_slot(below(view_.geometry().name_slots.count))
            .store(layout::NameSlotWord::make(random_(), index(all.names + 2)).bits);
        break;
      case 12:
        view_.participant(index(all.participants))
            .state.store(layout::ParticipantWord::make(
                             index(4), static_cast<layout::ParticipantState>(below(4)))
                             .bits);
        break;
      case 13:
        view_.participant(index(all.participants)).pid.store(index(70'000));
        break;
      case 14:
        view_.extent_word(index(all.extents))
            .store(layout::ExtentWord::make(party(), below(8)).bits);
        break;
      case 15:
        view_.endpoint(endpoint).attention.attention.store(index(4));
        view_.endpoint(endpoint).attention.parked_at.store(index(3));
        break;
      case 16:
        head.owner.mode.store(index(4));
        head.events.rung.store(index(3));
        break;
      default:
        head.caller.park.store(index(2));
        head.caller.cancel[0].store(random_());
        head.events.count.store(index(1000));
    }
  }

  std::mt19937_64 random_;
  layout::Word64* first_ = nullptr;
  std::uint64_t words_ = 0;
  segment::View view_;
};

}  // namespace shmbus::torture
