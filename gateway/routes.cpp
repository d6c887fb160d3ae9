#include "gateway/routes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/escape.hpp"
#include "common/units.hpp"
#include "gateway/converge/route_request.hpp"
#include "gateway/mcp/http.hpp"
#include "gateway/origin.hpp"
#include "gateway/page_files.hpp"
#include "gateway/target.hpp"
#include "shmbus/name.hpp"

namespace shmbus::gateway {
namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view bytes_type = "application/octet-stream";

/// "Application/JSON; charset=utf-8" -> "application/json"
std::string media_type(std::string_view field) {
  auto out = lowered(field.substr(0, field.find(';')));
  while (!out.empty() && (out.back() == ' ' || out.back() == '\t')) out.pop_back();
  return out;
}

bool is_json(const std::string& type) { return type == json_type || type.ends_with("+json"); }

/// "Request-Timeout: 500ms" or "...: 2.5" (seconds), "Prefer: wait=5". Nothing: none was given.
struct GivenTimeout {
  std::optional<Duration> limit;
  bool sound = true;
};
GivenTimeout timeout_of(const RequestHead& head) {
  const auto seconds = [](std::string_view text) -> std::optional<Duration> {
    const auto value = parse_decimal(text);
    constexpr double most = 1e6;
    if (!value || *value > most) return std::nullopt;
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*value));
  };
  if (const auto field = head.field("request-timeout")) {
    auto limit = seconds(*field);
    if (!limit) limit = parse_duration(*field);
    return {limit, limit.has_value() && *limit > Duration::zero()};
  }
  constexpr std::string_view wait = "wait=";
  const auto prefer = head.field("prefer").value_or("");
  if (!prefer.starts_with(wait)) return {};
  const auto limit = seconds(prefer.substr(wait.size(), prefer.find_first_of(",;") - wait.size()));
  return {limit, true};  // a preference that makes no sense is ignored
}

bool wants_bytes(const RequestHead& head, bool sent_bytes) {
  const auto accept = head.field("accept");
  if (!accept || accept->find("*/*") != std::string_view::npos) return sent_bytes;
  const bool json = accept->find("json") != std::string_view::npos;
  return !json && accept->find(bytes_type) != std::string_view::npos;
}

std::string_view words_for(Job::Kind kind) noexcept {
  switch (kind) {
    case Job::Kind::call:
      return "call";
    case Job::Kind::send:
      return "send to";
    case Job::Kind::listen:
      return "listen to";
    default:
      return "describe";
  }
}

Action action_of(Job::Kind kind) noexcept {
  return kind == Job::Kind::call   ? Action::call
         : kind == Job::Kind::send ? Action::send
                                   : Action::listen;
}

Response allowing(std::string_view methods, int status) {
  Response out =
      status == 204 ? Response{} : problem(status, "method", "this takes another method");
  out.status = status;
  out.add("Allow", methods);
  return out;
}

/// Paths of the gateway itself. They go before the route table.
struct OwnTarget {
  std::string_view path;  ///< of one target, or of all that begin with it and have a name
  bool named;
  Job::Kind kind;
  std::string_view methods;
};
constexpr std::string_view reading = "GET, HEAD, OPTIONS";
constexpr OwnTarget own_targets[] = {
    {"/call", true, Job::Kind::call, "POST, OPTIONS"},
    {"/send", true, Job::Kind::send, "POST, OPTIONS"},
    {"/events", true, Job::Kind::listen, reading},
    {"/api", true, Job::Kind::look, reading},
    {"/openapi.json", false, Job::Kind::describe, reading},
    {"/health", false, Job::Kind::describe, reading},
    {"/metrics", false, Job::Kind::metrics, reading},
    {"/mcp", false, Job::Kind::mcp, mcp::HttpEndpoint::methods},
};

const OwnTarget* own_target(const Target& target) {
  for (const auto& one : own_targets) {
    if ((one.named ? target.prefix : target.path) == one.path) return &one;
  }
  return nullptr;
}

}  // namespace

