// The peer of C++, the caller's side: README.md says what it does.
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <optional>

#include "codec/type.hpp"
#include "peer.hpp"

namespace conformance {

std::string hex_of(std::string_view text) {
  std::string out(2 * text.size() + 2, '\0');
  return show_hex(out.data(), text.data(), text.size());
}

Bytes pattern(std::size_t size) {
  Bytes out(size);
  fill_pattern(out.data(), size);
  return out;
}

std::string line_of(const shmbus::Error& error) {
  std::string causes;
  for (const auto& one : error.causes) {
    causes += (causes.empty() ? "" : ",") + std::string(to_string(one.kind)) + ":" +
              std::to_string(one.code) + ":" + hex_of(one.command);
  }
  return "error " + std::string(to_string(error.kind)) + " code=" + std::to_string(error.code) +
         " may_have_run=" + (may_have_started(error) ? "1" : "0") +
         " needed=" + std::to_string(error.needed) + " text=" + hex_of(error.message.view()) +
         " causes=" + (causes.empty() ? "-" : causes);
}

namespace {

using shmbus::Result;
using std::chrono::milliseconds;

std::string shown(std::span<const std::byte> bytes) {
  char out[300];
  return show_data(out, bytes.data(), bytes.size());
}
Bytes data_of(const char* word) {
  std::size_t size = 0;
  void* const data = parse_data(word, &size);
  Bytes out(size);
  if (size != 0) std::memcpy(out.data(), data, size);
  free(data);
  return out;
}

std::string answer(const Result<void>& done) { return done ? "ok" : line_of(done.error()); }
std::string answer(const Result<std::uint64_t>& count) {
  return count ? "ok " + std::to_string(*count) : line_of(count.error());
}
std::string answer(const Result<shmbus::ReplyView>& reply) {
  return reply ? "ok " + shown(reply->bytes()) : line_of(reply.error());
}
template <class T>
Result<void> failed(const Result<T>& result) {
  return tl::unexpected<shmbus::Error>(result.error());
}

/// One run of the caller's side.
class Peer {
 public:
  explicit Peer(shmbus::Bus bus) : bus_(std::move(bus)) {}
  std::string obey(const command_line& line);

 private:
  using Schema = shmbus::Schema;
  [[nodiscard]] Result<Schema> schema(const command_line& line);
  [[nodiscard]] Result<shmbus::RawCaller> caller(const command_line& line);
  std::string calling(const command_line& line);
  std::string fill(const command_line& line);
  std::string streaming(const command_line& line);
  std::string use(const command_line& line, shmbus::RawStream& stream);
  std::string publish(const command_line& line);
  std::string subscribe(const command_line& line);
  std::string next(const command_line& line);
  std::string registering(const command_line& line);
  std::string other(const command_line& line);

