// Writes JSON piece by piece, with the commas. Texts may be anybody's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "codec/json_writer.hpp"
#include "common/escape.hpp"

namespace shmbus::gateway {

class JsonOut {
 public:
  JsonOut& open(char bracket) {
    before();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  JsonOut& close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  JsonOut& key(std::string_view name) {
    before();
    text_ += escape::json(name);
    text_ += ':';
    first_ = true;
    return *this;
  }
  JsonOut& put(std::string_view text) { return raw(escape::json(text)); }
  JsonOut& put(const char* text) { return put(std::string_view(text)); }
  JsonOut& put(bool value) { return raw(value ? "true" : "false"); }
  JsonOut& put(std::uint64_t value) {
    before();
    codec::append_number(text_, value);
    return *this;
  }
  JsonOut& put(std::uint32_t value) { return put(std::uint64_t{value}); }
  JsonOut& put(std::int64_t value) {
    before();
    codec::append_number(text_, value);
    return *this;
  }
  JsonOut& put(double value) {
    before();
    codec::append_number(text_, value);
    return *this;
  }
  /// JSON that was written already.
  JsonOut& raw(std::string_view json) {
    before();
    text_ += json;
    return *this;
  }
  template <class T>
  JsonOut& field(std::string_view name, const T& value) {
    return key(name).put(value);
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  void before() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  std::string text_;
  bool first_ = true;
};

}  // namespace shmbus::gateway