struct Routes::Asked {
  const RequestHead& head;
  const Peer& peer;
  Target target;
  Job::Kind kind = Job::Kind::call;
  std::string name;
  std::string_view methods;  ///< that the target takes
  converge::RouteTable::Found found;
  std::shared_ptr<Principal> principal;
};

Routes::Routes(EventLoop& loop, const program::Log& log)
    : loop_(loop),
      log_(log),
      mcp_(std::make_unique<mcp::HttpEndpoint>(mcp::Around{config_, under_way_, log})),
      table_(std::make_unique<converge::RouteTable>(loop)) {}
Routes::~Routes() = default;

void Routes::configure(const Config& config) {
  if (watch_ == nullptr || config_.bus != config.bus) {
    watch_ = std::make_shared<BusWatch>(config.bus);
  }
  config_ = config;
  limits_ = config.limits;
  principals_.update(config, loop_);
  table_->configure(config.routes);
  if (hub_ == nullptr || !hub_->leads_to(config.bus, config.trust)) {
    // Streams of the former bus keep their topics until they end.
    hub_ = std::make_unique<EventHub>(loop_,
                                      BusLink::Where{config.bus, config.trust, "gateway events"});
  }
}

void Routes::tick() {
  principals_.tick();
  table_->tick(now());
}

void Routes::check() {
  principals_.check();
  hub_->check();
  mcp_->check();
  table_->tick(now());
}

void Routes::note_refusal(const RequestHead& head, const Peer& peer, int status,
                          std::string_view why) {
  constexpr std::size_t shown_max = 200;
  log_.write(program::Level::warning, "request refused",
             {{"peer", peer.address},
              {"status", status},
              {"method", std::string_view(head.method).substr(0, shown_max)},
              {"target", std::string_view(head.target).substr(0, shown_max)},
              {"why", why}});
}

Response Routes::refuse(const Asked& asked, Response response) {
  constexpr std::size_t shown_max = 200;
  log_.write(program::Level::warning, "request refused",
             {{"peer", asked.peer.address},
              {"principal",
               asked.principal == nullptr ? std::string_view("-") : asked.principal->config().name},
              {"status", response.status},
              {"method", std::string_view(asked.head.method).substr(0, shown_max)},
              {"target", std::string_view(asked.head.target).substr(0, shown_max)},
              {"name", std::string_view(asked.name).substr(0, shown_max)}});
  return response;
}

Response Routes::health() {
  const auto& all = principals_.all();
  const auto bus = all.empty() ? Result<Bus*>(nullptr) : all.front()->link().bus();
  return bus ? json_response(200, "{\"status\":\"ok\"}\n") : problem(bus.error());
}

std::variant<Response, Job> Routes::judge(const RequestHead& head, const Peer& peer) {
  Asked asked{head, peer, {}, Job::Kind::call, {}, {}, {}, nullptr};
  auto target = parse_target(head.target == "*" ? "/" : std::string_view(head.target));
  if (!target) {
    return refuse(asked, problem(400, "target", "the target of the request is no path"));
  }
  asked.target = std::move(*target);
  const auto& t = asked.target;
  const auto command = head.field("x-command");
  if (const auto* own = own_target(t)) {
    asked.kind = own->kind;
    asked.name = t.name;
    asked.methods = own->methods;
  } else if (!command && (asked.found = table_->find(head.method, t.path), asked.found.known())) {
    asked.methods = asked.found.methods;
    if (asked.found.route != nullptr) asked.name = asked.found.route->config.command;
  } else if (const auto* file = command ? nullptr : page_file(t.path);
             file != nullptr && (head.method == "GET" || head.method == "HEAD")) {
    return page_response(*file, head);
  } else if (command || t.path == "/") {
    asked.name = command.value_or("");
    asked.methods = "POST, OPTIONS";
  } else {
    return refuse(asked, problem(404, "target", "there is nothing at this path"));
  }
  return judge_asked(asked);
}

