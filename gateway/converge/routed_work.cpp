// A request of a route under way: sent to one side, passed to the other when that fails before it
// has seen it, or sent to both and compared.
#include <utility>

#include "codec/values.hpp"
#include "gateway/call_shape.hpp"
#include "gateway/converge/route_request.hpp"
#include "gateway/converge/route_table.hpp"
#include "gateway/routes.hpp"

namespace shmbus::gateway {
namespace converge {
namespace {

constexpr int first_failing_status = 500;

/// The side did what it could: the request was at fault, or the command itself said no.
bool side_is_well(const Error& error) noexcept {
  switch (error.kind) {
    case ErrorKind::rejected:
    case ErrorKind::invalid_argument:
    case ErrorKind::too_large:
    case ErrorKind::not_permitted:
      return true;
    default:
      return false;
  }
}

class RoutedWork final : public Work {
 public:
  RoutedWork(Job job, std::string body, const Limits& limits, UnderWay& under_way, Exchange& to)
      : job_(std::move(job)),
        body_(std::move(body)),
        limits_(limits),
        under_way_(under_way),
        to_(to) {
    ++under_way_.calls;
  }
  ~RoutedWork() override {
    --under_way_.calls;
    if (bus_taken_) route().breaker(Side::bus).gave_up(now());
  }
  RoutedWork(const RoutedWork&) = delete;
  RoutedWork& operator=(const RoutedWork&) = delete;

  void begin(RouteTable& table) {
    const auto side = route().choose(job_.head);
    if (route().config.to == To::shadow) begin_shadow(table);
    go(side, false);
  }

 private:
  [[nodiscard]] const Route& route() const noexcept { return *job_.route; }
  [[nodiscard]] SideCounts& counts(Side side) const { return route().counts->of(side); }
  static Side other(Side side) noexcept { return side == Side::bus ? Side::upstream : Side::bus; }
  [[nodiscard]] bool may_pass() const noexcept {
    return route().config.fallback && route().upstream != nullptr && !passed_;
  }

  /// Whether doing it twice is as good as once, by its method.
  [[nodiscard]] bool repeatable() const noexcept {
    return job_.head.method == "GET" || job_.head.method == "HEAD" || job_.head.method == "PUT" ||
           job_.head.method == "DELETE";
  }

  void go(Side side, bool from_other) {
    passed_ = from_other;
    began_ = now();
    if (!route().take(side, began_)) {
      if (may_pass()) return pass(side);
      const auto wait = route().breaker(side).wait(began_) / second + 1;
      ++counts(side).passed;
      to_.answer(problem(503, "breaker", "this side of the route does not answer at the moment")
                     .add("Retry-After", std::to_string(wait)));
      return;
    }
    if (side == Side::bus) {
      go_to_bus();
    } else {
      go_to_upstream();
    }
  }
  void pass(Side from) {
    ++counts(from).passed;
    go(other(from), true);
  }

  void go_to_upstream() {
    auto& upstream = *route().upstream;
    const UpstreamHop hop{upstream.host(), shadow_ != nullptr};
    upstream_ = upstream.start(upstream_request(job_.head, job_.peer, hop, body_),
                               [this](UpstreamResult result) { upstream_answered(result); });
  }
  void upstream_answered(UpstreamResult& result) {
    const auto* error = std::get_if<UpstreamError>(&result);
    const auto* answer = std::get_if<UpstreamAnswer>(&result);
    counts(Side::upstream)
        .note(now() - began_, answer != nullptr && answer->status < first_failing_status);
    const bool harmless = error != nullptr && (!error->sent || repeatable());
    if (harmless && may_pass()) return pass(Side::upstream);
    if (shadow_ != nullptr) {
      const bool good = answer != nullptr && answer->status / 100 == 2;
      shadow_->older = good ? answer->body.empty() ? "null" : answer->body : std::string();
      shadow_->compare();
    }
    if (error != nullptr) return to_.answer(problem(error->status, "upstream", error->why));
    to_.answer(upstream_response(std::move(std::get<UpstreamAnswer>(result))));
  }