  shmbus::Bus bus_;
  std::deque<std::string> texts_;  // of schemas, which callers keep pointers to
  std::deque<shmbus::Pending> pending_;
  std::map<std::string, shmbus::RawPublisher> publishers_;
  std::map<std::string, shmbus::RawSubscriber> subscribers_;
};

milliseconds timeout_of(const command_line& line) {
  return milliseconds(number_of(&line, "timeout", 5000));
}

Result<shmbus::Schema> Peer::schema(const command_line& line) {
  const char* const text = option_of(&line, "schema");
  if (text == nullptr) return Schema{};
  const auto types = shmbus::codec::CommandTypes::parse(text);
  if (!types) return tl::unexpected<shmbus::Error>(types.error());
  const std::string_view kept = texts_.emplace_back(text);
  return Schema{kept, shmbus::detail::hash_name(kept),
                static_cast<std::uint32_t>(types->request.size()),
                static_cast<std::uint32_t>(types->reply.size())};
}

Result<shmbus::RawCaller> Peer::caller(const command_line& line) {
  shmbus::CallerOptions how;
  if (option_is(&line, "vacant", "wait")) how.when_vacant = shmbus::WhenVacant::wait;
  if (option_is(&line, "full", "fail")) how.when_full = shmbus::WhenFull::fail;
  if (option_is(&line, "goes", "cancel")) how.on_caller_exit = shmbus::OnCallerExit::cancel;
  const auto types = schema(line);
  if (!types) return tl::unexpected<shmbus::Error>(types.error());
  return bus_.caller(std::string_view(word_at(&line, 1)), how, *types);
}

std::string Peer::calling(const command_line& line) {
  const std::string_view what = word_at(&line, 0);
  const Bytes data = data_of(word_at(&line, 2));
  const auto room = static_cast<std::size_t>(number_of(&line, "room", 65536));
  auto made = caller(line);
  if (!made) return line_of(made.error());
  if (what == "send") {
    const auto sent = made->send(data, shmbus::Notify::now, timeout_of(line));
    return sent ? "ok" : line_of(sent.error());
  }
  if (what == "loan") {
    auto loan = made->loan(data.size(), room);
    if (!loan) return line_of(loan.error());
    if (!data.empty()) std::memcpy(loan->bytes().data(), data.data(), data.size());
    return answer(loan->call(timeout_of(line)));
  }
  if (what == "call") {
    Bytes reply(room);
    const auto size = made->call(data, reply, timeout_of(line));
    return size ? "ok " + shown(std::span(reply).first(*size)) : line_of(size.error());
  }
  auto started = made->start(data, room, timeout_of(line));
  if (!started) return line_of(started.error());
  pending_.push_back(std::move(*started));
  return "ok";
}

std::string Peer::fill(const command_line& line) {
  const Bytes data = pattern(strtoul(word_at(&line, 2), nullptr, 10));
  auto made =
      bus_.caller(std::string_view(word_at(&line, 1)), {.when_full = shmbus::WhenFull::fail});
  if (!made) return line_of(made.error());
  std::vector<shmbus::Pending> all;
  for (;;) {
    auto one = made->start(data, 65536, timeout_of(line));
    if (one) {
      all.push_back(std::move(*one));
      continue;
    }
    for (auto& started : all) started.cancel();
    return "ok " + std::to_string(all.size()) + " " + line_of(one.error());
  }
}

std::string Peer::use(const command_line& line, shmbus::RawStream& stream) {
  const char what = word_at(&line, 0)[0];
  const long stop = number_of(&line, "stop", -1);
  const long wanted = what == 'r' ? 0 : strtol(word_at(&line, 2), nullptr, 10);
  const Bytes record = pattern(what == 'r' ? 0 : strtoul(word_at(&line, 3), nullptr, 10));
  long count = 0;
  std::size_t bytes = 0;
  std::uint32_t crc = 0;
  const auto next = [&] {
    const auto got = stream.next(shmbus::forever);
    if (!got) return false;
    ++count;
    bytes += got->size();
    crc = crc_more(crc, got->data(), got->size());
    return true;
  };
  if (what == 'r') {
    while (count != stop && next()) {
    }
    if (count == stop) stream.cancel();
  }
  for (long i = 0; i < wanted; ++i) {
    if (!stream.put(record, shmbus::forever)) break;
    if (what == 't' && !next()) break;
  }
  if (what == 'w') return answer(stream.finish());
  if (what == 't') (void)stream.close();
  const auto ended = stream.end();
  if (!ended) return line_of(ended.error()) + " records=" + std::to_string(count);
  char sum[16];
  (void)snprintf(sum, sizeof sum, "%08x", crc);
  return "ok " + std::to_string(count) + " " + std::to_string(bytes) + " " + sum;
}

std::string Peer::streaming(const command_line& line) {
  const char what = word_at(&line, 0)[0];
  shmbus::StreamOptions how;
  how.timeout = timeout_of(line);
  how.window = static_cast<std::size_t>(number_of(&line, "window", static_cast<long>(how.window)));
  auto made = caller(line);
  if (!made) return line_of(made.error());
  auto records = shmbus::Records::from_handler;
  if (what == 'w') records = shmbus::Records::to_handler;
  if (what == 't') records = shmbus::Records::both;
  auto stream = made->open(what == 'r' ? data_of(word_at(&line, 2)) : Bytes{}, how, records,
                           what == 'r' ? 0 : 4096);
  return stream ? use(line, *stream) : line_of(stream.error());
}

std::string Peer::publish(const command_line& line) {
  const std::string name = word_at(&line, 1);
  if (!publishers_.contains(name)) {
    shmbus::PublisherOptions how;
    how.keep = static_cast<std::uint32_t>(number_of(&line, "keep", 1));
    how.event_bytes = static_cast<std::uint32_t>(number_of(&line, "bytes", 0));
    const auto types = schema(line);
    if (!types) return line_of(types.error());
    auto made = bus_.publisher(std::string_view(name), how, *types);
    if (!made) return line_of(made.error());
    publishers_.emplace(name, std::move(*made));
  }
  return answer(publishers_.at(name).publish(data_of(word_at(&line, 2)), timeout_of(line)));
}

std::string Peer::subscribe(const command_line& line) {
  shmbus::SubscriberOptions how;
  if (option_is(&line, "from", "latest")) how.from = shmbus::From::latest;
  if (option_is(&line, "from", "oldest")) how.from = shmbus::From::oldest;
  if (option_is(&line, "slow", "hold")) how.when_slow = shmbus::WhenSlow::hold;
  const auto types = schema(line);
  if (!types) return line_of(types.error());
  auto made = bus_.subscribe(std::string_view(word_at(&line, 1)), how, *types);
  if (!made) return line_of(made.error());
  subscribers_.insert_or_assign(word_at(&line, 1), std::move(*made));
  return "ok";
}

std::string Peer::next(const command_line& line) {
  const auto event = subscribers_.at(word_at(&line, 1)).next(timeout_of(line));
  if (!event) return line_of(event.error());
  return "ok " + std::to_string(event->sequence()) + " " + shown(event->bytes());
}

std::string Peer::registering(const command_line& line) {
  auto server = bus_.serve();
  if (!server) return line_of(server.error());
  const auto types = schema(line);
  if (!types) return line_of(types.error());
  return answer(server->on(std::string_view(word_at(&line, 1)), *types,
                           [](shmbus::Context&) { return shmbus::Status::ok(); }));
}

std::string Peer::other(const command_line& line) {
  const std::string_view what = word_at(&line, 0);
  const std::string_view name = word_at(&line, 1);
  if (what == "available") return answer(bus_.wait_until_available(name, timeout_of(line)));
  if (what == "schema") {
    const auto types = bus_.registered_types(name);
    return types ? "ok " + hex_of(types->text.view()) : line_of(types.error());
  }
  if (what == "open") {
    const auto opened = shmbus::Bus::open(name, {.create = false});
    return opened ? "ok" : line_of(opened.error());
  }
  if (what == "caller") {
    const auto made = caller(line);
    return made ? "ok" : answer(failed(made));
  }
  if (what == "missed") return "ok " + std::to_string(subscribers_.at(std::string(name)).missed());
  if (what == "cancel") {
    pending_.front().cancel();
    return "ok";
  }
  if (what == "wait") {
    auto one = std::move(pending_.front());
    pending_.pop_front();
    return answer(one.wait());
  }
  return "error invalid_argument code=0 may_have_run=0 needed=0 text=- causes=-";
}

std::string Peer::obey(const command_line& line) {
  using Command = std::string (Peer::*)(const command_line&);
  static const std::map<std::string_view, Command> commands{
      {"call", &Peer::calling},        {"loan", &Peer::calling},   {"send", &Peer::calling},
      {"start", &Peer::calling},       {"fill", &Peer::fill},      {"read", &Peer::streaming},
      {"write", &Peer::streaming},     {"talk", &Peer::streaming}, {"publish", &Peer::publish},
      {"subscribe", &Peer::subscribe}, {"next", &Peer::next},      {"register", &Peer::registering},
  };
  const auto found = commands.find(word_at(&line, 0));
  return found == commands.end() ? other(line) : (this->*found->second)(line);
}

int run_caller(const char* path) {
  auto bus = shmbus::Bus::open(path);
  if (!bus) {
    say("%s", line_of(bus.error()).c_str());
    return 1;
  }
  Peer peer(std::move(*bus));
  say("ready");
  std::vector<char> text(line_max);
  command_line line;
  while (fgets(text.data(), line_max, stdin) != nullptr) {
    split_line(text.data(), &line);
    say("%s", peer.obey(line).c_str());
  }
  return 0;
}

}  // namespace
}  // namespace conformance

int main(int count, char** arguments) {
  const std::string_view what = count > 1 ? arguments[1] : "";
  if (count == 2 && what == "features") {
    say("calls loans causes defer gone inherits takeover events streams");
    return 0;
  }
  if (count == 4 && what == "handle") return conformance::run_handler(arguments[2], arguments[3]);
  if (count == 3 && what == "call") return conformance::run_caller(arguments[2]);
  (void)fputs("see tests/conformance/README.md\n", stderr);
  return 2;
}
