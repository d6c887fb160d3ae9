// One connection of a client: reads requests, hands them to the routes one after the other, writes
// the answers in the same order, and keeps the time limits.
//
//   handshake ─► reading ─► working ─► reading ...          a request at a time
//                   │          └─► streaming ─► ended        events
//                   └─► lingering ─► dead                    after what could not be read on
//
// While a request is worked on, what the client sends is read ahead up to a limit, so that its end
// is noticed: a client that closes its side takes its request back.
#pragma once

#include <memory>
#include <string>

#include "gateway/config.hpp"
#include "gateway/exchange.hpp"
#include "gateway/http_reader.hpp"
#include "gateway/routes.hpp"
#include "gateway/stream.hpp"

namespace shmbus::gateway {

class Connection final : public Watcher, public Exchange {
 public:
  struct Around {
    EventLoop& loop;
    Routes& routes;
    const Limits& limits;  ///< of the present configuration
  };
  Connection(const Around& around, Stream stream, Peer peer);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// False: no memory for it.
  bool begin(std::shared_ptr<const TlsCredentials> tls);
  void ready(std::uint32_t events) override;
  void tick(Time at);
  /// No further request is taken: the connection ends behind the answer under way.
  void drain();
  [[nodiscard]] bool dead() const noexcept { return state_ == State::dead; }
  /// Nothing is under way, and since when.
  [[nodiscard]] bool idle() const noexcept;
  [[nodiscard]] Time since() const noexcept { return since_; }
  void end() noexcept;

  void answer(Response response) override;
  void begin_stream(Response response) override;
  bool stream(std::string_view bytes) override;
  void end_stream() override;
  void break_stream() override;

 private:
  enum class State : std::uint8_t { handshake, reading, working, streaming, lingering, dead };

  void go_on(std::uint32_t events);
  void shake_hands();
  void pump();
  void read_some();
  void progress();
  bool read_request();
  void judge_head();
  void take_request();
  void refuse_unreadable();
  void client_ended();
  void write_some();
  void linger();
  void queue(std::string bytes);
  void finish_request();
  void want(std::uint32_t events);
  void want_what_is_due();
  void enter(State state) noexcept;
  [[nodiscard]] Time limit_of_state() const noexcept;
  [[nodiscard]] ResponseForm form() const;
  [[nodiscard]] std::size_t waiting_bytes() const noexcept { return out_.size() - out_at_; }

  Around around_;
  Stream stream_;
  Peer peer_;
  State state_ = State::reading;
  Time since_;     ///< when the present state began
  Time moved_at_;  ///< when bytes came or went last
  std::string in_;
  std::string out_;
  std::size_t out_at_ = 0;
  std::unique_ptr<HttpReader> reader_;  ///< of the request that is being read
  RequestHead head_;                    ///< of the request that is worked on
  std::optional<Job> job_;
  std::unique_ptr<Work> work_;
  std::uint32_t wanted_ = 0;
  bool watched_ = false;
  bool head_judged_ = false;
  bool ends_ = false;  ///< behind what is in out_
  bool draining_ = false;
  bool busy_ = false;  ///< progress() is running
  bool client_ended_ = false;
};

}  // namespace shmbus::gateway