  void go_to_bus() {
    bus_taken_ = true;
    const auto failed =
        start_on_bus(call_, [this](const KnownName& known, const Result<ReplyView>& reply) {
          bus_answered(known, reply);
        });
    if (failed) bus_failed(*failed);
  }
  /// What kept it from being sent.
  template <class F>
  std::optional<Error> start_on_bus(std::shared_ptr<PendingCall>& call, F answered) {
    auto& link = job_.slot.principal().link();
    const auto known = link.look_up(job_.name);
    if (!known) return not_sent(known.error());
    const auto& name = **known;
    if (!name.typed || name.streams()) {
      return not_sent(Error{ErrorKind::invalid_argument, 0, 0,
                            "a route leads to a command with types and without streams"});
    }
    const auto json = request_json(name.request, job_.parameters, body_);
    std::vector<std::byte> message;
    if (const auto encoded = codec::encode(name.request, json, message); !encoded) {
      return not_sent(encoded.error());
    }
    auto started = link.start(
        {*known, true, message, reply_capacity(name, limits_), job_.timeout, job_.trace},
        [known = *known, answered](const Result<ReplyView>& reply) { answered(*known, reply); });
    if (!started) return not_sent(started.error());
    call = std::move(*started);
    return std::nullopt;
  }
  void bus_answered(const KnownName& known, const Result<ReplyView>& reply) {
    if (!reply) return bus_failed(reply.error());
    note_bus(true);
    to_.answer(reply_answer(known, false, reply));
  }
  void bus_failed(const Error& error) {
    const bool well = side_is_well(error);
    note_bus(well);
    const bool harmless = !may_have_started(error) || repeatable();
    if (!well && harmless && may_pass()) return pass(Side::bus);
    to_.answer(problem(error));
  }
  void note_bus(bool good) {
    bus_taken_ = false;
    counts(Side::bus).note(now() - began_, good);
    auto& breaker = route().breaker(Side::bus);
    if (good) {
      breaker.succeeded(now());
    } else {
      breaker.failed(now());
    }
  }

  /// The same request to the bus, whose answer is only compared.
  void begin_shadow(RouteTable& table) {
    const auto at = now();
    if (!route().take(Side::bus, at)) return;
    auto shadow = std::make_shared<Shadow>(job_.route);
    const auto failed = start_on_bus(
        shadow->call,
        [one = shadow.get(), at](const KnownName& known, const Result<ReplyView>& reply) {
          std::string text;
          bool well = reply.has_value();
          if (!reply) well = side_is_well(reply.error());
          if (reply && !codec::decode(known.reply, reply->bytes(), text)) well = false;
          one->bus_answered(now() - at, well, std::move(text));
        });
    if (failed) shadow->bus_answered(now() - at, side_is_well(*failed), "");
    shadow_ = shadow;
    table.watch(std::move(shadow));
  }

  Job job_;
  std::string body_;
  const Limits& limits_;
  UnderWay& under_way_;
  Exchange& to_;
  std::shared_ptr<PendingCall> call_;
  std::shared_ptr<UpstreamCall> upstream_;
  std::shared_ptr<Shadow> shadow_;
  Time began_ = 0;
  bool passed_ = false;
  bool bus_taken_ = false;
};

}  // namespace
}  // namespace converge

std::unique_ptr<Work> Routes::run_routed(Job job, std::string body, Exchange& to) {
  if (under_way_.calls >= limits_.calls) {
    to.answer(problem(429, "calls", "too many calls are under way").add("Retry-After", "1"));
    return nullptr;
  }
  auto work = std::make_unique<converge::RoutedWork>(std::move(job), std::move(body), limits_,
                                                     under_way_, to);
  work->begin(*table_);
  return work;
}

}  // namespace shmbus::gateway
