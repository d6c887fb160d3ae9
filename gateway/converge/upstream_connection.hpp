// One connection to an older service, with at most one request under way.
#pragma once

#include <memory>
#include <string>

#include "common/descriptor.hpp"
#include "gateway/converge/upstream.hpp"

namespace shmbus::gateway::converge {

class UpstreamConnection final : public Watcher {
 public:
  explicit UpstreamConnection(Upstream& upstream) : upstream_(upstream) {}
  ~UpstreamConnection() override { close(); }
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  /// False when it cannot even be tried.
  bool connect(const UpstreamAddress& address);
  void take(const std::shared_ptr<UpstreamCall>& call);
  void ready(std::uint32_t events) override;
  void tick(Time at);
  /// Its request is not wanted any more, so that its answer must not be taken for another's.
  void abandon();
  [[nodiscard]] bool idle() const noexcept { return state_ == State::idle; }
  [[nodiscard]] bool dead() const noexcept { return state_ == State::dead; }

 private:
  enum class State : std::uint8_t { connecting, idle, busy, dead };

  void close();
  void go_on(std::uint32_t events);
  void write_some();
  void read_some();
  void answered();
  void broke(const char* why);
  void fail_with(UpstreamError error);
  void want(std::uint32_t events);

  Upstream& upstream_;
  program::Descriptor fd_;
  State state_ = State::dead;
  std::weak_ptr<UpstreamCall> call_;
  std::unique_ptr<AnswerReader> reader_;
  std::size_t written_ = 0;
  std::uint32_t wanted_ = 0;
  Time since_ = 0;
  bool used_ = false;  ///< for a request before
};

}  // namespace shmbus::gateway::converge
