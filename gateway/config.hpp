// What a gateway is configured with: the bus, listeners, principals and their rights, limits.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/converge/route_config.hpp"
#include "gateway/event_loop.hpp"
#include "gateway/http_reader.hpp"
#include "shmbus/error.hpp"
#include "shmbus/options.hpp"

namespace shmbus::gateway {

struct ListenerConfig {
  enum class Kind : std::uint8_t { tcp, unix_socket, systemd };
  Kind kind = Kind::tcp;
  std::string address;  ///< "127.0.0.1:8080", a path, or the name of a descriptor of systemd
  std::string certificate;
  std::string key;
  std::string clients;  ///< authorities of clients' certificates; empty: none is asked for
  bool need_certificate = false;  ///< without one there is no connection
  bool plain = false;             ///< other machines may reach it without TLS
  [[nodiscard]] bool tls() const noexcept { return !certificate.empty(); }
  friend bool operator==(const ListenerConfig&, const ListenerConfig&) = default;
};

/// A client, and what it may use. Clients that are no principal may use nothing.
struct PrincipalConfig {
  std::string name;
  std::set<std::string> token_hashes;  ///< SHA-256 in hexadecimal digits
  std::set<uid_t> uids;                ///< of processes at a Unix socket
  std::set<std::string> certificates;  ///< PeerCertificate::names
  bool anonymous = false;              ///< clients without credentials
  std::vector<std::string> call;       ///< patterns of names; '*' stands for any characters
  std::vector<std::string> send;
  std::vector<std::string> events;
  bool describe = true;           ///< may read /openapi.json, of what it may use
  bool inspect = false;           ///< may see all of the bus: processes, traces, the doctor
  double rate = 0;                ///< requests a second; 0: no limit
  double burst = 0;               ///< requests at once beyond the rate
  std::uint32_t concurrent = 32;  ///< requests and streams under way
};

struct Limits {
  ReadLimits read;
  bool compress = true;              ///< answers, for clients that accept it
  std::size_t reply_bytes = 16'384;  ///< room for replies whose size is not known beforehand
  std::uint32_t connections = 1024;
  std::uint32_t calls = 256;                         ///< under way, of all principals
  std::uint32_t streams = 128;                       ///< of events
  std::size_t stream_bytes = 262'144;                ///< that wait for one reader of a stream
  Time head_time = 10 * second;                      ///< from the first byte to the end of the head
  Time body_time = 30 * second;                      ///< for all of a body
  Time gap_time = 10 * second;                       ///< between two bytes of a body
  Time idle_time = 60 * second;                      ///< without a request
  Time write_time = 30 * second;                     ///< in which nothing of an answer is taken
  Time drain_time = 10 * second;                     ///< for what is under way, after SIGTERM
  Duration call_time{std::chrono::seconds(5)};       ///< of a call that names no limit
  Duration call_time_max{std::chrono::seconds(60)};  ///< that one may name
};

/// What tools/list of MCP says of commands besides their types.
struct ToolTexts {
  std::map<std::string, std::string> descriptions;  ///< by name
  std::vector<std::string> read_only;               ///< patterns of names
  std::vector<std::string> not_destructive;
  std::vector<std::string> idempotent;
};

struct Config {
  std::string bus;
  std::int64_t trust = trust_own_and_root;
  std::vector<ListenerConfig> listeners;
  std::vector<std::string> hosts;  ///< patterns of further names of the gateway, in lower case
  std::vector<PrincipalConfig> principals;
  Limits limits;
  ToolTexts tools;
  converge::RoutesConfig routes;
};

inline constexpr std::size_t principals_max = 64;

/// invalid_argument: all that is wrong, a line for each, "gateway.yaml:7: ...".
struct ConfigProblems {
  std::vector<std::string> lines;
};
std::optional<Config> read_config(const std::string& path, ConfigProblems& problems);
std::optional<Config> parse_config(const std::string& text, const std::string& source,
                                   ConfigProblems& problems);

/// Why clients elsewhere could not safely use a listener; empty when they can. A TCP address that
/// other machines reach needs TLS.
std::string why_not_plain(std::string_view address);
/// A pattern of an allow list; '*' stands for any characters, also none.
bool matches(std::string_view pattern, std::string_view name) noexcept;

}  // namespace shmbus::gateway
