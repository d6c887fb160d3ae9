#include "gateway/converge/route_yaml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/escape.hpp"
#include "gateway/converge/openapi_routes.hpp"
#include "shmbus/name.hpp"

namespace shmbus::gateway::converge {
namespace {

constexpr std::array<To, 5> all_to{To::upstream, To::share, To::header, To::shadow, To::bus};
constexpr std::size_t routes_max = 4096;

void read_upstream(const std::string& name, YamlSection& in, RoutesConfig& out) {
  UpstreamConfig one;
  one.name = name;
  in.text("url", one.url);
  in.number("connections", 1, 10'000, one.connections);
  in.bytes("answer", std::uint64_t{64} << 20U, one.answer_bytes);
  in.duration("timeout", one.timeout);
  if (const auto node = in.child("breaker"); node.IsDefined()) {
    YamlSection breaker(node, in.source(), in.problems());
    breaker.number("failures", 1, 10'000, one.breaker.failures);
    breaker.duration("stall", one.breaker.stall);
    breaker.duration("pause", one.breaker.pause);
    breaker.finish();
  }
  in.finish();
  if (auto address = resolve_upstream(one.url); address) {
    one.address = std::move(*address);
  } else {
    in.refuse_here(std::string(address.error().message.view()));
  }
  out.upstreams.push_back(std::move(one));
}

/// "X-Backend: bus"
void read_header(YamlSection& in, RouteConfig& out) {
  std::string text;
  in.text("header", text);
  if (text.empty()) return;
  const auto colon = text.find(':');
  const auto value = colon == std::string::npos ? colon : text.find_first_not_of(' ', colon + 1);
  if (value == std::string::npos || colon == 0) {
    return in.refuse_here("'header' takes a field and a value, like 'X-Backend: bus'");
  }
  out.header = text.substr(0, colon);
  for (char& c : out.header) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  out.value = text.substr(value);
}

/// What says where requests go: `to`, `percent`, `header`, `upstream`, `fallback`.
void read_target(YamlSection& in, const RoutesConfig& known, RouteConfig& out) {
  in.text("upstream", out.upstream);
  std::string to = out.upstream.empty() ? "bus" : "upstream";
  in.text("to", to);
  const auto found =
      std::find_if(all_to.begin(), all_to.end(), [&](To one) { return word_of(one) == to; });
  if (found == all_to.end()) {
    in.refuse_here("'to' takes upstream, share, header, shadow or bus");
  } else {
    out.to = *found;
  }
  in.decimal("percent", 100, out.percent);
  read_header(in, out);
  out.fallback = out.to == To::share || out.to == To::header;
  in.flag("fallback", out.fallback);
  if (out.to == To::share && out.percent <= 0) in.refuse_here("'to: share' takes a percent");
  if (out.to == To::header && out.header.empty()) in.refuse_here("'to: header' takes a header");
  const bool there = std::any_of(known.upstreams.begin(), known.upstreams.end(),
                                 [&](const auto& one) { return one.name == out.upstream; });
  if (!out.upstream.empty() && !there) {
    in.refuse_here(fmt::format("there is no upstream '{}'", escape::terminal(out.upstream)));
  }
  if (out.upstream.empty() && (out.to != To::bus || out.fallback)) {
    in.refuse_here("this route needs an upstream");
  }
}

void read_route(YamlSection& in, RoutesConfig& out) {
  RouteConfig route;
  in.text("path", route.path);
  in.text("method", route.method);
  in.text("command", route.command);
  read_target(in, out, route);
  in.finish();
  if (const auto why = why_no_pattern(route.path); !why.empty()) in.refuse_here(why);
  if (const auto why = why_no_name(route.command); !why.empty()) {
    in.refuse_here(fmt::format("'command' takes the name of one: {}", why));
  }
  const bool word = std::all_of(route.method.begin(), route.method.end(),
                                [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!word) in.refuse_here("'method' takes one in capital letters, like GET");
  out.routes.push_back(std::move(route));
}

void read_document(YamlSection& in, RoutesConfig& out, ToolTexts& texts) {
  std::string file;
  RouteConfig rest;
  in.text("file", file);
  read_target(in, out, rest);
  in.finish();
  if (const auto why = routes_of_openapi(file, rest, out, texts); !why.empty()) {
    in.refuse_here(escape::terminal(why));
  }
}

template <class F>
void each_of_list(YamlSection& root, const char* key, F&& read) {
  const auto list = root.child(key);
  if (!list.IsDefined()) return;
  if (!list.IsSequence()) return root.refuse(list, fmt::format("'{}' takes a list", key));
  for (std::size_t i = 0; i < list.size(); ++i) {
    YamlSection one(list[i], root.source(), root.problems());
    if (one.is_map()) read(one);
  }
}

}  // namespace

RoutesConfig read_routes(YamlSection& root, ToolTexts& texts) {
  RoutesConfig out;
  const auto upstreams = root.child("upstreams");
  if (upstreams.IsDefined() && !upstreams.IsMap()) {
    root.refuse(upstreams, "'upstreams' takes a map of names");
  }
  if (upstreams.IsMap()) {
    for (const auto& entry : upstreams) {
      YamlSection one(entry.second, root.source(), root.problems());
      if (one.is_map()) read_upstream(entry.first.Scalar(), one, out);
    }
  }
  each_of_list(root, "routes", [&](YamlSection& one) { read_route(one, out); });
  each_of_list(root, "openapi", [&](YamlSection& one) { read_document(one, out, texts); });
  if (out.routes.size() > routes_max) root.refuse_here("there are too many routes");
  return out;
}

}  // namespace shmbus::gateway::converge
