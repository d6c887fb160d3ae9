// Both ends of a window in one process: records of all sizes, the end of the ring, and words that
// no correct process writes.
#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "stream/window.hpp"
#include "support/catch.hpp"

using namespace shmbus;
using layout::RecordKind;
using layout::RecordWord;
using stream::Window;
using stream::WindowReader;
using stream::WindowWriter;

namespace {

constexpr std::size_t ring_bytes = 512;

struct Memory {
  alignas(64) std::byte bytes[layout::window_head_bytes + ring_bytes];
  Window window = *Window::in(bytes, sizeof bytes);
  Memory() {
    std::memset(bytes, 0xFF, sizeof bytes);  // what another command has left
    window.clear();
  }
};

std::vector<std::byte> record_of(std::uint64_t number, std::size_t size) {
  std::vector<std::byte> record(size);
  for (std::size_t i = 0; i < size; ++i) record[i] = static_cast<std::byte>(number * 31 + i);
  return record;
}

bool put(WindowWriter& out, const std::vector<std::byte>& record) {
  if (out.reserve(record.size()) != WindowWriter::Room::there) return false;
  std::copy(record.begin(), record.end(), out.data());
  out.commit(record.size());
  return true;
}

bool same(std::span<const std::byte> got, const std::vector<std::byte>& want) {
  return std::equal(got.begin(), got.end(), want.begin(), want.end());
}

}  // namespace

TEST_CASE("a block that is too small is no window", "[window]") {
  alignas(64) std::byte block[layout::window_head_bytes + layout::window_ring_bytes_min];
  CHECK_FALSE(Window::in(block, sizeof block - 1));
  CHECK_FALSE(Window::in(nullptr, sizeof block));
  CHECK(Window::in(block, sizeof block)->size == layout::window_ring_bytes_min);
}

TEST_CASE("records come in order, each once, whatever their sizes", "[window]") {
  const auto seed = GENERATE(range(0U, 40U));
  std::mt19937 random(seed);
  Memory memory;
  WindowWriter out(memory.window);
  WindowReader in(memory.window);
  std::uint64_t put_so_far = 0;
  std::uint64_t taken = 0;
  std::vector<std::size_t> sizes;
  while (taken < 2000) {
    if (random() % 2 == 0) {
      const std::size_t size = random() % (seed % 2 == 0 ? 40 : out.record_bytes_max() + 1);
      if (put(out, record_of(put_so_far, size))) {
        sizes.push_back(size);
        ++put_so_far;
      }
    } else {
      std::span<const std::byte> got;
      const auto came = in.next(got);
      if (came == WindowReader::Next::record) {
        REQUIRE(taken < put_so_far);
        REQUIRE(same(got, record_of(taken, sizes[taken])));
        ++taken;
        (void)in.release();
      } else {
        REQUIRE(came == WindowReader::Next::none);
        REQUIRE(taken == put_so_far);
        (void)in.tell();
      }
    }
  }
}

TEST_CASE("the largest record fits a window that was used before, a larger one never", "[window]") {
  Memory memory;
  WindowWriter out(memory.window);
  WindowReader in(memory.window);
  std::span<const std::byte> got;
  REQUIRE(put(out, record_of(1, 100)));
  REQUIRE(in.next(got) == WindowReader::Next::record);
  (void)in.release();
  CHECK(in.next(got) == WindowReader::Next::none);
  (void)in.tell();
  const auto largest = record_of(2, out.record_bytes_max());
  CHECK_FALSE(put(out, largest));  // the rest of the ring has to be passed first
  CHECK(in.next(got) == WindowReader::Next::none);
  CHECK(in.tell());
  REQUIRE(put(out, largest));
  REQUIRE(in.next(got) == WindowReader::Next::record);
  CHECK(same(got, largest));
  CHECK(out.reserve(out.record_bytes_max() + 1) == WindowWriter::Room::too_large);
  CHECK(out.reserve(~0ULL) == WindowWriter::Room::too_large);
}

TEST_CASE("a full window has no room until its reader has told", "[window]") {
  Memory memory;
  WindowWriter out(memory.window);
  WindowReader in(memory.window);
  int many = 0;
  while (put(out, record_of(0, 24))) ++many;
  CHECK(many == ring_bytes / 32);
  const auto change = out.change();
  CHECK_FALSE(change.there());
  std::span<const std::byte> got;
  REQUIRE(in.next(got) == WindowReader::Next::record);
  const bool told = in.release();
  CHECK_FALSE(told);  // not for every record
  CHECK_FALSE(change.there());
  CHECK(in.tell());
  CHECK(change.there());
  CHECK_FALSE(in.tell());
  CHECK(put(out, record_of(0, 24)));
}

