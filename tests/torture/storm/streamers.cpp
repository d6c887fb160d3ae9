#include "torture/storm/streamers.hpp"

#include <algorithm>
#include <cstdio>

namespace shmbus::torture {

using test::Child;
using namespace std::chrono_literals;

void Streamers::open() {
  for (const Kind kind : {Kind::handler, Kind::caller, Kind::caller, Kind::caller}) {
    members_.push_back({start(kind), kind});
  }
}

Child Streamers::start(Kind kind) {
  const std::uint64_t seed = seed_ + ++started_;
  if (kind == Kind::handler) {
    return Child([this, seed] { return serve_streams_for_ever(path_, *books_, seed); });
  }
  return Child([this, seed] { return stream_for_ever(path_, *books_, seed); });
}

void Streamers::end(Kind kind, Summary& summary) {
  for (auto& member : members_) {
    if (member.kind != kind) continue;
    const int code = member.process.wait(30s);
    if (code == 0) continue;
    ++summary.hung;
    std::printf("  a %s of streams ended with %d\n", kind == Kind::handler ? "handler" : "caller",
                code);
  }
}

void Streamers::close(Summary& summary) {
  books_->over = true;
  end(Kind::caller, summary);
  books_->handlers_over = true;
  end(Kind::handler, summary);
  const auto opened = std::min<std::uint32_t>(books_->opened, storm_streams_max - 1);
  for (std::uint32_t number = 1; number <= opened; ++number) judge(number, summary);
  if (books_->wrong != 0) {
    summary.duplicated += books_->wrong;
    std::printf("  %u records of streams were torn or out of order\n", books_->wrong.load());
  }
}

/// A writer that was killed between the commit and its ledger has put one record more than that
/// says. Whoever was told an end has read all that was put, unless its caller cancelled.
void Streamers::judge(std::uint32_t number, Summary& summary) {
  const auto& stream = books_->streams[number];
  const auto say = [&](std::uint64_t& counter, const char* what, const StreamCount* way = nullptr) {
    ++counter;
    std::printf("  stream %u: %s", number, what);
    if (way != nullptr) std::printf(" (put %u, read %u)", way->put.load(), way->read.load());
    std::printf("\n");
  };
  const auto told = stream.told.load();
  ended_well_ += told == StreamTold::ok ? 1 : 0;
  died_ += told == StreamTold::died ? 1 : 0;
  if (told == StreamTold::wrong) say(summary.other, "its caller was told what cannot be");
  if (stream.starts > 1) say(summary.duplicated, "started twice");
  if (told == StreamTold::not_run && stream.starts != 0) {
    say(summary.duplicated, "started, and its caller was told that it was not");
  }
  for (const auto* way : {&stream.from_handler, &stream.to_handler}) {
    if (way->read > way->put + 1) say(summary.duplicated, "more read than put", way);
    if (way->to_end && !stream.cancels && way->read < way->put) {
      say(summary.lost, "not all was read before the end", way);
    }
  }
  const auto& from = stream.from_handler;
  if (told == StreamTold::ok && !stream.cancels && from.read != stream.asked) {
    say(summary.lost, "ended well before its last record", &from);
  }
}

std::string Streamers::counts() const {
  return " streams=" + std::to_string(books_->opened) +
         " records=" + std::to_string(books_->records) + " streams-died=" + std::to_string(died_) +
         " streams-ok=" + std::to_string(ended_well_);
}

}  // namespace shmbus::torture
