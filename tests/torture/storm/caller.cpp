// A caller of a storm: sends in several manners, writes down what it was told.
#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <vector>

#include "shmbus/shmbus.hpp"
#include "support/child.hpp"
#include "torture/storm/roles.hpp"

namespace shmbus::torture {
namespace {

Told told_by(ErrorKind kind, bool short_limit) noexcept {
  switch (kind) {
    case ErrorKind::handler_died_after_start:
      return Told::died;
    case ErrorKind::abandoned:
      return Told::dropped;
    case ErrorKind::timed_out:
      return short_limit ? Told::gave_up : Told::late;
    case ErrorKind::handler_died_before_start:
    case ErrorKind::not_registered:
    case ErrorKind::overloaded:
    case ErrorKind::limit_reached:
    case ErrorKind::cancelled:
      return Told::not_run;
    default:
      return Told::wrong;
  }
}

/// One-way commands that may still be reported lost. A lane has at most its cells of them.
class SentList {
 public:
  struct Entry {
    std::uint64_t sequence;
    std::uint64_t id;
  };
  void add(Entry entry) { entries_[at_++ % entries_.size()] = entry; }

  /// The command of that number; two of them when a name has moved to another lane.
  template <class F>
  void find(std::uint64_t sequence, F found) {
    for (auto& entry : entries_) {
      if (entry.sequence == sequence) found(entry.id);
    }
  }

 private:
  std::array<Entry, 512> entries_{};
  std::size_t at_ = 0;
};

class StormCaller {
 public:
  StormCaller(const Role& role, std::uint32_t life)
      : book_(role.book), weather_(role.weather), life_(life), random_(role.seed) {}

