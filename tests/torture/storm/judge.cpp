#include "torture/storm/judge.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace shmbus::torture {
namespace {

enum class Wrong : std::uint8_t { nothing, lost, twice, ran_though_denied, late, impossible };

struct Case {
  Told told;
  unsigned runs;
  bool caller_killed;
};

Wrong judge_one(const Case& c, const Weather& weather) noexcept {
  const bool handlers_die = weather.handlers_die();
  if (c.runs > 1) return Wrong::twice;
  switch (c.told) {
    case Told::nothing:
      return c.runs == 0 ? Wrong::nothing : Wrong::impossible;
    case Told::sending:  // a caller that lives has been told
      return c.caller_killed ? Wrong::nothing : Wrong::lost;
    case Told::ok:
      return c.runs == 1 ? Wrong::nothing : Wrong::lost;
    case Told::not_run:
      return c.runs == 0 ? Wrong::nothing : Wrong::ran_though_denied;
    case Told::died:
      return handlers_die ? Wrong::nothing : Wrong::impossible;
    case Told::dropped:
      return weather.restart_handlers ? Wrong::nothing : Wrong::impossible;
    case Told::late:
      return Wrong::late;
    case Told::sent:
      // Started by a handler that died, it is told to its caller, if that one lives.
      if (c.runs == 1 || (c.caller_killed && (handlers_die || weather.restart_handlers))) {
        return Wrong::nothing;
      }
      return weather.shared() ? Wrong::nothing : Wrong::lost;  // counted, see missing_reports()
    case Told::wrong:
      return Wrong::impossible;
    case Told::gave_up:
    case Told::unclear:
      break;
  }
  return Wrong::nothing;
}

void count(Told told, Tally& tally) noexcept {
  switch (told) {
    case Told::ok:
      ++tally.ok;
      break;
    case Told::not_run:
      ++tally.not_run;
      break;
    case Told::died:
      ++tally.died;
      break;
    case Told::dropped:
      ++tally.dropped;
      break;
    case Told::gave_up:
      ++tally.gave_up;
      break;
    case Told::sent:
      ++tally.one_way;
      break;
    case Told::sending:
      ++tally.untold;
      break;
    default:
      break;
  }
}

const char* text_of(Wrong wrong) noexcept {
  switch (wrong) {
    case Wrong::lost:
      return "lost";
    case Wrong::twice:
      return "ran twice";
    case Wrong::ran_though_denied:
      return "ran though its caller was told that it was not";
    case Wrong::late:
      return "was waited for too long";
    default:
      return "has an impossible outcome";
  }
}

void add(Wrong wrong, Summary& summary) noexcept {
  switch (wrong) {
    case Wrong::nothing:
      break;
    case Wrong::twice:
    case Wrong::ran_though_denied:
      ++summary.duplicated;
      break;
    case Wrong::late:
      ++summary.hung;
      break;
    case Wrong::lost:
    case Wrong::impossible:
      ++summary.lost;
      break;
  }
}

/// Of a name with several lanes a caller is told how many one-way commands were lost, not which.
void missing_reports(const Book& book, const std::vector<std::uint32_t>& unseen, Summary& summary) {
  for (std::size_t life = 0; life < unseen.size(); ++life) {
    if (book.lives[life].killed != 0 || unseen[life] <= book.lives[life].lost) continue;
    summary.lost += unseen[life] - book.lives[life].lost;
    std::printf("  caller life %zu: %u one-way commands did not run, and it was told of %u\n", life,
                unseen[life], book.lives[life].lost.load());
  }
}

}  // namespace

Tally judge(const Book& book, const Weather& weather, Summary& summary) {
  Tally tally;
  unsigned shown = 0;
  std::vector<std::uint32_t> unseen(weather.shared() ? lives_max : 0);
  const auto ids = std::min<std::uint64_t>(book.next_block * block_ids, ids_max);
  for (std::uint64_t id = 0; id < ids; ++id) {
    const auto life = book.block_life[id / block_ids].load();
    const Case one{book.told[id], book.runs[id], book.lives[life].killed != 0};
    if (one.told != Told::nothing) ++tally.sent;
    count(one.told, tally);
    if (weather.shared() && one.told == Told::sent && one.runs == 0) ++unseen[life];
    const Wrong wrong = judge_one(one, weather);
    if (wrong == Wrong::nothing) continue;
    add(wrong, summary);
    if (++shown <= 5) {
      std::printf("  command %lu of caller life %u %s: told=%u runs=%u caller %s\n", id, life,
                  text_of(wrong), static_cast<unsigned>(one.told), one.runs,
                  one.caller_killed ? "killed" : "lives");
    }
  }
  missing_reports(book, unseen, summary);
  return tally;
}

}  // namespace shmbus::torture
