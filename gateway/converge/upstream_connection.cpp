#include "gateway/converge/upstream_connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "os/descriptor.hpp"

namespace shmbus::gateway::converge {
namespace {

constexpr std::size_t read_bytes = 65'536;
/// Services close connections that are idle for longer; a request must not meet that.
constexpr Time idle_max = 2 * second;

}  // namespace

bool UpstreamConnection::connect(const UpstreamAddress& address) {
  const int family = address.at.ss_family;
  fd_ = program::Descriptor{descriptor::socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0)};
  if (!fd_.valid()) return false;
  if (family != AF_UNIX) {
    const int yes = 1;
    (void)::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  const auto* to = reinterpret_cast<const sockaddr*>(&address.at);
  if (::connect(fd_.get(), to, address.bytes) != 0 && errno != EINPROGRESS) return false;
  wanted_ = EPOLLOUT;
  if (!upstream_.loop_.watch(fd_.get(), wanted_, *this)) return false;
  state_ = State::connecting;
  since_ = now();
  return true;
}

void UpstreamConnection::close() {
  if (state_ == State::dead) return;
  state_ = State::dead;
  upstream_.loop_.forget(fd_.get(), *this);
  fd_ = {};
}

void UpstreamConnection::want(std::uint32_t events) {
  if (events == wanted_ || state_ == State::dead) return;
  wanted_ = events;
  upstream_.loop_.change(fd_.get(), events, *this);
}

void UpstreamConnection::take(const std::shared_ptr<UpstreamCall>& call) {
  call_ = call;
  reader_ =
      std::make_unique<AnswerReader>(call->request_.head_only, upstream_.config_.answer_bytes);
  written_ = 0;
  if (state_ != State::idle) return;  // once it is connected
  state_ = State::busy;
  write_some();
}

void UpstreamConnection::ready(std::uint32_t events) {
  const auto upstream = upstream_.shared_from_this();
  go_on(events);
  upstream->assign();
}

void UpstreamConnection::go_on(std::uint32_t events) {
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t bytes = sizeof error;
    (void)::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &bytes);
    if (error != 0) {
      close();
      return fail_with({502, false, "the older service cannot be reached"});
    }
    if ((events & EPOLLOUT) == 0) return;
    state_ = call_.expired() ? State::idle : State::busy;
    since_ = now();
    want(EPOLLIN | EPOLLRDHUP);
  }
  if (state_ == State::idle)
    return (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 ? close() : void();
  if (state_ == State::busy) write_some();
  if (state_ == State::busy) read_some();
}

void UpstreamConnection::write_some() {
  const auto call = call_.lock();
  if (call == nullptr) return close();
  const auto& bytes = call->request_.bytes;
  while (written_ < bytes.size()) {
    const auto sent = ::send(fd_.get(), bytes.data() + written_, bytes.size() - written_,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) break;
    // It may have answered before it closed: reading says.
    if (sent < 0) return want(EPOLLIN | EPOLLRDHUP);
    written_ += static_cast<std::size_t>(sent);
  }
  want(written_ < bytes.size() ? EPOLLIN | EPOLLOUT | EPOLLRDHUP : EPOLLIN | EPOLLRDHUP);
}

void UpstreamConnection::read_some() {
  std::array<char, read_bytes> part;  // NOLINT: written before it is read
  for (;;) {
    const auto got = ::recv(fd_.get(), part.data(), part.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    const auto state =
        got > 0 ? reader_->feed({part.data(), static_cast<std::size_t>(got)}) : reader_->end();
    if (state == AnswerReader::State::done) return answered();
    if (got <= 0) return broke("the older service has ended the connection");
    if (state == AnswerReader::State::refused) {
      return broke("the answer of the older service cannot be read, or is too large");
    }
  }
}

void UpstreamConnection::answered() {
  const auto call = call_.lock();
  auto answer = std::move(reader_->answer());
  const bool whole = call != nullptr && written_ == call->request_.bytes.size();
  call_.reset();
  used_ = true;
  if (answer.keep_alive && whole) {
    state_ = State::idle;
    since_ = now();
  } else {
    close();
  }
  if (call != nullptr) call->end(std::move(answer));
}

/// A connection that was used before may have been closed just as the request left.
void UpstreamConnection::broke(const char* why) {
  const auto call = call_.lock();
  const bool stale = used_ && !reader_->begun();
  close();
  if (call != nullptr && stale && call->request_.repeatable && !std::exchange(call->again_, true)) {
    call_.reset();
    upstream_.waiting_.push_front(call);
    return;
  }
  fail_with({502, true, why});
}

void UpstreamConnection::fail_with(UpstreamError error) {
  const auto call = call_.lock();
  call_.reset();
  if (call != nullptr) call->end(error);
}

void UpstreamConnection::tick(Time at) {
  if (state_ == State::idle && at - since_ >= idle_max) return close();
  const auto call = call_.lock();
  if (call == nullptr || at < call->until_) return;
  const bool sent = state_ == State::busy;
  close();
  fail_with({504, sent, "the older service did not answer in time"});
}

void UpstreamConnection::abandon() { close(); }

}  // namespace shmbus::gateway::converge
