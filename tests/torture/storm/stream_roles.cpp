// The bodies of a storm's handlers and callers of streams.
#include <algorithm>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "torture/storm/streamers.hpp"

namespace shmbus::torture {
namespace {

using namespace std::chrono_literals;

constexpr const char* puts_name = "stream.puts";    ///< puts as many records as it was asked for
constexpr const char* reads_name = "stream.reads";  ///< reads all
constexpr const char* both_name = "stream.both";    ///< puts back what it reads

struct Asked {
  std::uint32_t stream = 0;
  std::uint32_t records = 0;
  std::uint32_t deferred = 0;
};

struct RecordHead {
  std::uint32_t stream = 0;
  std::uint32_t number = 0;  ///< from 1
};
constexpr std::size_t record_bytes_max = 200;

std::byte filler(const RecordHead& head, std::size_t at) {
  return static_cast<std::byte>(head.stream * 131 + head.number * 31 + at);
}
std::size_t size_of(const RecordHead& head) {
  return sizeof head + (head.stream * 7 + head.number * 13) % (record_bytes_max - sizeof head);
}

template <class Side>
Result<void> put_next(StreamBooks& books, StreamCount& way, std::uint32_t stream, Side& side) {
  const RecordHead head{stream, way.put + 1};
  std::byte record[record_bytes_max];
  std::memcpy(record, &head, sizeof head);
  const std::size_t size = size_of(head);
  for (std::size_t i = sizeof head; i < size; ++i) record[i] = filler(head, i);
  auto put = side.put(std::span(record, size));
  if (put) {
    ++way.put;
    ++books.records;
  }
  return put;
}

/// The number of its stream; 0 when it is not whole.
std::uint32_t stream_of(StreamBooks& books, std::span<const std::byte> record) {
  RecordHead head;
  if (record.size() >= sizeof head) std::memcpy(&head, record.data(), sizeof head);
  bool whole =
      head.stream != 0 && head.stream < storm_streams_max && record.size() == size_of(head);
  for (std::size_t i = sizeof head; whole && i < record.size(); ++i) {
    whole = record[i] == filler(head, i);
  }
  if (whole) return head.stream;
  ++books.wrong;
  return 0;
}
void note_read(StreamBooks& books, StreamCount& way, std::span<const std::byte> record) {
  RecordHead head;
  std::memcpy(&head, record.data(), sizeof head);
  if (head.number != way.read + 1) ++books.wrong;
  way.read = head.number;
}

// --- handlers ----------------------------------------------------------------------------------

template <class Owner>
Status put_all(StreamBooks& books, Owner& owner, const Asked& asked) {
  RawWriter out(owner);
  auto& account = books.streams[asked.stream % storm_streams_max];
  for (std::uint32_t i = 0; i < asked.records; ++i) {
    if (auto put = put_next(books, account.from_handler, asked.stream, out); !put) {
      return rejected_as(put.error());
    }
  }
  return Status::ok();
}

Status read_all(StreamBooks& books, Context& context, bool back) {
  RawReader in(context);
  RawWriter out(context);
  StreamAccount* account = nullptr;
  for (;;) {
    const auto record = in.next();
    if (!record) {
      const auto why = record.error().kind;
      const bool end = why == ErrorKind::stream_ended || why == ErrorKind::cancelled;
      if (account != nullptr) account->to_handler.to_end = end;
      return why == ErrorKind::stream_ended ? Status::ok() : rejected_as(record.error());
    }
    const auto stream = stream_of(books, *record);
    if (stream == 0) return Status::reject(2, "torn");
    if (account == nullptr) {
      account = &books.streams[stream];
      ++account->starts;
    }
    note_read(books, account->to_handler, *record);
    if (!back) continue;
    if (auto put = put_next(books, account->from_handler, stream, out); !put) {
      return rejected_as(put.error());
    }
  }
}

class Handlers {
 public:
  explicit Handlers(StreamBooks& books) : books_(books) {}

  Result<void> add(Server& server) {
    const auto puts = [this](Context& context) { return put(context); };
    const auto reads = [this](Context& context) { return read_all(books_, context, false); };
    const auto both = [this](Context& context) { return read_all(books_, context, true); };
    if (auto added = server.on(puts_name, puts, {.parallel = Parallel::yes}); !added) return added;
    if (auto added = server.on(reads_name, reads, {.parallel = Parallel::yes}); !added) {
      return added;
    }
    return server.on(both_name, both, {.parallel = Parallel::yes});
  }

 private:
  Status put(Context& context) {
    Asked asked;
    if (context.request().size() != sizeof asked) return Status::reject(1, "cut");
    std::memcpy(&asked, context.request().data(), sizeof asked);
    ++books_.streams[asked.stream % storm_streams_max].starts;
    if (asked.deferred == 0) return put_all(books_, context, asked);
    std::thread([this, asked, responder = context.defer()]() mutable {
      const Status status = put_all(books_, responder, asked);
      if (status.is_ok()) {
        (void)responder.reply({});
      } else {
        (void)responder.reject(status);
      }
    }).detach();
    return Status::ok();
  }

