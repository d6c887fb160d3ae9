#include "torture/storm/newsroom.hpp"

#include <algorithm>
#include <cstdio>

#include "torture/storm/news_roles.hpp"

namespace shmbus::torture {

using test::Child;
using namespace std::chrono_literals;

bool Newsroom::open() {
  auditor_ = Child([this] { return audit(path_, *news_); });
  if (!test::eventually([this] { return news_->reading != 0; }, 10s)) return false;
  for (const Kind kind : {Kind::publisher, Kind::publisher, Kind::skipper, Kind::holder}) {
    members_.push_back({start(kind), kind});
  }
  return true;
}

Child Newsroom::start(Kind kind) {
  const std::uint64_t seed = seed_ + ++started_;
  if (kind == Kind::publisher) {
    return Child([this, seed] { return publish_for_ever(path_, *news_, seed); });
  }
  const WhenSlow slow = kind == Kind::holder ? WhenSlow::hold : WhenSlow::skip;
  return Child([this, seed, slow] { return read_for_ever(path_, *news_, slow, seed); });
}

void Newsroom::replace(Member& member) {
  // The last ones live to the end.
  if (news_->lives + members_.size() < publisher_lives_max) member.process = start(member.kind);
}

void Newsroom::close(Summary& summary) {
  const auto end = [&](Child& child, const char* who) {
    const int code = child.pid() > 0 ? child.wait(30s) : 0;
    if (code == 0) return;
    ++summary.hung;
    std::printf("  %s of events ended with %d\n", who, code);
  };
  news_->over = true;
  for (auto& member : members_) {
    end(member.process, member.kind == Kind::publisher ? "a publisher" : "a subscriber");
  }
  end(auditor_, "the auditor");
  const auto lives = std::min<std::uint32_t>(news_->lives, publisher_lives_max - 1);
  for (std::uint32_t life = 1; life <= lives; ++life) {
    const std::uint32_t published = news_->published[life];
    const std::uint32_t heard = news_->heard[life];
    events_ += heard;
    if (heard == published || heard == published + 1) continue;
    ++(heard < published ? summary.lost : summary.duplicated);
    std::printf("  publisher life %u: %u events were published and %u read\n", life, published,
                heard);
  }
  if (news_->wrong != 0) {
    summary.duplicated += news_->wrong;
    std::printf("  %lu events were torn, out of order, or missed without being counted\n",
                news_->wrong.load());
  }
  Child taker([this] { return take_all_lanes(path_); });
  end(taker, "who needs all lanes");
}

std::string Newsroom::counts() const {
  return " events=" + std::to_string(events_) + " publisher-lives=" + std::to_string(news_->lives) +
         " delivered=" + std::to_string(news_->delivered) +
         " missed=" + std::to_string(news_->missed);
}

}  // namespace shmbus::torture
