#include "bridge/service.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>
#include <shmbus/version.hpp>

#include "bridge/subjects.hpp"

namespace shmbus::bridge {
namespace {

using Json = nlohmann::json;
constexpr const char* service_name = "shmbus";

std::string text_of(const Json& json) {
  // patterns: for NATS clients, not for a terminal
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string time_of_day() {
  const std::time_t at = std::time(nullptr);
  std::tm parts{};
  (void)::gmtime_r(&at, &parts);
  std::array<char, 32> text{};
  (void)std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace

Service::Service(Engine& engine, const Directory& directory, const Exports& exports,
                 std::string prefix, std::string bus)
    : engine_(engine),
      directory_(directory),
      exports_(exports),
      prefix_(std::move(prefix)),
      bus_(std::move(bus)),
      started_(time_of_day()) {}

Result<void> Service::open() {
  using Text = std::string (Service::*)() const;
  const std::array<std::pair<const char*, Text>, 3> verbs{
      {{"PING", &Service::ping}, {"INFO", &Service::info}, {"STATS", &Service::stats}}};
  for (const auto& [verb, text] : verbs) {
    for (const auto& below : {std::string(), fmt::format(".{}", service_name),
                              fmt::format(".{}.{}", service_name, directory_.id())}) {
      auto made = engine_.subscribe(
          fmt::format("$SRV.{}{}", verb, below), {}, [this, text](const Message& message) {
            if (message.reply().empty()) return;
            const auto answer = (this->*text)();
            (void)engine_.publish(
                Message(std::string(message.reply()), {},
                        {reinterpret_cast<const std::byte*>(answer.data()), answer.size()}));
          });
      if (!made) return tl::unexpected<Error>(made.error());
      subscriptions_.push_back(std::move(*made));
    }
  }
  return {};
}

std::string Service::ping() const {
  return text_of({{"type", "io.nats.micro.v1.ping_response"},
                  {"name", service_name},
                  {"id", directory_.id()},
                  {"version", SHMBUS_VERSION},
                  {"metadata", {{"machine", directory_.machine()}, {"bus", bus_}}}});
}

std::string Service::info() const {
  Json endpoints = Json::array();
  for (const auto& [name, counts] : exports_.counts()) {
    endpoints.push_back({{"name", name},
                         {"subject", prefix_ + ".call." + subject_of(name)},
                         {"queue_group", "shmbus"}});
  }
  return text_of({{"type", "io.nats.micro.v1.info_response"},
                  {"name", service_name},
                  {"id", directory_.id()},
                  {"version", SHMBUS_VERSION},
                  {"description", "commands of a bus in shared memory"},
                  {"metadata", {{"machine", directory_.machine()}, {"bus", bus_}}},
                  {"endpoints", endpoints}});
}

std::string Service::stats() const {
  Json endpoints = Json::array();
  for (const auto& [name, counts] : exports_.counts()) {
    endpoints.push_back(
        {{"name", name},
         {"subject", prefix_ + ".call." + subject_of(name)},
         {"queue_group", "shmbus"},
         {"num_requests", counts.requests},
         {"num_errors", counts.errors},
         {"last_error", counts.last_error},
         {"processing_time", counts.time},
         {"average_processing_time", counts.requests == 0 ? 0 : counts.time / counts.requests}});
  }
  return text_of({{"type", "io.nats.micro.v1.stats_response"},
                  {"name", service_name},
                  {"id", directory_.id()},
                  {"version", SHMBUS_VERSION},
                  {"metadata", {{"machine", directory_.machine()}, {"bus", bus_}}},
                  {"started", started_},
                  {"endpoints", endpoints}});
}

}  // namespace shmbus::bridge