std::variant<Response, Job> Routes::judge_asked(Asked& asked) {
  const auto& head = asked.head;
  if (head.method == "OPTIONS" && asked.found.route == nullptr) {
    return allowing(asked.methods, 204);
  }
  const bool reads = head.method == "GET" || head.method == "HEAD";
  const bool ends = asked.kind == Job::Kind::mcp && head.method == "DELETE";
  const bool routed = asked.found.route != nullptr;
  if (asked.found.known()                ? !routed
      : asked.methods.starts_with("GET") ? !reads
                                         : head.method != "POST" && !ends) {
    return refuse(asked, allowing(asked.methods, 405));
  }
  if (const auto expect = head.field("expect"); expect && !head.expects_continue) {
    return refuse(asked, problem(417, "expect", "100-continue is all that can be expected here"));
  }
  if (asked.target.path == "/health") return health();
  if (is_from_another_site(head)) {
    return refuse(asked, problem(403, "origin", "pages of other sites may not use this"));
  }
  if (is_for_another_host(head, asked.peer, config_)) {
    return refuse(asked, problem(421, "host", "this gateway has no such name: see `hosts`"));
  }
  if (auto refusal = admit(asked)) return refuse(asked, std::move(*refusal));
  auto slot = Slot::take(asked.principal);
  if (!slot) {
    auto refusal = problem(429, "concurrency", "too many requests of this client are under way");
    return refuse(asked, std::move(refusal.add("Retry-After", "1")));
  }
  Job job(asked.kind, std::move(*slot), asked.name);
  if (asked.kind == Job::Kind::describe || asked.kind == Job::Kind::metrics) return job;
  if (asked.kind == Job::Kind::mcp) return judge_mcp(asked, std::move(job));
  if (asked.kind == Job::Kind::look) {
    if (auto refusal = refuse_view(*asked.principal, asked.name)) {
      return refuse(asked, std::move(*refusal));
    }
    if (head.method == "GET") return job;
    const bool live = asked.name.starts_with("live");
    return Response{}.add("Content-Type", live ? "text/event-stream" : "application/json");
  }
  if (auto refusal = refuse_name(asked)) return refuse(asked, std::move(*refusal));
  if (routed) return judge_route(asked, std::move(job));
  if (asked.kind == Job::Kind::listen) {
    if (const auto last = head.field("last-event-id")) job.last = Positions::parse(*last);
    if (head.method == "GET") return job;
    return Response{}.add("Content-Type", "text/event-stream");
  }
  return judge_command(asked, std::move(job));
}

std::variant<Response, Job> Routes::judge_command(Asked& asked, Job job) {
  const auto& head = asked.head;
  const auto known = asked.principal->link().look_up(asked.name);
  if (!known) {
    const bool unknown = known.error().kind == ErrorKind::not_registered;
    return problem(known.error(), During::request, unknown ? 404 : 0);
  }
  job.known = *known;
  const auto type = head.field("content-type");
  const auto media = media_type(type.value_or(json_type));
  const auto timeout = timeout_of(head);
  if (!timeout.sound) {
    return refuse(
        asked, problem(400, "timeout", "Request-Timeout takes seconds, or a duration like 500ms"));
  }
  job.timeout = std::min(timeout.limit.value_or(limits_.call_time), limits_.call_time_max);
  const auto trace = TraceContext::parse(head.field("traceparent").value_or(""));
  if (trace) job.trace = *trace;
  if (job.known->streams()) {
    if (auto refusal = judge_records(head, media, job)) return refuse(asked, std::move(*refusal));
    // What the handler sends may go on for ever.
    if (job.known->reply_stream) job.timeout = timeout.limit.value_or(forever);
    if (job.known->request_stream) return job;
  }
  job.bytes_in = media == bytes_type;
  job.bytes_out = !job.known->streams() && wants_bytes(head, job.bytes_in);
  if (!job.bytes_in && !is_json(media)) {
    return refuse(asked, problem(415, "media-type",
                                 "a body is application/json or application/octet-stream"));
  }
  if ((!job.bytes_in || !job.bytes_out) && !job.known->typed) {
    return problem(415, "types-unknown",
                   "the types of this name are not known: send application/octet-stream, and "
                   "accept it");
  }
  return job;
}

