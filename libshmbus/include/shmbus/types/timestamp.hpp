// Timestamp: a moment in UTC, as nanoseconds since 1970; good for the years 1678 to 2261.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shmbus/fixed_string.hpp"

namespace shmbus {

struct Timestamp {
  std::int64_t ns = 0;  ///< since 1970-01-01T00:00:00Z, leap seconds not counted

  using Clock = std::chrono::system_clock;
  [[nodiscard]] static Timestamp now() noexcept { return from(Clock::now()); }
  [[nodiscard]] static constexpr Timestamp from(Clock::time_point moment) noexcept {
    return {
        std::chrono::duration_cast<std::chrono::nanoseconds>(moment.time_since_epoch()).count()};
  }
  [[nodiscard]] constexpr Clock::time_point time_point() const noexcept {
    return Clock::time_point(
        std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(ns)));
  }

  /// RFC 3339: "2026-11-22T08:30:00Z", with fractions of a second and an offset ("+01:00") if there
  /// are any. Nothing when it is not that, or out of range.
  [[nodiscard]] static constexpr std::optional<Timestamp> parse(std::string_view text) noexcept;
  /// In UTC, with as many digits of the fraction as it takes.
  [[nodiscard]] constexpr FixedText<32> text() const noexcept;

  friend constexpr auto operator<=>(const Timestamp&, const Timestamp&) noexcept = default;
};

namespace detail {

inline constexpr std::int64_t ns_per_s = 1'000'000'000;
inline constexpr std::int64_t seconds_per_day = 86'400;

/// Takes a text apart from its front.
class TimeReader {
 public:
  constexpr explicit TimeReader(std::string_view text) noexcept : text_(text) {}

  constexpr std::int64_t digits(std::size_t count) noexcept {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value * 10 + digit();
    return value;
  }
  constexpr bool accept(char wanted) noexcept {
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  constexpr void expect(char wanted) noexcept { good_ = accept(wanted) && good_; }
  constexpr std::int64_t fraction_ns() noexcept {
    std::int64_t unit = ns_per_s;
    std::int64_t value = 0;
    bool any = false;
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') {
      unit /= 10;
      value += unit * digit();
      any = true;
    }
    good_ = good_ && any;
    return value;
  }
  constexpr void reject() noexcept { good_ = false; }
  [[nodiscard]] constexpr bool finished() const noexcept { return good_ && text_.empty(); }

 private:
  constexpr std::int64_t digit() noexcept {
    if (text_.empty() || text_.front() < '0' || text_.front() > '9') {
      good_ = false;
      return 0;
    }
    const std::int64_t value = text_.front() - '0';
    text_.remove_prefix(1);
    return value;
  }
  std::string_view text_;
  bool good_ = true;
};

constexpr std::int64_t offset_seconds(TimeReader& in) noexcept {
  if (in.accept('Z') || in.accept('z')) return 0;
  const bool west = in.accept('-');
  if (!west) in.expect('+');
  const std::int64_t hours = in.digits(2);
  in.expect(':');
  const std::int64_t minutes = in.digits(2);
  if (hours > 23 || minutes > 59) in.reject();
  return (hours * 3600 + minutes * 60) * (west ? -1 : 1);
}

}  // namespace detail

constexpr std::optional<Timestamp> Timestamp::parse(std::string_view text) noexcept {
  using namespace std::chrono;
  detail::TimeReader in(text);
  const auto y = in.digits(4);
  in.expect('-');
  const auto mo = in.digits(2);
  in.expect('-');
  const auto d = in.digits(2);
  if (!in.accept('T') && !in.accept('t')) in.expect(' ');
  const auto h = in.digits(2);
  in.expect(':');
  const auto mi = in.digits(2);
  in.expect(':');
  const auto s = in.digits(2);
  const auto fraction = in.accept('.') ? in.fraction_ns() : 0;
  const auto offset = detail::offset_seconds(in);
  const year_month_day date{year(static_cast<int>(y)), month(static_cast<unsigned>(mo)),
                            day(static_cast<unsigned>(d))};
  if (!in.finished() || !date.ok() || h > 23 || mi > 59 || s > 60) return std::nullopt;
  if (y < 1678 || y > 2261) return std::nullopt;
  const std::int64_t days = sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * detail::seconds_per_day + h * 3600 + mi * 60 + s - offset;
  return Timestamp{seconds * detail::ns_per_s + fraction};
}

constexpr FixedText<32> Timestamp::text() const noexcept {
  using namespace std::chrono;
  std::int64_t seconds = ns / detail::ns_per_s;
  std::int64_t rest = ns % detail::ns_per_s;
  if (rest < 0) {
    rest += detail::ns_per_s;
    --seconds;
  }
  std::int64_t days_since = seconds / detail::seconds_per_day;
  std::int64_t in_day = seconds % detail::seconds_per_day;
  if (in_day < 0) {
    in_day += detail::seconds_per_day;
    --days_since;
  }
  const year_month_day date{sys_days(days(static_cast<int>(days_since)))};
  FixedText<32> out;
  const auto put = [&out](std::int64_t value, int width) {
    std::int64_t unit = 1;
    for (int i = 1; i < width; ++i) unit *= 10;
    for (; unit > 0; unit /= 10) {
      out.append(static_cast<unsigned long long>(value / unit % 10));
    }
  };
  put(static_cast<int>(date.year()), 4);
  out.append("-");
  put(static_cast<unsigned>(date.month()), 2);
  out.append("-");
  put(static_cast<unsigned>(date.day()), 2);
  out.append("T");
  put(in_day / 3600, 2);
  out.append(":");
  put(in_day / 60 % 60, 2);
  out.append(":");
  put(in_day % 60, 2);
  if (rest != 0) {
    int width = 9;
    for (; rest % 10 == 0; rest /= 10) --width;
    out.append(".");
    put(rest, width);
  }
  return out.append("Z");
}

}  // namespace shmbus
