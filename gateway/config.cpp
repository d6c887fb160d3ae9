#include "gateway/config.hpp"

#include <fmt/format.h>
#include <pwd.h>

#include <algorithm>

#include "common/escape.hpp"
#include "common/units.hpp"
#include "gateway/config_file.hpp"
#include "gateway/converge/route_yaml.hpp"
#include "gateway/http_reader.hpp"
#include "gateway/yaml_section.hpp"
#include "inspect/trust_text.hpp"
#include "shmbus/name.hpp"

namespace shmbus::gateway {
namespace {

constexpr std::size_t config_bytes_max = std::size_t{1} << 20U;
constexpr std::size_t label_bytes_max = 32;
constexpr std::string_view hash_prefix = "sha256:";
constexpr std::size_t hash_digits = 64;

void read_listener(YamlSection& in, Config& out) {
  ListenerConfig listener;
  std::string tcp;
  std::string path;
  std::string systemd;
  in.text("tcp", tcp);
  in.text("unix", path);
  in.text("systemd", systemd);
  in.flag("plain", listener.plain);
  if ((!tcp.empty() ? 1 : 0) + (!path.empty() ? 1 : 0) + (!systemd.empty() ? 1 : 0) != 1) {
    in.refuse_here("a listener has one of tcp, unix and systemd");
  }
  if (const auto node = in.child("tls"); node.IsDefined()) {
    YamlSection tls(node, in.source(), in.problems());
    tls.text("certificate", listener.certificate);
    tls.text("key", listener.key);
    tls.text("clients", listener.clients);
    tls.flag("need_certificate", listener.need_certificate);
    tls.finish();
    if (listener.need_certificate && listener.clients.empty()) {
      in.refuse(node, "need_certificate takes clients, a file in PEM with their authorities");
    }
    if (listener.certificate.empty() || listener.key.empty()) {
      in.refuse(node, "tls takes a certificate and a key, files in PEM");
    }
  }
  in.finish();
  listener.kind = !tcp.empty()    ? ListenerConfig::Kind::tcp
                  : !path.empty() ? ListenerConfig::Kind::unix_socket
                                  : ListenerConfig::Kind::systemd;
  listener.address = tcp + path + systemd;
  if (!tcp.empty() && !listener.tls() && !listener.plain) {
    if (const auto why = why_not_plain(tcp); !why.empty()) in.refuse_here(why);
  }
  out.listeners.push_back(std::move(listener));
}

/// As is_for_another_host() compares them: in lower case, without a port.
void read_hosts(YamlSection& in, Config& out) {
  for (const auto& [text, node] : in.list("hosts")) {
    const auto name = lowered(text);
    if (name.empty() ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.*") != std::string::npos) {
      in.refuse(node, "'hosts' takes names of hosts without a port, like shop.example");
    } else {
      out.hosts.push_back(name);
    }
  }
}

std::optional<uid_t> uid_of(const std::string& text) {
  constexpr std::uint64_t most = 4'294'967'294;
  if (const auto number = parse_whole_number(text, most)) return static_cast<uid_t>(*number);
  const passwd* entry = ::getpwnam(text.c_str());
  if (entry == nullptr) return std::nullopt;
  return entry->pw_uid;
}

bool is_hash(std::string_view text) noexcept {
  return text.starts_with(hash_prefix) && text.size() == hash_prefix.size() + hash_digits &&
         text.find_first_not_of("0123456789abcdef", hash_prefix.size()) == std::string_view::npos;
}

bool is_certificate_name(std::string_view text) noexcept {
  if (text.starts_with(hash_prefix)) return is_hash(text);
  for (const std::string_view prefix : {"cn:", "dns:", "uri:", "email:"}) {
    if (text.starts_with(prefix)) return text.size() > prefix.size();
  }
  return false;
}

void read_credentials(YamlSection& in, PrincipalConfig& out) {
  for (const auto& [text, node] : in.list("tokens")) {
    if (is_hash(text)) {
      out.token_hashes.insert(text.substr(hash_prefix.size()));
    } else {
      in.refuse(node,
                "a token is given as its hash, sha256: and 64 hexadecimal digits; "
                "`shmbus-gateway --new-token` makes one");
    }
  }
  for (const auto& [text, node] : in.list("uids")) {
    const auto uid = uid_of(text);
    if (uid) {
      out.uids.insert(*uid);
    } else {
      in.refuse(node, fmt::format("there is no user '{}'", escape::terminal(text)));
    }
  }
  for (const auto& [text, node] : in.list("certificates")) {
    if (is_certificate_name(text)) {
      out.certificates.insert(text);
    } else {
      in.refuse(node,
                "a certificate is given as sha256: and the 64 hexadecimal digits of its digest, or "
                "by what stands in it: cn:, dns:, uri: or email: and a name");
    }
  }
  in.flag("anonymous", out.anonymous);
  if (out.token_hashes.empty() && out.uids.empty() && out.certificates.empty() && !out.anonymous) {
    in.refuse_here(
        "nobody can be this principal: give it tokens, uids, certificates, or anonymous: true");
  }
}

void read_patterns(YamlSection& in, const char* key, std::vector<std::string>& out) {
  for (const auto& [text, node] : in.list(key)) {
    if (const auto why = why_no_name(text); !why.empty()) {
      in.refuse(node, fmt::format("'{}' takes patterns of names: {}", key, why));
    } else {
      out.push_back(text);
    }
  }
}

void read_principal(const std::string& name, const YAML::Node& at, YamlSection& in, Config& out) {
  PrincipalConfig principal;
  principal.name = name;
  if (name.size() > label_bytes_max || !is_valid_name(name)) {
    in.refuse(at,
              fmt::format("the name of a principal is a text of 1 to {} bytes", label_bytes_max));
  }
  read_credentials(in, principal);
  read_patterns(in, "call", principal.call);
  read_patterns(in, "send", principal.send);
  read_patterns(in, "events", principal.events);
  in.flag("describe", principal.describe);
  in.flag("inspect", principal.inspect);
  in.decimal("rate", 1e9, principal.rate);
  principal.burst = std::max(1.0, principal.rate);
  in.decimal("burst", 1e9, principal.burst);
  in.number("concurrent", 1, 100'000, principal.concurrent);
  in.finish();
  out.principals.push_back(std::move(principal));
}

void read_limits(YamlSection& in, Limits& out) {
  constexpr std::uint64_t body_most = std::uint64_t{64} << 20U;
  in.bytes("head", std::uint64_t{1} << 20U, out.read.head_bytes);
  in.number("fields", 1, 10'000, out.read.fields);
  in.bytes("body", body_most, out.read.body_bytes);
  in.bytes("reply", body_most, out.reply_bytes);
  in.flag("compress", out.compress);
  in.number("connections", 1, 1'000'000, out.connections);
  in.number("calls", 1, 100'000, out.calls);
  in.number("streams", 1, 100'000, out.streams);
  in.bytes("stream_buffer", body_most, out.stream_bytes);
  in.duration("head_time", out.head_time);
  in.duration("body_time", out.body_time);
  in.duration("gap_time", out.gap_time);
  in.duration("idle_time", out.idle_time);
  in.duration("write_time", out.write_time);
  in.duration("drain_time", out.drain_time);
  if (const auto limit = in.duration("call_time")) out.call_time = *limit;
  if (const auto limit = in.duration("call_time_max")) out.call_time_max = *limit;
  if (out.call_time > out.call_time_max) in.refuse_here("call_time is above call_time_max");
  in.finish();
}

void read_tools(YamlSection& in, ToolTexts& out) {
  if (const auto texts = in.child("descriptions"); texts.IsDefined()) {
    if (!texts.IsMap()) in.refuse(texts, "'descriptions' takes a map of names");
    for (const auto& entry : texts.IsMap() ? texts : YAML::Node(YAML::NodeType::Map)) {
      const bool sound =
          entry.first.IsScalar() && entry.second.IsScalar() && is_valid_name(entry.first.Scalar());
      if (sound) {
        out.descriptions[entry.first.Scalar()] = entry.second.Scalar();
      } else {
        in.refuse(entry.first, "'descriptions' takes a text for each name of a command");
      }
    }
  }
  read_patterns(in, "read_only", out.read_only);
  read_patterns(in, "not_destructive", out.not_destructive);
  read_patterns(in, "idempotent", out.idempotent);
  in.finish();
}

/// What one principal alone may be.
void check_principals(const Config& config, YamlSection& in) {
  std::set<std::string> hashes;
  std::set<uid_t> uids;
  std::set<std::string> certificates;
  int anonymous = 0;
  for (const auto& one : config.principals) {
    anonymous += one.anonymous ? 1 : 0;
    for (const auto& hash : one.token_hashes) {
      if (!hashes.insert(hash).second) in.refuse_here("a token belongs to two principals");
    }
    for (const auto& name : one.certificates) {
      if (!certificates.insert(name).second) {
        in.refuse_here(
            fmt::format("two principals have the certificate {}", escape::terminal(name)));
      }
    }
    for (const auto uid : one.uids) {
      if (!uids.insert(uid).second) in.refuse_here(fmt::format("two principals have uid {}", uid));
    }
  }
  if (anonymous > 1) in.refuse_here("two principals are anonymous");
  if (config.principals.size() > principals_max) {
    in.refuse_here(fmt::format("there are more than {} principals", principals_max));
  }
}

Config read_root(const YAML::Node& root, const std::string& source, ConfigProblems& problems) {
  Config config;
  YamlSection in(root, source, problems);
  in.text("bus", config.bus);
  std::string trust;
  in.text("trust", trust);
  if (!trust.empty()) {
    const auto whom = inspect::trust_from(trust);
    if (!whom) in.refuse(root["trust"], "'trust' takes own, anybody, a name or a uid");
    config.trust = whom.value_or(trust_own_and_root);
  }
  const auto listeners = in.child("listen");
  if (listeners.IsDefined() && !listeners.IsSequence())
    in.refuse(listeners, "'listen' takes a list");
  for (std::size_t i = 0; listeners.IsSequence() && i < listeners.size(); ++i) {
    YamlSection one(listeners[i], source, problems);
    if (one.is_map()) read_listener(one, config);
  }
  read_hosts(in, config);
  const auto principals = in.child("principals");
  if (principals.IsDefined() && !principals.IsMap()) {
    in.refuse(principals, "'principals' takes a map of names");
  }
  if (principals.IsMap()) {
    for (const auto& entry : principals) {
      YamlSection one(entry.second, source, problems);
      if (one.is_map()) read_principal(entry.first.Scalar(), entry.first, one, config);
    }
  }
  if (const auto limits = in.child("limits"); limits.IsDefined()) {
    YamlSection one(limits, source, problems);
    read_limits(one, config.limits);
  }
  if (const auto tools = in.child("mcp"); tools.IsDefined()) {
    YamlSection one(tools, source, problems);
    read_tools(one, config.tools);
  }
  config.routes = converge::read_routes(in, config.tools);
  in.finish();
  check_principals(config, in);
  if (config.listeners.empty()) in.refuse_here("nothing to listen at: 'listen' is missing");
  return config;
}

}  // namespace

std::optional<Config> parse_config(const std::string& text, const std::string& source,
                                   ConfigProblems& problems) {
  try {
    const YAML::Node root = YAML::Load(text);  // patterns: bounded by read_config
    auto config = read_root(root, source, problems);
    if (problems.lines.empty()) return config;
  } catch (const YAML::Exception& e) {
    problems.lines.push_back(fmt::format("{}:{}: {}", escape::terminal(source), e.mark.line + 1,
                                         escape::terminal(e.msg)));
  }
  return std::nullopt;
}

std::optional<Config> read_config(const std::string& path, ConfigProblems& problems) {
  const auto text = read_config_file(path, config_bytes_max);
  if (text) return parse_config(*text, path, problems);
  problems.lines.push_back(
      fmt::format("{}: {}", escape::terminal(path), text.error().message.view()));
  return std::nullopt;
}

std::string why_not_plain(std::string_view address) {
  const auto host = address.substr(0, address.rfind(':'));
  const bool loopback = host == "localhost" || host == "[::1]" || host.starts_with("127.");
  if (loopback) return {};
  return "other machines reach this address, and tokens would travel in the clear: give it tls, or "
         "say plain: true where something in front of it adds TLS";
}

bool matches(std::string_view pattern, std::string_view name) noexcept {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace shmbus::gateway
