#include "torture/storm/crew.hpp"

#include <sys/wait.h>

#include <csignal>

namespace shmbus::torture {
namespace {

constexpr unsigned posts = posts_max / 2;  ///< of one name: there are two
constexpr std::size_t relay_max = 3;

}  // namespace

bool Crew::has_ended(const test::Child& child) {
  siginfo_t info{};
  const auto pid = static_cast<id_t>(child.pid());
  return ::waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

Crew::Crew(const Weather& weather, unsigned name, Start start)
    : weather_(weather), name_(name), start_(std::move(start)) {
  const Part usual = weather.owners == Owners::group   ? Part::member
                     : weather.owners == Owners::relay ? Part::heir
                                                       : Part::owner;
  for (unsigned i = 0; i < weather.members; ++i) {
    const bool on_trial = weather.canary && i + 1 == weather.members;
    const Post one = post(on_trial ? Part::canary : usual);
    men_.push_back({start_(one), one});
  }
}

Post Crew::post(Part part) { return {name_, name_ * posts + next_++ % posts, part}; }

void Crew::replace(std::size_t i) {
  if (weather_.owners != Owners::relay) {
    men_[i].process = start_(men_[i].post);
    return;
  }
  men_.erase(men_.begin() + static_cast<std::ptrdiff_t>(i));
  if (!men_.empty()) return;
  const Post one = post(Part::heir);
  men_.push_back({start_(one), one});
}

bool Crew::send_successor(std::uint64_t lot) {
  if (weather_.owners != Owners::relay || men_.size() >= relay_max) return false;
  const Part eager = weather_.by_force ? Part::enforcer : Part::successor;
  const Post one = post(lot % 4 == 0 ? Part::heir : eager);
  men_.push_back({start_(one), one});
  return true;
}

Crew::Ended Crew::look_after() {
  Ended all;
  if (weather_.owners != Owners::relay) return all;
  for (std::size_t i = 0; i < men_.size();) {
    if (!has_ended(men_[i].process)) {
      ++i;
      continue;
    }
    const int code = men_[i].process.wait();
    if (code == 0) {
      ++all.handed_over;
    } else if (code == test::ended_by(SIGKILL) && weather_.by_force) {
      ++all.shot;
    } else if (code == not_given) {
      ++all.not_given;
    } else {
      all.wrong = code;
    }
    replace(i);
    i = 0;
  }
  return all;
}

}  // namespace shmbus::torture
