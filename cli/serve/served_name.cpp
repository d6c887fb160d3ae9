#include "cli/serve/served_name.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstring>

#include "cli/output.hpp"
#include "cli/payload.hpp"
#include "codec/values.hpp"
#include "common/escape.hpp"
#include "common/standard_output.hpp"
#include "os/descriptor.hpp"

namespace shmbus::cli::serve {
namespace {

constexpr std::size_t text_max = 40;  // what a refusal has room for: see Status

/// Readable once the token is stopped.
class CancelEvent {
 public:
  explicit CancelEvent(std::stop_token token)
      : event_(descriptor::event(0, EFD_NONBLOCK)), callback_(std::move(token), Ring{event_}) {}
  [[nodiscard]] int fd() const noexcept { return event_.get(); }

 private:
  struct Ring {
    const Descriptor& event;
    void operator()() const noexcept {
      const std::uint64_t one = 1;
      (void)!::write(event.get(), &one, sizeof one);
    }
  };
  Descriptor event_;
  std::stop_callback<Ring> callback_;
};

std::string_view last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const auto newline = text.rfind('\n');
  return newline == std::string_view::npos ? text : text.substr(newline + 1);
}

/// At most `bytes` from the end, whole characters.
std::string_view end_of(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  text.remove_prefix(text.size() - bytes);
  while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xC0U) == 0x80U) {
    text.remove_prefix(1);
  }
  return text;
}

std::string unix_time(Duration from_now) {
  const auto at = std::chrono::system_clock::now() + from_now;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
  return fmt::format("{}.{:03}", ms.count() / 1000, ms.count() % 1000);
}

}  // namespace

std::vector<std::string> ServedName::environment(const shmbus::Context& context) const {
  std::vector<std::string> added{"SHMBUS_BUS=" + settings_.bus, "SHMBUS_NAME=" + settings_.name};
  const auto moment = std::min(context.remaining(), settings_.time_limit);
  const bool limited = moment != forever;
  added.push_back("SHMBUS_DEADLINE=" + (limited ? unix_time(moment) : std::string()));
  const auto trace = context.trace();
  const auto header = trace.traceparent();
  added.push_back("TRACEPARENT=" + std::string(trace.valid() ? header.view() : ""));
  return added;
}

std::optional<Clock::time_point> ServedName::until(const shmbus::Context& context) const {
  const auto limit = std::min(context.remaining(), settings_.time_limit);
  if (limit == forever) return std::nullopt;
  const auto now = Clock::now();
  return limit >= Clock::time_point::max() - now ? Clock::time_point::max() : now + limit;
}

Status ServedName::run(shmbus::Context& context) const {
  std::string json;
  auto input = context.request();
  if (settings_.types) {
    const auto decoded = codec::decode(settings_.types->request, input, json, {}, "request");
    if (!decoded) return Status::reject(codes::not_started, decoded.error().message.view());
    json += '\n';
    input = std::as_bytes(std::span(json));
  }
  const CancelEvent cancelled(context.stop_token());
  Program program(settings_.line, settings_.limits, environment(context));
  const auto outcome = program.run(input, until(context), cancelled.fd(), settings_.leaving);
  const auto status = outcome.good() ? answer(context, outcome.output) : refuse(outcome);
  if (!status.is_ok()) {
    const auto more = last_line(outcome.errors);
    print_error(fmt::format("shmbus serve: {}: refused with code {}: {}\n",
                            printable(settings_.name), status.code(),
                            printable(outcome.good() || more.empty() ? status.body() : more)));
  }
  return status;
}

Status ServedName::refuse(const Outcome& outcome) const {
  if (outcome.start_error != 0) {
    return Status::reject(codes::not_started, std::strerror(outcome.start_error));
  }
  switch (outcome.ended) {
    case Ended::time:
      return Status::reject(codes::time_limit, "the program took too long");
    case Ended::cancelled:
      return Status::reject(codes::time_limit, "cancelled");
    case Ended::output:
      return Status::reject(codes::output, "the program wrote too much");
    case Ended::leaving:
      return Status::reject(codes::time_limit, "the handler is being stopped");
    case Ended::by_itself:
      break;
  }
  const auto said = printable(last_line(outcome.errors));
  return Status::reject(outcome.exit_code, end_of(said, text_max));
}

Status ServedName::answer(shmbus::Context& context, const std::string& output) const {
  if (context.one_way()) return Status::ok();
  std::vector<std::byte> encoded;
  auto bytes = std::as_bytes(std::span(output));
  if (settings_.types) {
    const auto text = output.find_first_not_of(" \t\r\n") == std::string::npos ? "null" : output;
    const auto done = codec::encode(settings_.types->reply, text, encoded, {}, "reply");
    if (!done) return Status::reject(codes::output, done.error().message.view());
    bytes = encoded;
  }
  const auto reply = context.reply_buffer(bytes.size());
  if (!reply.empty()) std::memcpy(reply.data(), bytes.data(), reply.size());
  return Status::ok();
}

}  // namespace shmbus::cli::serve
