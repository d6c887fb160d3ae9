// Streams of numbers, between a handler process and the test.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"

namespace shmbus::test {

/// A record: its number, and bytes that follow from it, as many as asked for.
inline std::vector<std::byte> numbered(std::uint64_t number, std::size_t bytes = 64) {
  std::vector<std::byte> record(std::max(bytes, sizeof number));
  for (std::size_t i = 0; i < record.size(); ++i) {
    record[i] = static_cast<std::byte>(number * 131 + i);
  }
  std::memcpy(record.data(), &number, sizeof number);
  return record;
}
inline std::uint64_t number_of(std::span<const std::byte> record) {
  std::uint64_t number = ~0ULL;
  if (record.size() >= sizeof number) std::memcpy(&number, record.data(), sizeof number);
  return number;
}
/// It is numbered(number, its size), complete.
inline bool is_numbered(std::span<const std::byte> record, std::uint64_t number) {
  const auto want = numbered(number, record.size());
  return std::equal(record.begin(), record.end(), want.begin(), want.end());
}

struct Count {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t bytes = 64;
};

/// Puts the numbers that it was asked for, until it must stop.
inline Status count_up(Context& context) {
  Count count;
  if (context.request().size() != sizeof count) return Status::reject(1, "no Count");
  std::memcpy(&count, context.request().data(), sizeof count);
  RawWriter out(context);
  if (!out.valid()) return Status::reject(2, "no stream");
  for (std::uint64_t i = count.from; i < count.to; ++i) {
    if (auto put = out.put(numbered(i, count.bytes)); !put) return rejected_as(put.error());
  }
  return Status::ok();
}

/// Reads numbers until the caller has sent all; answers how many, and their sum.
struct Sum {
  std::uint64_t records = 0;
  std::uint64_t sum = 0;
};
inline Status add_up(Context& context) {
  RawReader in(context);
  if (!in.valid()) return Status::reject(2, "no stream");
  Sum sum;
  for (;;) {
    const auto record = in.next();
    if (!record && record.error().kind != ErrorKind::stream_ended) {
      return rejected_as(record.error());
    }
    if (!record) break;
    if (!is_numbered(*record, sum.records)) return Status::reject(3, "another number");
    sum.sum += number_of(*record);
    ++sum.records;
  }
  return answer(context, raw(sum));
}

/// Puts each record back, in the other direction.
inline Status echo_records(Context& context) {
  RawReader in(context);
  RawWriter out(context);
  if (!in.valid() || !out.valid()) return Status::reject(2, "no stream");
  for (;;) {
    const auto record = in.next();
    if (!record) break;
    if (auto put = out.put(*record); !put) return rejected_as(put.error());
  }
  return Status::ok();
}

/// A handler process with all of these.
inline Child streams_process(const std::string& path) {
  return handler_process(path,
                         handlers({{"count", count_up}, {"add", add_up}, {"echo", echo_records}}));
}

/// Reads the numbers from `from` on; returns the one behind the last.
inline std::uint64_t read_numbers(RawStream& stream, std::uint64_t from, Duration gap = forever) {
  for (;;) {
    const auto record = stream.next(gap);
    if (!record) return from;
    REQUIRE(is_numbered(*record, from));
    ++from;
  }
}

}  // namespace shmbus::test
