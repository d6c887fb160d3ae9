// Errors, options and schemas on their way between C and C++.
#include <algorithm>
#include <mutex>
#include <set>

#include "c/handles.hpp"
#include "schema/grammar.hpp"
#include "session/core.hpp"
#include "shmbus/version.hpp"

namespace shmbus::capi {
namespace {

constexpr std::size_t options_max = 4096;  // no struct is larger: its size was never set

std::int32_t number(ErrorKind kind) noexcept { return static_cast<std::int32_t>(kind); }

void put_causes(shmbus_error_t& out, const Causes& causes) noexcept {
  for (const Cause one : causes) {
    if (out.cause_count == SHMBUS_CAUSES_MAX) break;
    auto& cause = out.causes[out.cause_count++];
    cause.kind = number(one.kind);
    cause.code = one.code;
    cause.after_gap = one.after_gap ? 1 : 0;
    copy_text(cause.command, one.command);
  }
}

/// Of one side of a schema. "stream<T>": no bytes of its own, if T is a type.
schema::Type side_of(std::string_view side) noexcept {
  const auto item = schema::stream_item(side);
  if (!item) return schema::parse_type(side);
  auto type = schema::parse_type(*item);
  type.size = 0;
  return type;
}

/// Throws std::bad_alloc.
std::string_view kept(std::string_view text) {
  static std::mutex mutex;
  static auto& texts = *new std::set<std::string, std::less<>>;  // servers may outlive statics
  const std::lock_guard lock(mutex);
  const auto found = texts.find(text);
  return found != texts.end() ? *found : *texts.emplace(text).first;
}

}  // namespace

int report(shmbus_error_t* out, const Error& error) noexcept {
  if (out != nullptr && out->size > sizeof out->size) {
    shmbus_error_t all{};
    all.size = out->size;
    all.kind = number(error.kind);
    all.code = error.code;
    all.may_have_run = may_have_started(error) ? 1 : 0;
    all.needed = error.needed;
    all.retry_after_ns = error.retry_after_ns;
    copy_text(all.text, error.message.view());
    put_causes(all, error.causes);
    std::memcpy(out, &all, std::min(out->size, sizeof all));
  }
  return number(error.kind);
}

int refuse(shmbus_error_t* out, ErrorKind kind, std::string_view text) noexcept {
  return report(out, Error{kind, 0, 0, text, {}, true});
}

int no_argument(shmbus_error_t* out) noexcept {
  return refuse(out, ErrorKind::invalid_argument, "a handle or a pointer that is needed is NULL");
}

int bad_options(shmbus_error_t* out) noexcept {
  return refuse(out, ErrorKind::invalid_argument,
                "the options ask for what this release does not know: set their size with sizeof, "
                "members that are not used to 0, or install a newer library");
}

bool read_options(const void* given, void* out, std::size_t bytes) noexcept {
  std::size_t size = 0;
  std::memset(out, 0, bytes);
  if (given == nullptr) return true;
  std::memcpy(&size, given, sizeof size);
  if (size < sizeof size || size > options_max) return false;
  std::memcpy(out, given, std::min(size, bytes));
  const auto* chars = static_cast<const unsigned char*>(given);
  return size <= bytes || std::all_of(chars + bytes, chars + size, [](auto c) { return c == 0; });
}

Error error_of(const shmbus_error_t& error) noexcept {
  Error out;
  out.kind = static_cast<ErrorKind>(error.kind);
  out.code = error.code;
  const int count = std::clamp(error.cause_count, 0, SHMBUS_CAUSES_MAX);
  for (int i = count - 1; i >= 0; --i) {
    const auto& cause = error.causes[i];
    const std::string_view name(cause.command, strnlen(cause.command, sizeof cause.command));
    out.causes.push_front(
        {static_cast<ErrorKind>(cause.kind), cause.code, name, cause.after_gap != 0});
  }
  return out;
}

Result<Schema> schema_of_text(const char* text) noexcept {
  if (text == nullptr || *text == '\0') return Schema{};
  const std::string_view whole(text);
  const auto sides = schema::split(whole);
  const auto request = side_of(sides ? sides->request : std::string_view{});
  const auto reply = side_of(sides ? sides->reply : std::string_view{});
  if (request.kind == schema::Kind::bad || reply.kind == schema::Kind::bad) {
    return fail(ErrorKind::invalid_argument,
                "the schema does not follow the grammar of shmbus/schema/text.hpp: request->reply");
  }
  return detail::without_throwing([&]() -> Result<Schema> {
    return Schema{kept(whole), detail::hash_name(whole), static_cast<std::uint32_t>(request.size),
                  static_cast<std::uint32_t>(reply.size)};
  });
}

}  // namespace shmbus::capi

extern "C" {

uint32_t shmbus_abi(void) { return SHMBUS_ABI; }

const char* shmbus_version(void) { return SHMBUS_VERSION; }

const char* shmbus_kind_name(int32_t kind) {
  if (kind == SHMBUS_OK) return "ok";
  if (kind < 0 || kind > static_cast<int>(shmbus::last_error_kind)) return "unknown";
  return shmbus::to_string(static_cast<shmbus::ErrorKind>(kind)).data();  // literals: a 0 follows
}

}  // extern "C"
