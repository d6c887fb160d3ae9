#include "bridge/message.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "codec/hex.hpp"

namespace shmbus::bridge {
namespace {

constexpr std::size_t header_text_max = 256;
constexpr char hex_digits[] = "0123456789ABCDEF";

ErrorKind kind_named(std::string_view name) noexcept {
  for (std::uint16_t i = 1; i <= static_cast<std::uint16_t>(last_error_kind); ++i) {
    if (to_string(static_cast<ErrorKind>(i)) == name) return static_cast<ErrorKind>(i);
  }
  return ErrorKind::corrupted;
}

int digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Message::Message(const std::string& subject, const std::string& reply,
                 std::span<const std::byte> body) {
  natsMsg* made = nullptr;
  const auto status =
      natsMsg_Create(&made, subject.c_str(), reply.empty() ? nullptr : reply.c_str(),
                     reinterpret_cast<const char*>(body.data()), static_cast<int>(body.size()));
  if (status == NATS_OK) message_.reset(made);
}

std::string_view Message::subject() const noexcept {
  const char* text = natsMsg_GetSubject(message_.get());
  return text == nullptr ? std::string_view() : text;
}

std::string_view Message::reply() const noexcept {
  const char* text = natsMsg_GetReply(message_.get());
  return text == nullptr ? std::string_view() : text;
}

std::string_view Message::text() const noexcept {
  const char* data = natsMsg_GetData(message_.get());
  const int size = natsMsg_GetDataLength(message_.get());
  return data == nullptr || size <= 0 ? std::string_view()
                                      : std::string_view(data, static_cast<std::size_t>(size));
}

std::span<const std::byte> Message::body() const noexcept {
  const auto all = text();
  return {reinterpret_cast<const std::byte*>(all.data()), all.size()};
}

std::string_view Message::get(const char* name) const noexcept {
  const char* value = nullptr;
  if (natsMsgHeader_Get(message_.get(), name, &value) != NATS_OK || value == nullptr) return {};
  return value;
}

std::optional<std::uint64_t> Message::number(const char* name, int base) const noexcept {
  const auto text = get(name);
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size()) return {};
  return value;
}

Message& Message::set(const char* name, const std::string& value) noexcept {
  if (valid()) (void)natsMsgHeader_Set(message_.get(), name, value.c_str());
  return *this;
}

Message& Message::set(const char* name, std::uint64_t value) noexcept {
  std::array<char, 24> digits{};
  (void)std::to_chars(digits.data(), digits.data() + digits.size() - 1, value);
  if (valid()) (void)natsMsgHeader_Set(message_.get(), name, digits.data());
  return *this;
}

std::string header_text(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, header_text_max)) {
    if (c > ' ' && c < 0x7F && c != '%' && c != ',') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', hex_digits[byte >> 4U], hex_digits[byte & 15U]};
    }
  }
  return out;
}

std::string text_of_header(std::string_view value) {
  std::string out;
  value = value.substr(0, 3 * header_text_max);
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool escape = value[i] == '%' && i + 2 < value.size() && digit(value[i + 1]) >= 0 &&
                        digit(value[i + 2]) >= 0;
    if (!escape) {
      out += value[i];
    } else {
      out += static_cast<char>(digit(value[i + 1]) * 16 + digit(value[i + 2]));
      i += 2;
    }
  }
  return out;
}

Error unrun(ErrorKind kind, std::string_view text) noexcept {
  Error error{kind, 0, 0, text};
  error.never_ran = true;
  return error;
}

Message error_answer(const std::string& to, const Error& error) {
  const auto words = error.message.view();
  Message out(to, {}, {reinterpret_cast<const std::byte*>(words.data()), words.size()});
  out.set(header::kind, std::string(to_string(error.kind)));
  out.set(header::service_error, header_text(words.empty() ? to_string(error.kind) : words));
  const auto code = error.kind == ErrorKind::rejected ? error.code : 0;
  out.set(header::service_code, std::to_string(code != 0 ? code : 500));
  if (error.code != 0) out.set(header::code, std::to_string(error.code));
  if (error.never_ran || !may_have_started(error)) out.set(header::never_ran, std::string("1"));
  if (error.needed != 0) out.set(header::needed, error.needed);
  if (error.retry_after_ns != 0) out.set(header::retry, error.retry_after_ns);
  if (!error.causes.empty()) {
    const auto bytes = error.causes.bytes();
    out.set(header::causes,
            codec::to_hex({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}));
  }
  return out;
}

std::optional<Error> error_in(const Message& answer) {
  if (answer.no_responders()) {
    return unrun(ErrorKind::not_registered, "no machine serves this name now");
  }
  const auto kind = answer.get(header::kind);
  const auto foreign = answer.get(header::service_error);
  if (kind.empty() && foreign.empty()) return std::nullopt;
  Error error{kind.empty() ? ErrorKind::rejected : kind_named(kind), 0, 0, {}};
  if (kind.empty()) error.message = std::string_view(text_of_header(foreign));
  if (!kind.empty()) error.message = answer.text();
  const auto code = answer.get(kind.empty() ? header::service_code : header::code);
  (void)std::from_chars(code.data(), code.data() + code.size(), error.code);
  error.never_ran = answer.get(header::never_ran) == "1";
  error.needed = answer.number(header::needed).value_or(0);
  error.retry_after_ns = answer.number(header::retry).value_or(0);
  if (const auto bytes = codec::parse_hex(answer.get(header::causes))) {
    error.causes = Causes::parse({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  }
  return error;
}

}  // namespace shmbus::bridge
