// /mcp: the streamable HTTP transport of MCP. A POST carries one message; its answer is JSON, or a
// text/event-stream when progress comes before it. The session that initialize begins is named by
// Mcp-Session-Id; it is what notifications/cancelled finds requests in. A client that goes away
// cancels what it waits for, as everywhere in the gateway.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "gateway/exchange.hpp"
#include "gateway/http_reader.hpp"
#include "gateway/mcp/session.hpp"

namespace shmbus::gateway::mcp {

class HttpEndpoint {
 public:
  static constexpr std::string_view methods = "POST, DELETE, OPTIONS";

  explicit HttpEndpoint(const Around& around) : around_(around) {}

  /// What is wrong with a POST before its body is read.
  static std::optional<Response> refuse(const RequestHead& head);
  /// A POST with its body. Null when it is answered.
  std::unique_ptr<Work> post(Slot slot, const std::string& session, const std::string& body,
                             Exchange& to);
  /// DELETE: ends a session.
  Response end(const Principal& principal, const std::string& session);
  /// Forgets sessions that were not used for an hour. To be called now and then.
  void check();

 private:
  struct Known {
    std::shared_ptr<Session> session;
    std::string principal;
    Time used_at = 0;
  };
  std::shared_ptr<Session> find(const Principal& principal, const std::string& id);
  /// Its id; empty when there is no randomness.
  std::string begin(const Principal& principal);

  Around around_;
  std::unordered_map<std::string, Known> sessions_;
};

}  // namespace shmbus::gateway::mcp