  int run(const std::string& path) {
    auto bus = open_patiently(path, "storm caller");
    if (!bus) return fail_start(bus.error());
    patience_ = one_in(2) ? WhenVacant::wait : WhenVacant::fail;
    const WaitMode waits[] = {WaitMode::adaptive, WaitMode::adaptive, WaitMode::blocking};
    const bool pinned = one_in(2);
    // Of a group, only who stays with one member has an order over all that it sends.
    in_order_ = weather_.owners != Owners::group || pinned;
    auto caller = bus->caller(name_of(static_cast<unsigned>(random_() % weather_.handlers)),
                              {.wait = waits[random_() % 3],
                               .when_vacant = patience_,
                               .in_group = pinned ? InGroup::pinned : InGroup::least_busy});
    if (!caller) return fail_start(caller.error());
    caller_ = std::move(*caller);
    caller_.on_lost([](void* self, std::uint64_t sequence,
                       ErrorKind why) { static_cast<StormCaller*>(self)->lost(sequence, why); },
                    this);
    manner_ = static_cast<unsigned>(random_() % 4);
    while (!book_.stop) {
      if (!step()) break;
      if (weather_.parked) test::nap(std::chrono::microseconds(random_() % 3'000));
    }
    finish();
    return 0;
  }

 private:
  struct UnderWay {
    std::uint64_t id;
    Pending pending;
    bool short_limit;
  };

  bool one_in(unsigned n) { return random_() % n == 0; }

  int fail_start(const Error& error) {
    std::printf("  a caller cannot start: %s\n", std::string(error.message.view()).c_str());
    return 1;
  }

  /// The next number, written down as `sending` by the process that uses it; ids_max when they are
  /// used up.
  std::uint64_t next_id() {
    if (next_ == block_end_) {
      const auto block = book_.next_block.fetch_add(1);
      if (block >= ids_max / block_ids) return ids_max;
      book_.block_life[block] = life_;
      next_ = block * block_ids;
      block_end_ = next_ + block_ids;
      book_.commands.fetch_add(block_ids, std::memory_order_relaxed);
    }
    return next_++;
  }

  Request request_of(std::uint64_t id) {
    const bool global = weather_.order == Order::global;
    const std::uint64_t stamp = global ? book_.stamp.fetch_add(1) + 1 : 0;
    return {id, check_of(id), stamp, ++index_, static_cast<std::uint16_t>(life_), in_order_};
  }

  /// One whose time limit is over while the inbox is full has no place in the order of all.
  void published(std::uint64_t id, bool short_limit) {
    if (weather_.order == Order::global && !short_limit)
      book_.published_at[id] = book_.stamp.fetch_add(1) + 1;
  }

  bool step() {
    const auto id = next_id();
    if (id == ids_max) return false;
    switch (manner_ == 3 ? random_() % 3 : manner_) {
      case 0:
        one_in(4) ? call_loan(id) : call(id);
        break;
      case 1:
        start(id);
        break;
      default:
        send(id);
        if (one_in(16)) (void)caller_.flush();
    }
    if (patience_ == WhenVacant::fail && refused_) test::nap(std::chrono::microseconds(200));
    refused_ = false;
    return true;
  }

  /// The answer, or the error, as an outcome; also `late` when it took too long.
  template <class Wait>
  void finish_one(std::uint64_t id, bool short_limit, Wait wait) {
    const auto began = now_ns();
    const Told told = wait(short_limit);
    const auto took = now_ns() - began;
    if (took > book_.slowest_ns) book_.slowest_ns = took;
    const bool slow = told == Told::late || took > patience_ns;
    if (!slow) {
      settle(id, told);
      return;
    }
    // Not judged while the whole machine, or this whole test, was stopped.
    test::nap(std::chrono::milliseconds(100));
    const bool excused = book_.frozen_until + patience_ns > began;
    settle(id, excused ? (told == Told::late ? Told::gave_up : told) : Told::late);
  }

  void settle(std::uint64_t id, Told told) {
    refused_ = refused_ || told == Told::not_run;
    book_.told[id] = told;
  }

  void call(std::uint64_t id) {
    const bool short_limit = one_in(64);
    const Request request = request_of(id);
    std::uint64_t reply = 0;
    book_.told[id] = Told::sending;
    finish_one(id, short_limit, [&](bool hurry) {
      const auto size = caller_.call(
          std::as_bytes(std::span(&request, 1)), std::as_writable_bytes(std::span(&reply, 1)),
          hurry ? Duration(std::chrono::microseconds(20 + random_() % 2000)) : default_timeout);
      if (!size) return told_by(size.error().kind, hurry);
      return reply == request.check ? Told::ok : Told::wrong;
    });
    published(id, short_limit);
  }

  /// In memory of the segment, with room for a large reply or without.
  void call_loan(std::uint64_t id) {
    const Request request = request_of(id);
    book_.told[id] = Told::sending;
    finish_one(id, false, [&](bool hurry) {
      auto loan = caller_.loan(sizeof request + random_() % 3000, one_in(2) ? 8 : 100);
      if (!loan) return told_by(loan.error().kind, hurry);
      std::ranges::fill(loan->bytes(), static_cast<std::byte>(id));
      std::memcpy(loan->bytes().data(), &request, sizeof request);
      const auto reply = loan->call();
      if (!reply) return told_by(reply.error().kind, hurry);
      return check_in(*reply) == check_of(id) ? Told::ok : Told::wrong;
    });
    published(id, false);
  }

  static std::uint64_t check_in(const ReplyView& reply) {
    std::uint64_t check = 0;
    if (reply.bytes().size() == sizeof check) {
      std::memcpy(&check, reply.bytes().data(), sizeof check);
    }
    return check;
  }

  void start(std::uint64_t id) {
    const bool short_limit = one_in(64);
    const Duration limit = short_limit ? Duration(std::chrono::microseconds(20 + random_() % 2000))
                                       : (one_in(2) ? Duration(long_timeout) : default_timeout);
    const Request request = request_of(id);
    // In one cell, in two, or in a block.
    const std::size_t more = one_in(4) ? random_() % 3000 : one_in(2) ? random_() % 57 : 0;
    std::vector<std::byte> body(sizeof request + more, static_cast<std::byte>(id));
    std::memcpy(body.data(), &request, sizeof request);
    book_.told[id] = Told::sending;
    const auto began = now_ns();
    Result<Pending> pending =
        one_in(4) ? start_loan(body, limit) : caller_.start(body, one_in(2) ? 8 : 100, limit);
    if (now_ns() - began > patience_ns + static_cast<std::uint64_t>(short_limit)) {
      test::nap(std::chrono::milliseconds(100));
      if (book_.frozen_until + patience_ns < began) {
        settle(id, Told::late);
        return;
      }
    }
    if (!pending) {
      settle(id, told_by(pending.error().kind, short_limit));
      return;
    }
    published(id, short_limit);
    if (one_in(64)) pending->cancel();
    under_way_.push_back({id, std::move(*pending), short_limit});
    // What is kept under way takes cells from the next command, which would wait for them.
    const std::size_t keep = random_() % std::min<std::size_t>(8, weather_.cells - 2);
    while (under_way_.size() > keep) finish_oldest();
  }

  Result<Pending> start_loan(std::span<const std::byte> body, Duration limit) {
    auto loan = caller_.loan(body.size(), 8);
    if (!loan) return tl::unexpected<Error>(loan.error());
    std::memcpy(loan->bytes().data(), body.data(), body.size());
    return loan->start(limit);
  }

  void finish_oldest() {
    auto& oldest = under_way_.front();
    finish_one(oldest.id, oldest.short_limit, [&](bool hurry) {
      const auto reply = oldest.pending.wait();
      if (!reply) return told_by(reply.error().kind, hurry);
      return check_in(*reply) == check_of(oldest.id) ? Told::ok : Told::wrong;
    });
    under_way_.pop_front();
  }

  void send(std::uint64_t id) {
    const Request request = request_of(id);
    book_.told[id] = Told::sending;
    finish_one(id, false, [&](bool) {
      const auto sent = caller_.send(std::as_bytes(std::span(&request, 1)),
                                     one_in(2) ? Notify::later : Notify::now);
      if (!sent) return told_by(sent.error().kind, false);
      if (weather_.shared()) {
        may_be_lost_.push_back(id);
        if (may_be_lost_.size() % 1024 == 0) forget_what_ran();
      } else {
        sent_.add({*sent, id});
      }
      return Told::sent;
    });
    published(id, false);
  }

  void lost(std::uint64_t sequence, ErrorKind why) {
    if (weather_.shared()) {  // several lanes have that number
      ++book_.lives[life_].lost;
      return;
    }
    std::uint64_t found = ids_max;
    sent_.find(sequence, [&](std::uint64_t id) {
      if (book_.told[id] == Told::sent) {
        book_.told[id] = found == ids_max ? told_by(why, false) : Told::unclear;
        if (found != ids_max) book_.told[found] = Told::unclear;
        found = id;
      }
    });
  }

  /// Everything under way ends, and what was lost of one-way commands is reported: a call that is
  /// answered comes after all of them.
  void finish() {
    while (!under_way_.empty()) finish_oldest();
    for (int i = 0; i < 1000; ++i) {
      (void)caller_.flush();
      const auto id = next_id();
      if (id == ids_max) break;
      call(id);
      if (book_.told[id] == Told::ok) break;
      test::nap(std::chrono::milliseconds(1));
    }
    (void)caller_.flush();
    hear_of_losses();
  }

  void forget_what_ran() {
    std::erase_if(may_be_lost_, [&](std::uint64_t id) { return book_.runs[id] != 0; });
  }

  /// Of several lanes one may be answered while a dead member's is not yet told.
  void hear_of_losses() {
    const auto until = now_ns() + patience_ns;
    while (!may_be_lost_.empty() && now_ns() < until) {
      forget_what_ran();
      if (may_be_lost_.size() <= book_.lives[life_].lost) return;
      test::nap(std::chrono::milliseconds(1));
      (void)caller_.flush();
    }
  }

  Book& book_;
  const Weather& weather_;
  std::uint32_t life_;
  std::mt19937_64 random_;
  WhenVacant patience_ = WhenVacant::wait;
  RawCaller caller_;
  unsigned manner_ = 0;
  std::uint32_t index_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t block_end_ = 0;
  bool refused_ = false;
  bool in_order_ = true;
  std::deque<UnderWay> under_way_;
  SentList sent_;
  std::vector<std::uint64_t> may_be_lost_;  ///< of a shared name
};

}  // namespace

int call_for_ever(const Role& role, std::uint32_t life) {
  return StormCaller(role, life).run(role.path);
}

}  // namespace shmbus::torture