  StreamBooks& books_;
};

// --- callers -----------------------------------------------------------------------------------

StreamTold told_by(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::none:
      return StreamTold::ok;
    case ErrorKind::handler_died_after_start:
    case ErrorKind::abandoned:
      return StreamTold::died;
    case ErrorKind::cancelled:
      return StreamTold::cancelled;
    case ErrorKind::handler_died_before_start:
    case ErrorKind::not_registered:
    case ErrorKind::overloaded:
    case ErrorKind::limit_reached:
      return StreamTold::not_run;
    default:
      return StreamTold::wrong;
  }
}

class Caller {
 public:
  Caller(StreamBooks& books, std::uint64_t seed) : books_(books), random_(seed) {}

  int run(const std::string& path) {
    auto bus = open_patiently(path, "storm stream caller");
    if (!bus) return 50;
    const auto vacant = random_() % 2 == 0 ? WhenVacant::wait : WhenVacant::fail;
    const auto wait = random_() % 2 == 0 ? WaitMode::adaptive : WaitMode::blocking;
    for (const char* name : {puts_name, reads_name, both_name}) {
      auto caller = bus->caller(name, {.wait = wait, .when_vacant = vacant});
      if (!caller) return 51;
      callers_.push_back(std::move(*caller));
    }
    while (!books_.over) {
      const std::uint32_t number = ++books_.opened;
      if (number >= storm_streams_max) return 0;
      stream(number);
    }
    return 0;
  }

 private:
  void stream(std::uint32_t number) {
    auto& account = books_.streams[number];
    const auto which = random_() % 3;
    const auto records =
        static_cast<std::uint32_t>(random_() % 8 == 0 ? random_() % 2'000 : random_() % 60);
    const Records ways[] = {Records::from_handler, Records::to_handler, Records::both};
    if (which == 0) account.asked = records;
    const Asked asked{number, records, random_() % 4 == 0 ? 1U : 0U};
    auto opened =
        callers_[which].open(std::as_bytes(std::span(&asked, 1)),
                             {.window = std::size_t{256} << (random_() % 6)}, ways[which]);
    if (!opened) {
      account.told = told_by(opened.error().kind);
      if (account.told == StreamTold::not_run) test::nap(1ms);
      return;
    }
    RawStream stream = std::move(*opened);
    if (random_() % 8 == 0) account.cancels = true;
    const auto stop_at = account.cancels ? random_() % (records + 1) : ~0ULL;
    if (which == 0) read(stream, account, stop_at);
    if (which == 1) put(stream, account, number, records, stop_at);
    if (which == 2) both(stream, account, number, records, stop_at);
    if (account.cancels) {
      if (random_() % 2 == 0) return;  // given up as it goes
      stream.cancel();
    }
    const auto end = stream.end();
    account.told = told_by(end ? ErrorKind::none : end.error().kind);
  }

  /// False when there is nothing more to read.
  bool read_one(RawStream& stream, StreamAccount& account) {
    const auto record = stream.next();
    if (!record) {
      account.from_handler.to_end = record.error().kind == ErrorKind::stream_ended;
      return false;
    }
    if (random_() % 64 == 0) test::nap(std::chrono::microseconds(random_() % 500));
    if (stream_of(books_, *record) != 0) note_read(books_, account.from_handler, *record);
    return true;
  }
  void read(RawStream& stream, StreamAccount& account, std::uint64_t most) {
    for (std::uint64_t i = 0; i < most && read_one(stream, account); ++i) {
    }
  }
  void put(RawStream& stream, StreamAccount& account, std::uint32_t number, std::uint32_t records,
           std::uint64_t most) {
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(records, most); ++i) {
      if (!put_next(books_, account.to_handler, number, stream)) return;
      if (random_() % 64 == 0) test::nap(std::chrono::microseconds(random_() % 500));
    }
  }
  void both(RawStream& stream, StreamAccount& account, std::uint32_t number, std::uint32_t records,
            std::uint64_t most) {
    account.asked = records;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(records, most); ++i) {
      if (!put_next(books_, account.to_handler, number, stream)) break;
      if (!read_one(stream, account)) return;
    }
    if (account.cancels) return;
    (void)stream.close();
    read(stream, account, ~0ULL);
  }

  StreamBooks& books_;
  std::mt19937_64 random_;
  std::vector<RawCaller> callers_;
};

}  // namespace

int serve_streams_for_ever(const std::string& path, StreamBooks& books, std::uint64_t seed) {
  auto bus = open_patiently(path, "storm stream handler");
  if (!bus) return 40;
  const unsigned workers = seed % 2 == 0 ? 2 : 0;
  auto server = bus->serve({.label = "streams", .workers = workers});
  if (!server) return 41;
  Handlers handlers(books);
  const auto until = now_ns() + patience_ns;
  while (!handlers.add(*server)) {
    (void)server->off(puts_name);
    (void)server->off(reads_name);
    if (books.handlers_over) return 0;
    if (now_ns() > until) return 42;
    test::nap(1ms);
  }
  while (!books.handlers_over) {
    if (!server->run_for(5ms)) return 43;
  }
  test::nap(20ms);  // threads that end streams of the dead
  return 0;
}

int stream_for_ever(const std::string& path, StreamBooks& books, std::uint64_t seed) {
  return Caller(books, seed).run(path);
}

}  // namespace shmbus::torture
