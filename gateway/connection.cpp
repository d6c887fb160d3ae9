#include "gateway/connection.hpp"

#include <array>
#include <exception>
#include <utility>

#include "gateway/negotiate.hpp"

namespace shmbus::gateway {
namespace {

constexpr std::size_t read_bytes = 16'384;
constexpr std::size_t read_ahead_max = 65'536;
constexpr int reads_max = 16;  // at once: others have their turn in between
/// While so much of earlier answers waits for the client, its next request waits too.
constexpr std::size_t answers_ahead_max = 262'144;
constexpr std::size_t idle_bytes_max = 4096;
constexpr Time linger_time = second;

}  // namespace

Connection::Connection(const Around& around, Stream stream, Peer peer)
    : around_(around),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      since_(now()),
      moved_at_(since_) {}

Connection::~Connection() {
  work_.reset();
  if (watched_) around_.loop.forget(stream_.fd(), *this);
}

bool Connection::begin(std::shared_ptr<const TlsCredentials> tls) {
  wanted_ = EPOLLIN | EPOLLRDHUP;
  watched_ = around_.loop.watch(stream_.fd(), wanted_, *this);
  if (!watched_) return false;
  if (tls == nullptr) return true;
  enter(State::handshake);
  return stream_.begin_tls(std::move(tls));
}

void Connection::enter(State state) noexcept {
  if (state_ == State::dead) return;
  state_ = state;
  since_ = moved_at_ = now();
}

bool Connection::idle() const noexcept {
  return state_ == State::reading && reader_ == nullptr && in_.empty() && waiting_bytes() == 0;
}

void Connection::end() noexcept { state_ = State::dead; }

void Connection::want(std::uint32_t events) {
  if (events == wanted_ || state_ == State::dead) return;
  wanted_ = events;
  around_.loop.change(stream_.fd(), events, *this);
}

void Connection::want_what_is_due() {
  if (state_ == State::dead || state_ == State::handshake) return;
  std::uint32_t events = EPOLLRDHUP;
  const bool room =
      state_ == State::reading ? waiting_bytes() < answers_ahead_max : in_.size() < read_ahead_max;
  if (state_ == State::lingering || (room && !client_ended_)) events |= EPOLLIN;
  if (client_ended_) events &= ~static_cast<std::uint32_t>(EPOLLRDHUP);
  if (waiting_bytes() != 0) events |= EPOLLOUT;
  want(events);
}

void Connection::ready(std::uint32_t events) {
  try {
    go_on(events);
  } catch (const std::exception&) {
    end();  // out of memory: this connection ends, the others go on
  }
}

void Connection::go_on(std::uint32_t events) {
  if (state_ == State::dead) return;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return end();
  if (state_ == State::handshake) shake_hands();
  if (state_ == State::handshake) return;
  if ((events & EPOLLOUT) != 0) write_some();
  pump();
  // The client has closed its side, and nobody reads what is before that.
  const bool at_work = state_ == State::working || state_ == State::streaming;
  if (at_work && (events & EPOLLRDHUP) != 0) client_ended();
  want_what_is_due();
}

void Connection::shake_hands() {
  bool wants_write = false;
  switch (stream_.handshake(wants_write)) {
    case Io::done:
      peer_.certificate = stream_.peer_certificate();
      return enter(State::reading);
    case Io::would_block:
      return want(wants_write ? EPOLLOUT : EPOLLIN | EPOLLRDHUP);
    default:
      return end();
  }
}

/// TLS may hold bytes of which the socket knows nothing any more.
void Connection::pump() {
  do {
    read_some();
    progress();
  } while (stream_.pending() && state_ == State::reading && !ends_ &&
           waiting_bytes() < answers_ahead_max);
}

void Connection::read_some() {
  std::array<char, read_bytes> part;  // NOLINT: written before it is read
  const std::size_t most = state_ == State::reading ? read_bytes : read_ahead_max;
  for (int i = 0; i < reads_max && state_ != State::dead && in_.size() < most; ++i) {
    const auto got = stream_.read(part);
    if (got.io == Io::would_block) return;
    if (got.io == Io::broken) return end();
    if (got.io == Io::ended) return client_ended();
    if (state_ == State::lingering) continue;
    moved_at_ = now();
    in_.append(part.data(), got.bytes);
  }
}

/// What was asked for before still gets its answer, unless it is being worked on: that is taken
/// back.
void Connection::client_ended() {
  client_ended_ = true;
  if (state_ == State::lingering || state_ == State::working || state_ == State::streaming ||
      (state_ == State::reading && in_.empty() && waiting_bytes() == 0)) {
    work_.reset();
    return end();
  }
}

/// Goes on as far as the bytes that are there reach.
void Connection::progress() {
  if (std::exchange(busy_, true)) return;
  while (state_ == State::reading && !ends_ && waiting_bytes() < answers_ahead_max) {
    if (!read_request()) break;
  }
  if (state_ == State::reading && client_ended_ && !ends_) {
    ends_ = true;  // behind what is still to be written
    if (waiting_bytes() == 0) end();
  }
  if (idle() && in_.capacity() > idle_bytes_max) std::string().swap(in_);
  busy_ = false;
  write_some();
}

/// False when more must come first.
bool Connection::read_request() {
  if (in_.empty()) return false;
  if (reader_ == nullptr) {
    if (draining_) {
      ends_ = true;
      return false;
    }
    reader_ = std::make_unique<HttpReader>(around_.limits.read);
    head_judged_ = false;
    since_ = moved_at_;
  }
  const auto taken = reader_->feed(in_);
  in_.erase(0, taken);
  if (reader_->state() == HttpReader::State::refused) {
    refuse_unreadable();
    return false;
  }
  if (reader_->state() == HttpReader::State::head) return taken != 0;
  if (!std::exchange(head_judged_, true)) judge_head();
  if (reader_ == nullptr) return !ends_;  // refused, and the next one may follow
  if (reader_->state() == HttpReader::State::done) {
    take_request();
    return true;
  }
  return taken != 0 && !in_.empty();
}

void Connection::judge_head() {
  since_ = moved_at_;  // the time for the body begins
  head_ = reader_->head();
  auto judged = around_.routes.judge(head_, peer_);
  if (auto* refusal = std::get_if<Response>(&judged)) {
    // A body that was announced is not waited for: the connection ends instead.
    refusal->close = refusal->close || reader_->state() == HttpReader::State::body;
    return answer(std::move(*refusal));
  }
  job_ = std::move(std::get<Job>(judged));
  if (head_.expects_continue && reader_->state() == HttpReader::State::body) {
    queue("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

void Connection::take_request() {
  std::string body = std::move(reader_->body());
  reader_.reset();
  enter(State::working);
  auto job = std::move(*job_);
  job_.reset();
  auto work = around_.routes.run(std::move(job), std::move(body), *this);
  if (state_ == State::working || state_ == State::streaming) work_ = std::move(work);
}

void Connection::refuse_unreadable() {
  auto refusal = problem(reader_->status(), "request", reader_->why());
  refusal.close = true;
  if (!head_judged_) head_ = RequestHead{};
  around_.routes.note_refusal(head_, peer_, refusal.status, reader_->why());
  answer(std::move(refusal));
}

ResponseForm Connection::form() const {
  return {.keep_alive = head_.keep_alive && !draining_,
          .head_only = head_.method == "HEAD",
          .stream = false,
          .http_1_0 = head_.http_1_0};
}

void Connection::queue(std::string bytes) {
  if (waiting_bytes() == 0) moved_at_ = now();
  if (out_.empty()) {
    out_ = std::move(bytes);
  } else {
    out_ += bytes;
  }
}

void Connection::answer(Response response) {
  if (state_ == State::dead) return;
  try {
    const auto as = form();
    ends_ = ends_ || response.close || !as.keep_alive;
    negotiate(response, head_, around_.limits.compress);
    queue(serialize(response, as));
    finish_request();
  } catch (const std::exception&) {
    end();
  }
}

void Connection::finish_request() {
  reader_.reset();
  job_.reset();
  enter(State::reading);
  // The work itself may be what answers: it is destroyed when this returns.
  const auto work = std::move(work_);
  if (!busy_) pump();
  want_what_is_due();
}

void Connection::begin_stream(Response response) {
  if (state_ == State::dead) return;
  auto as = form();
  as.stream = true;
  as.keep_alive = as.keep_alive && !as.http_1_0;
  ends_ = ends_ || !as.keep_alive;
  queue(serialize(response, as));
  enter(State::streaming);
}

bool Connection::stream(std::string_view bytes) {
  if (state_ != State::streaming) return true;  // nobody is there to miss it
  if (waiting_bytes() != 0 && waiting_bytes() + bytes.size() > around_.limits.stream_bytes)
    return false;
  queue(head_.http_1_0 ? std::string(bytes) : chunk(bytes));
  want_what_is_due();
  return true;
}

void Connection::end_stream() {
  if (state_ != State::streaming) return;
  if (!head_.http_1_0) queue(std::string(last_chunk));
  finish_request();
}

/// Without the last chunk.
void Connection::break_stream() {
  if (state_ != State::streaming) return;
  ends_ = true;
  finish_request();
}

void Connection::write_some() {
  if (state_ == State::dead || state_ == State::handshake) return;
  const bool was_full = waiting_bytes() != 0;
  while (waiting_bytes() != 0) {
    const auto put = stream_.write(std::string_view(out_).substr(out_at_));
    if (put.io == Io::would_block) break;
    if (put.io != Io::done) return end();
    moved_at_ = now();
    out_at_ += put.bytes;
  }
  if (waiting_bytes() == 0) {
    out_.clear();
    out_at_ = 0;
    if (out_.capacity() > idle_bytes_max) std::string().swap(out_);
    if (ends_ && state_ == State::reading) return linger();
  } else if (out_at_ > answers_ahead_max) {
    out_.erase(0, std::exchange(out_at_, 0));
  }
  if (was_full && state_ == State::streaming && work_ != nullptr) work_->room();
}

/// All is written. The client gets the time to read it: closing at once, with bytes of the client
/// unread, would throw it away on its way.
void Connection::linger() {
  stream_.end_writing();
  if (client_ended_) return end();
  enter(State::lingering);
  in_.clear();
  read_some();
}

void Connection::drain() {
  draining_ = true;
  if (idle()) return end();
  if (state_ == State::streaming) {
    ends_ = true;
    end_stream();
  }
}

Time Connection::limit_of_state() const noexcept {
  const auto& limits = around_.limits;
  if (waiting_bytes() != 0) return moved_at_ + limits.write_time;
  switch (state_) {
    case State::handshake:
      return since_ + limits.head_time;
    case State::lingering:
      return since_ + linger_time;
    case State::reading:
      if (reader_ == nullptr && in_.empty()) return since_ + limits.idle_time;
      if (!head_judged_) return since_ + limits.head_time;
      return std::min(since_ + limits.body_time, moved_at_ + limits.gap_time);
    default:
      return never;
  }
}

void Connection::tick(Time at) {
  if (state_ == State::dead) return;
  if (work_ != nullptr) work_->tick(at);
  if (state_ == State::dead || at < limit_of_state()) return want_what_is_due();
  const bool late = state_ == State::reading && reader_ != nullptr && waiting_bytes() == 0;
  if (!late) return end();
  auto refusal = problem(408, "timeout", "the request did not come in time");
  refusal.close = true;
  around_.routes.note_refusal(head_judged_ ? head_ : RequestHead{}, peer_, 408, "too slow");
  answer(std::move(refusal));
}

}  // namespace shmbus::gateway
