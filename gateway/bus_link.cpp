#include "gateway/bus_link.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "gateway/stream_call.hpp"

namespace shmbus::gateway {
namespace {

/// A bus that could not be opened is not tried again sooner.
constexpr Time open_pause = 100 * millisecond;

constexpr CallerOptions caller_options{.wait = WaitMode::blocking,
                                       .when_vacant = WhenVacant::fail,
                                       .when_full = WhenFull::fail,
                                       .on_caller_exit = OnCallerExit::cancel};

struct FileId {
  dev_t device = 0;
  ino_t number = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

FileId file_at(std::string_view path) {
  struct stat status {};
  if (::stat(std::string(path).c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

bool same_types(const RegisteredTypes& a, const RegisteredTypes& b) noexcept {
  return a.hash == b.hash && a.request_bytes == b.request_bytes && a.reply_bytes == b.reply_bytes;
}

std::shared_ptr<const KnownName> registered_name(std::string_view name,
                                                 const RegisteredTypes& types) {
  auto known = std::make_shared<KnownName>(known_name(name, types.text.view()));
  known->registered = types;
  return known;
}

}  // namespace

KnownName known_name(std::string_view name, std::string_view types) {
  KnownName known;
  known.name = name;
  if (auto sides = codec::CommandTypes::parse(types); !types.empty() && sides) {
    known.typed = true;
    known.request_stream = sides->request_stream;
    known.reply_stream = sides->reply_stream;
    known.request = std::move(sides->request);
    known.reply = std::move(sides->reply);
  }
  return known;
}

namespace {

class OneReply final : public PendingCall {
 public:
  OneReply(Pending pending, Answered answered)
      : pending_(std::move(pending)), answered_(std::move(answered)) {}
  OneReply(const OneReply&) = delete;
  OneReply& operator=(const OneReply&) = delete;
  ~OneReply() override {
    if (answered_) pending_.cancel();
  }
  bool look() override {
    if (!pending_.ready()) return false;
    const Answered answered = std::exchange(answered_, {});
    answered(pending_.wait());
    return true;
  }

 private:
  Pending pending_;
  Answered answered_;
};

/// A caller of one name, with what it has under way.
class Lane final : public Watcher {
 public:
  Lane(EventLoop& loop, std::shared_ptr<const KnownName> name, RawCaller caller)
      : loop_(loop), name_(std::move(name)), caller_(std::move(caller)) {}
  ~Lane() override {
    if (fd_ >= 0) loop_.forget(fd_, *this);
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  [[nodiscard]] const KnownName& name() const noexcept { return *name_; }
  [[nodiscard]] RawCaller& caller() noexcept { return caller_; }
  [[nodiscard]] bool busy() const noexcept { return !calls_.empty(); }

  void add(const std::shared_ptr<PendingCall>& call) {
    calls_.push_back(call);
    if (fd_ >= 0) return;
    // Without a descriptor answers are found on the tick.
    const auto fd = caller_.fd();
    if (fd && loop_.watch(*fd, EPOLLIN, *this)) fd_ = *fd;
  }
  void ready(std::uint32_t /*events*/) override { look(); }
  /// What one call does when it goes on may start others, or end them.
  void look() {
    (void)caller_.poll();
    const auto calls = std::exchange(calls_, {});
    std::vector<std::weak_ptr<PendingCall>> left;
    for (const auto& weak : calls) {
      const auto call = weak.lock();  // null: cancelled
      if (call != nullptr && !call->look()) left.push_back(weak);
    }
    calls_.insert(calls_.end(), left.begin(), left.end());
  }

 private:
  EventLoop& loop_;
  std::shared_ptr<const KnownName> name_;
  RawCaller caller_;
  int fd_ = -1;
  std::vector<std::weak_ptr<PendingCall>> calls_;
};

}  // namespace

struct BusLink::State {
  State(EventLoop& the_loop, Where the_where) : loop(the_loop), where(std::move(the_where)) {}

  EventLoop& loop;
  Where where;
  Bus bus;
  FileId file;
  Time tried_at = 0;
  Error why_closed;
  std::unordered_map<std::string, std::shared_ptr<const KnownName>> names;
  // By name; those that know its types first.
  std::unordered_map<std::string, std::unique_ptr<Lane>> typed;
  std::unordered_map<std::string, std::unique_ptr<Lane>> plain;
  /// Lanes whose name has other types by now, until their calls have ended.
  std::vector<std::unique_ptr<Lane>> former;

  Result<Lane*> lane_of(const CallRequest& request);
  template <class F>
  void each_lane(F&& f) const {
    for (const auto* lanes : {&typed, &plain}) {
      for (const auto& [name, lane] : *lanes) f(*lane);
    }
    for (const auto& lane : former) f(*lane);
  }
  void close() {
    typed.clear();
    plain.clear();
    former.clear();
    names.clear();
    bus = {};
  }
};

BusLink::BusLink(EventLoop& loop, Where where)
    : state_(std::make_unique<State>(loop, std::move(where))) {}
BusLink::BusLink(BusLink&&) noexcept = default;
BusLink::~BusLink() = default;

Result<Bus*> BusLink::bus() {
  State& s = *state_;
  if (s.bus.valid()) return &s.bus;
  const Time at = now();
  if (s.tried_at == 0 || at - s.tried_at >= open_pause) {
    s.tried_at = at;
    auto opened =
        Bus::open(s.where.bus, {.create = false, .trust = s.where.trust, .label = s.where.label});
    if (opened) {
      s.bus = std::move(*opened);
      s.file = file_at(s.bus.path());
      return &s.bus;
    }
    s.why_closed = opened.error();
  }
  return tl::unexpected<Error>(s.why_closed);
}

Result<std::shared_ptr<const KnownName>> BusLink::look_up(std::string_view name) {
  const auto opened = bus();
  if (!opened) return tl::unexpected<Error>(opened.error());
  const auto types = (*opened)->registered_types(CommandName(name));
  if (!types) return tl::unexpected<Error>(types.error());
  auto& known = state_->names[std::string(name)];
  if (known == nullptr || !same_types(known->registered, *types))
    known = registered_name(name, *types);
  return known;
}

/// Made with the types, a caller is refused by a handler that was registered with others.
Result<Lane*> BusLink::State::lane_of(const CallRequest& request) {
  auto& lanes = request.by_type ? typed : plain;
  auto& lane = lanes[request.name->name];
  if (lane != nullptr && same_types(lane->name().registered, request.name->registered)) {
    return lane.get();
  }
  const auto& types = request.name->registered;
  const Schema schema{types.text.view(), types.hash, types.request_bytes, types.reply_bytes};
  auto caller = bus.caller(CommandName(std::string_view(request.name->name)), caller_options,
                           request.by_type ? schema : Schema{});
  if (!caller) return tl::unexpected<Error>(caller.error());
  if (lane != nullptr && lane->busy()) former.push_back(std::move(lane));
  lane = std::make_unique<Lane>(loop, request.name, std::move(*caller));
  return lane.get();
}

Result<std::shared_ptr<PendingCall>> BusLink::start(const CallRequest& request, Answered answered) {
  const auto lane = state_->lane_of(request);
  if (!lane) return tl::unexpected<Error>(lane.error());
  const TraceScope trace(request.trace);
  auto pending = (*lane)->caller().start(request.bytes, request.reply_capacity, request.timeout);
  if (!pending) return tl::unexpected<Error>(pending.error());
  std::shared_ptr<PendingCall> call =
      std::make_shared<OneReply>(std::move(*pending), std::move(answered));
  (*lane)->add(call);
  return call;
}

Result<std::shared_ptr<StreamCall>> BusLink::open(const CallRequest& request, std::size_t window,
                                                  RecordSink& sink) {
  const auto lane = state_->lane_of(request);
  if (!lane) return tl::unexpected<Error>(lane.error());
  const TraceScope trace(request.trace);
  const auto& name = *request.name;
  const auto records = !name.reply_stream     ? Records::to_handler
                       : !name.request_stream ? Records::from_handler
                                              : Records::both;
  auto stream = (*lane)->caller().open(
      request.bytes, {.window = window, .timeout = request.timeout, .gap = Duration::zero()},
      records, request.reply_capacity);
  if (!stream) return tl::unexpected<Error>(stream.error());
  auto call = std::make_shared<StreamCall>(state_->loop, std::move(*stream), records, sink);
  (*lane)->add(call);
  return call;
}

Result<void> BusLink::send(const CallRequest& request) {
  const auto lane = state_->lane_of(request);
  if (!lane) return tl::unexpected<Error>(lane.error());
  const TraceScope trace(request.trace);
  const auto sent = (*lane)->caller().send(request.bytes, Notify::now, request.timeout);
  if (!sent) return tl::unexpected<Error>(sent.error());
  return {};
}

void BusLink::tick() {
  State& s = *state_;
  std::vector<Lane*> lanes;  // an answer may make another lane
  s.each_lane([&](Lane& lane) {
    if (lane.busy()) lanes.push_back(&lane);
  });
  for (Lane* lane : lanes) lane->look();
  std::erase_if(s.former, [](const auto& lane) { return !lane->busy(); });
}

bool BusLink::busy() const noexcept {
  bool any = false;
  state_->each_lane([&](const Lane& lane) { any = any || lane.busy(); });
  return any;
}

void BusLink::check_bus() {
  State& s = *state_;
  if (!s.bus.valid() || busy()) return;
  if (file_at(s.bus.path()) != s.file) s.close();
}

bool BusLink::leads_to(std::string_view bus, std::int64_t trust) const noexcept {
  return state_->where.bus == bus && state_->where.trust == trust;
}

}  // namespace shmbus::gateway
