#include "bridge/callers.hpp"

#include <algorithm>

namespace shmbus::bridge {
namespace {

constexpr CallerOptions caller_options{.wait = WaitMode::blocking,
                                       .when_vacant = WhenVacant::fail,
                                       .when_full = WhenFull::fail,
                                       .on_caller_exit = OnCallerExit::cancel};
constexpr std::string_view common_label = "bridge:callers";

}  // namespace

/// A caller of one name, with what it has under way.
class Callers::Lane final : public Watcher {
 public:
  Lane(Loop& loop, RawCaller caller, std::size_t& under_way)
      : loop_(loop), caller_(std::move(caller)), under_way_(under_way) {}
  ~Lane() override {
    under_way_ -= calls_.size();
    if (fd_ >= 0) loop_.forget(fd_, *this);
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  [[nodiscard]] RawCaller& caller() noexcept { return caller_; }
  [[nodiscard]] bool busy() const noexcept { return !calls_.empty(); }
  void add(Pending pending, const std::string& id, Answered answered) {
    calls_.push_back({std::move(pending), id, std::move(answered)});
    ++under_way_;
  }
  /// Without a descriptor answers are found on the tick. It costs a thread that wakes for each
  /// answer: only a lane whose answers take long gets one.
  void watch() {
    if (fd_ >= 0) return;
    const auto fd = caller_.fd();
    if (fd && loop_.watch(*fd, *this)) fd_ = *fd;
  }
  void ready(std::uint32_t /*events*/) override { look(); }
  void look() {
    (void)caller_.poll();
    std::list<Call> finished;
    for (auto at = calls_.begin(); at != calls_.end();) {
      const auto next = std::next(at);
      if (at->pending.ready()) finished.splice(finished.end(), calls_, at);
      at = next;
    }
    under_way_ -= finished.size();
    for (auto& call : finished) call.answered(call.pending.wait());
  }
  void cancel(const std::string& id) {
    for (auto& call : calls_) {
      if (call.id == id) call.pending.cancel();
    }
  }
  bool wait_first(Duration limit) {
    if (!calls_.front().pending.wait_ready(limit)) return false;
    look();
    return true;
  }

 private:
  struct Call {
    Pending pending;
    std::string id;
    Answered answered;
  };
  Loop& loop_;
  RawCaller caller_;
  std::size_t& under_way_;
  int fd_ = -1;
  std::list<Call> calls_;
};

Callers::Callers(Loop& loop, Where where) : loop_(loop), where_(std::move(where)) {}
Callers::~Callers() = default;

/// Labels beyond the limit share one identity: each takes a participant's slot of the bus.
Result<Callers::Identity*> Callers::identity_for(const std::string& label) {
  auto found = identities_.find(label);
  if (found != identities_.end()) return &found->second;
  const std::string common(common_label);
  if (label != common && identities_.size() >= where_.labels_max) return identity_for(common);
  auto bus = Bus::open(where_.bus, {.create = false, .trust = where_.trust, .label = label});
  if (!bus && label != common) return identity_for(common);
  if (!bus) return tl::unexpected<Error>(bus.error());
  auto& identity = identities_[label];
  identity.bus = std::move(*bus);
  return &identity;
}

Result<Callers::Lane*> Callers::lane_for(const BusCall& call) {
  const auto identity = identity_for(call.label.empty() ? std::string(common_label) : call.label);
  if (!identity) return tl::unexpected<Error>(identity.error());
  auto& lane = (*identity)->lanes[call.name];
  if (lane == nullptr) {
    auto caller = (*identity)->bus.caller(CommandName(std::string_view(call.name)), caller_options);
    if (!caller) return tl::unexpected<Error>(caller.error());
    lane = std::make_unique<Lane>(loop_, std::move(*caller), under_way_);
  }
  return lane.get();
}

Result<void> Callers::start(const BusCall& call, const std::string& id, Answered answered) {
  const auto lane = lane_for(call);
  if (!lane) return tl::unexpected<Error>(lane.error());
  const TraceScope trace(call.trace);
  const AttemptScope attempt(call.attempt);
  auto pending = (*lane)->caller().start(call.request, call.room, call.timeout);
  if (!pending) return tl::unexpected<Error>(pending.error());
  (*lane)->add(std::move(*pending), id, std::move(answered));
  return {};
}

Result<void> Callers::send(const BusCall& call) {
  const auto lane = lane_for(call);
  if (!lane) return tl::unexpected<Error>(lane.error());
  const TraceScope trace(call.trace);
  const auto sent = (*lane)->caller().send(call.request, Notify::now, call.timeout);
  if (!sent) return tl::unexpected<Error>(sent.error());
  return {};
}

void Callers::cancel(const std::string& id) {
  for (auto& [label, identity] : identities_) {
    for (auto& [name, lane] : identity.lanes) lane->cancel(id);
  }
}

void Callers::tick() {
  for (auto& [label, identity] : identities_) {
    for (auto& [name, lane] : identity.lanes) {
      if (lane->busy()) lane->look();
    }
  }
}

void Callers::wait_shortly(Duration limit) {
  if (under_way_ == 0) return;
  for (auto& [label, identity] : identities_) {
    for (auto& [name, lane] : identity.lanes) {
      if (!lane->busy()) continue;
      if (under_way_ > 1 || !lane->wait_first(limit)) lane->watch();
    }
  }
}

}  // namespace shmbus::bridge