TEST_CASE("a writer that is gone in the middle of a record has not written it", "[window]") {
  Memory memory;
  WindowWriter out(memory.window);
  WindowReader in(memory.window);
  REQUIRE(put(out, record_of(0, 24)));
  REQUIRE(out.reserve(24) == WindowWriter::Room::there);
  std::memset(out.data(), 1, 24);
  std::span<const std::byte> got;
  CHECK(in.next(got) == WindowReader::Next::record);
  (void)in.release();
  CHECK(in.next(got) == WindowReader::Next::none);
}

TEST_CASE("the end is the end", "[window]") {
  Memory memory;
  WindowWriter out(memory.window);
  WindowReader in(memory.window);
  REQUIRE(put(out, record_of(0, 24)));
  REQUIRE(out.reserve(0) == WindowWriter::Room::there);
  out.commit(0, RecordKind::end);
  std::span<const std::byte> got;
  CHECK(in.next(got) == WindowReader::Next::record);
  (void)in.release();
  CHECK(in.next(got) == WindowReader::Next::end);
  CHECK(in.next(got) == WindowReader::Next::end);
}

TEST_CASE("what no writer writes ends the stream for its reader", "[window]") {
  Memory memory;
  WindowReader in(memory.window);
  std::span<const std::byte> got;
  const auto written = GENERATE(std::uint64_t{ring_bytes}, std::uint64_t{64});
  const auto word = GENERATE(
      RecordWord::make(RecordKind::data, ring_bytes - 7).bits, RecordWord{~0ULL}.bits,
      RecordWord{0xFFFF'FFFFULL}.bits, RecordWord::make(RecordKind::skip, 8).bits,
      RecordWord::make(RecordKind::skip, 504).bits, RecordWord::make(RecordKind{3}, 8).bits);
  std::memcpy(memory.window.ring, &word, sizeof word);
  memory.window.head->writer.written.store(written);
  CHECK(in.next(got) == WindowReader::Next::spoiled);
  CHECK(in.next(got) == WindowReader::Next::spoiled);
}

TEST_CASE("a count that no writer stores ends the stream for its reader", "[window]") {
  Memory memory;
  WindowReader in(memory.window);
  std::span<const std::byte> got;
  memory.window.head->writer.written.store(
      GENERATE(std::uint64_t{ring_bytes} + 8, std::uint64_t{4}, ~0ULL, 1ULL << 63U));
  CHECK(in.next(got) == WindowReader::Next::spoiled);
}

TEST_CASE("what no reader writes ends the stream for its writer", "[window]") {
  Memory memory;
  WindowWriter out(memory.window);
  while (put(out, record_of(0, 24))) {
  }
  const auto consumed = GENERATE(std::uint64_t{ring_bytes} + 8, ~0ULL, 1ULL << 63U);
  memory.window.head->reader.consumed.store(consumed);
  CHECK(out.reserve(24) == WindowWriter::Room::spoiled);
}

TEST_CASE("random words never lead out of the ring", "[window]") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    Memory memory;
    WindowReader in(memory.window);
    for (std::uint64_t at = 0; at < ring_bytes; at += 8) {
      const std::uint64_t bits = random();
      const auto word =
          bits % 3 == 0 ? RecordWord{bits} : RecordWord::make(RecordKind(bits % 4), bits % 128);
      std::memcpy(memory.window.ring + at, &word, sizeof word);
    }
    std::span<const std::byte> got;
    std::uint64_t written = 0;
    for (int i = 0; i < 100; ++i) {
      const auto came = in.next(got);
      if (came == WindowReader::Next::spoiled) break;
      if (came == WindowReader::Next::none) {
        memory.window.head->writer.written.store(written += random() % ring_bytes / 8 * 8);
        continue;
      }
      if (came == WindowReader::Next::end) break;
      REQUIRE(got.data() >= memory.window.ring);
      REQUIRE(got.data() + got.size() <= memory.window.ring + ring_bytes);
      (void)in.release();
    }
  }
}