std::variant<Response, Job> Routes::judge_mcp(Asked& asked, Job job) {
  job.session = asked.head.field("mcp-session-id").value_or("");
  if (asked.head.method == "DELETE") return mcp_->end(*asked.principal, job.session);
  if (auto refusal = mcp::HttpEndpoint::refuse(asked.head)) {
    return refuse(asked, std::move(*refusal));
  }
  return job;
}

std::variant<Response, Job> Routes::judge_route(Asked& asked, Job job) {
  if (has_dot_segment(asked.target.path)) {
    return refuse(asked, problem(400, "target", "'.' and '..' are no parts of a path here"));
  }
  const auto timeout = timeout_of(asked.head);
  if (!timeout.sound) {
    return refuse(
        asked, problem(400, "timeout", "Request-Timeout takes seconds, or a duration like 500ms"));
  }
  job.timeout = std::min(timeout.limit.value_or(limits_.call_time), limits_.call_time_max);
  const auto trace = TraceContext::parse(asked.head.field("traceparent").value_or(""));
  if (trace) job.trace = *trace;
  job.route = asked.found.route;
  job.parameters = std::move(asked.found.parameters);
  for (auto& one : converge::query_parameters(asked.target.query)) {
    job.parameters.push_back(std::move(one));
  }
  job.head = asked.head;
  job.head.target = asked.target.sent;
  job.peer = asked.peer;
  return job;
}

/// Finds out whose request it is, and whether there is room for it in their rate.
std::optional<Response> Routes::admit(Asked& asked) {
  if (asked.head.count("authorization") > 1) {
    return problem(400, "credentials", "more than one Authorization");
  }
  asked.principal = principals_.find({asked.head.field("authorization"), asked.peer});
  if (asked.principal == nullptr) {
    auto refusal = problem(401, "credentials", "no known credentials were shown");
    return std::move(refusal.add("WWW-Authenticate", "Bearer"));
  }
  if (!asked.principal->take(now())) {
    const auto wait = asked.principal->wait_for_one() / second + 1;
    auto refusal = problem(429, "rate", "more requests than this client may make");
    return std::move(refusal.add("Retry-After", std::to_string(wait)));
  }
  const bool describes = asked.kind == Job::Kind::describe || asked.kind == Job::Kind::look ||
                         asked.kind == Job::Kind::metrics;
  if (describes && !asked.principal->config().describe) {
    return problem(403, "permission", "this client may not read descriptions");
  }
  return std::nullopt;
}

std::optional<Response> Routes::refuse_name(Asked& asked) {
  if (asked.head.count("x-command") > 1) return problem(400, "name", "more than one X-Command");
  if (const auto why = why_no_name(asked.name); !why.empty()) return problem(400, "name", why);
  if (asked.principal->may(action_of(asked.kind), asked.name)) return std::nullopt;
  return problem(403, "permission",
                 fmt::format("'{}' may not {} '{}'", asked.principal->config().name,
                             words_for(asked.kind), asked.name));
}

std::unique_ptr<Work> Routes::run(Job job, std::string body, Exchange& to) {
  switch (job.kind) {
    case Job::Kind::listen:
      return run_listen(std::move(job), to);
    case Job::Kind::describe:
      to.answer(describe(job.slot.principal()));
      return nullptr;
    case Job::Kind::look:
      return run_look(std::move(job), to);
    case Job::Kind::mcp:
      return mcp_->post(std::move(job.slot), job.session, body, to);
    case Job::Kind::metrics: {
      Response text;
      text.add("Content-Type", "text/plain; version=0.0.4").add("Cache-Control", "no-store");
      text.body = table_->metrics();
      to.answer(std::move(text));
      return nullptr;
    }
    default:
      if (job.route != nullptr) return run_routed(std::move(job), std::move(body), to);
      if (job.known->streams()) return run_records(std::move(job), body, to);
      return run_call(std::move(job), body, to);
  }
}

}  // namespace shmbus::gateway
