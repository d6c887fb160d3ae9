// Streams through shmbus.h alone; the server runs in a thread of its own.
#include <atomic>
#include <thread>
#include <vector>

#include "capi/pair.hpp"

using namespace shmbus::test;

namespace {

/// Puts the numbers 0 .. n - 1, n being the request as text.
void count_up(void* context, shmbus_context_t* command) {
  std::size_t size = 0;
  const auto* text = static_cast<const char*>(shmbus_context_request(command, &size));
  const std::uint64_t count = std::stoull(std::string(text, size));
  auto error = no_error();
  shmbus_writer_t* out = nullptr;
  if (shmbus_context_writer(command, &out, &error) != SHMBUS_OK) {
    return shmbus_context_reject(command, 1, "no stream");
  }
  shmbus_writer_t* second_one = nullptr;
  CHECK(shmbus_context_writer(command, &second_one, nullptr) == SHMBUS_INVALID_ARGUMENT);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (shmbus_writer_put(out, &i, sizeof i, SHMBUS_DEFAULT_TIMEOUT, &error) != SHMBUS_OK) {
      if (context != nullptr) static_cast<std::atomic<int>*>(context)->store(error.kind);
      break;
    }
  }
  shmbus_writer_free(out);
}

/// Answers with how many records came.
void count_in(void* /*context*/, shmbus_context_t* command) {
  shmbus_reader_t* in = nullptr;
  if (shmbus_context_reader(command, &in, nullptr) != SHMBUS_OK) {
    return shmbus_context_reject(command, 1, "no stream");
  }
  const void* record = nullptr;
  std::size_t size = 0;
  std::uint64_t count = 0;
  int kind = SHMBUS_OK;
  while ((kind = shmbus_reader_next(in, SHMBUS_FOREVER, &record, &size, nullptr)) == SHMBUS_OK) {
    CHECK(size == sizeof count);
    CHECK(std::memcmp(record, &count, sizeof count) == 0);
    ++count;
  }
  shmbus_reader_free(in);
  CHECK(kind == SHMBUS_STREAM_ENDED);
  (void)shmbus_context_reply(command, &count, sizeof count, nullptr);
}

/// Defers; another thread puts each record back in place, and answers.
struct Later {
  std::thread thread;
  static void go(void* context, shmbus_context_t* command) {
    auto* const responder = shmbus_context_defer(command);
    shmbus_reader_t* none = nullptr;
    CHECK(shmbus_context_reader(command, &none, nullptr) == SHMBUS_INVALID_ARGUMENT);
    static_cast<Later*>(context)->thread = std::thread([responder] {
      shmbus_reader_t* in = nullptr;
      shmbus_writer_t* out = nullptr;
      CHECK(shmbus_responder_reader(responder, &in, nullptr) == SHMBUS_OK);
      CHECK(shmbus_responder_writer(responder, &out, nullptr) == SHMBUS_OK);
      const void* record = nullptr;
      std::size_t size = 0;
      while (shmbus_reader_next(in, SHMBUS_FOREVER, &record, &size, nullptr) == SHMBUS_OK) {
        void* room = nullptr;
        if (shmbus_writer_loan(out, size, SHMBUS_FOREVER, &room, nullptr) != SHMBUS_OK) break;
        std::memcpy(room, record, size);
        CHECK(shmbus_writer_commit(out, size, nullptr) == SHMBUS_OK);
      }
      shmbus_writer_free(out);
      shmbus_reader_free(in);
      CHECK(shmbus_responder_reply(responder, nullptr, 0, nullptr) == SHMBUS_OK);
    });
  }
};

class Serving {
 public:
  explicit Serving(CPair& pair)
      : pair_(&pair),
        thread_([&pair] { CHECK(shmbus_server_run(pair.server, nullptr) == SHMBUS_OK); }) {}
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;
  ~Serving() {
    shmbus_server_stop(pair_->server);
    thread_.join();
  }

 private:
  CPair* pair_;
  std::thread thread_;
};

shmbus_stream_t* open(CPair& pair, std::int32_t records, std::string_view request = {}) {
  shmbus_stream_options_t how{};
  how.size = sizeof how;
  how.records = records;
  how.reply_capacity = 64;
  how.timeout_ns = 20 * second;
  shmbus_stream_t* stream = nullptr;
  auto error = no_error();
  const int kind =
      shmbus_caller_open(pair.caller, request.data(), request.size(), &how, &stream, &error);
  INFO(error.text);
  REQUIRE(kind == SHMBUS_OK);
  return stream;
}

}  // namespace

TEST_CASE("a stream from the handler is read to its end", "[c-abi]") {
  CPair pair;
  pair.on("count", count_up);
  pair.call_to("count");
  const Serving serving(pair);
  auto* const stream = open(pair, SHMBUS_RECORDS_FROM_HANDLER, "5000");
  const void* record = nullptr;
  std::size_t size = 0;
  std::uint64_t count = 0;
  int kind = SHMBUS_OK;
  while ((kind = shmbus_stream_next(stream, 5 * second, &record, &size, nullptr)) == SHMBUS_OK) {
    REQUIRE(size == sizeof count);
    REQUIRE(std::memcmp(record, &count, sizeof count) == 0);
    ++count;
  }
  CHECK(kind == SHMBUS_STREAM_ENDED);
  CHECK(count == 5000);
  CHECK(shmbus_stream_ready(stream) == 1);
  CHECK(shmbus_stream_end(stream, nullptr) == SHMBUS_OK);
  shmbus_caller_free(std::exchange(pair.caller, nullptr));  // the stream keeps what it needs
  shmbus_stream_free(stream);
}

TEST_CASE("a stream that is cancelled stops its handler", "[c-abi]") {
  CPair pair;
  std::atomic<int> stopped = 0;
  pair.on("count", count_up, &stopped);
  pair.call_to("count");
  {
    const Serving serving(pair);
    auto* const stream = open(pair, SHMBUS_RECORDS_FROM_HANDLER, "100000000");
    const void* record = nullptr;
    std::size_t size = 0;
    CHECK(shmbus_stream_next(stream, 5 * second, &record, &size, nullptr) == SHMBUS_OK);
    shmbus_stream_cancel(stream);
    (void)shmbus_stream_end(stream, nullptr);
    shmbus_stream_free(stream);
  }
  CHECK(stopped == SHMBUS_CANCELLED);
}

TEST_CASE("records go to the handler, and its reply comes back", "[c-abi]") {
  CPair pair;
  pair.on("count", count_in);
  pair.call_to("count");
  const Serving serving(pair);
  auto* const stream = open(pair, SHMBUS_RECORDS_TO_HANDLER);
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    void* room = nullptr;
    REQUIRE(shmbus_stream_loan(stream, 64, 5 * second, &room, nullptr) == SHMBUS_OK);
    std::memcpy(room, &i, sizeof i);
    REQUIRE(shmbus_stream_commit(stream, sizeof i, nullptr) == SHMBUS_OK);
  }
  REQUIRE(shmbus_stream_close(stream, nullptr) == SHMBUS_OK);
  shmbus_reply_t* reply = nullptr;
  REQUIRE(shmbus_stream_finish(stream, &reply, nullptr) == SHMBUS_OK);
  std::uint64_t count = 0;
  std::size_t size = 0;
  const void* bytes = shmbus_reply_data(reply, &size);
  REQUIRE(size == sizeof count);
  std::memcpy(&count, bytes, sizeof count);
  CHECK(count == 10'000);
  shmbus_stream_free(stream);  // the reply keeps its memory
  shmbus_reply_drop(reply);
}

TEST_CASE("records go both ways, through a responder in another thread", "[c-abi]") {
  CPair pair;
  Later later;
  pair.on("both", Later::go, &later);
  pair.call_to("both");
  {
    const Serving serving(pair);
    auto* const stream = open(pair, SHMBUS_RECORDS_BOTH);
    for (int i = 0; i < 1000; ++i) {
      const std::string sent(static_cast<std::size_t>(i), 'r');
      REQUIRE(shmbus_stream_put(stream, sent.data(), sent.size(), second, nullptr) == SHMBUS_OK);
      const void* record = nullptr;
      std::size_t size = 0;
      REQUIRE(shmbus_stream_next(stream, 5 * second, &record, &size, nullptr) == SHMBUS_OK);
      REQUIRE(std::string(static_cast<const char*>(record), size) == sent);
    }
    CHECK(shmbus_stream_close(stream, nullptr) == SHMBUS_OK);
    CHECK(shmbus_stream_end(stream, nullptr) == SHMBUS_OK);
    shmbus_stream_free(stream);
  }
  later.thread.join();
}

TEST_CASE("what is no stream, and options that nobody knows, are refused", "[c-abi]") {
  CPair pair;
  pair.on("count", count_up);
  pair.call_to("count");
  auto error = no_error();
  CHECK(pair.call("3", &error).empty());  // a call, not a stream
  CHECK(error.kind == SHMBUS_REJECTED);
  CHECK(error.code == 1);
  shmbus_stream_options_t how{};
  how.size = sizeof how;
  how.records = 3;
  shmbus_stream_t* stream = nullptr;
  CHECK(shmbus_caller_open(pair.caller, nullptr, 0, &how, &stream, &error) ==
        SHMBUS_INVALID_ARGUMENT);
  CHECK(stream == nullptr);
}

TEST_CASE("a schema may have a stream on either side", "[c-abi]") {
  CHECK(shmbus_schema_check("u32->stream<{a:u8@0}1/1>", "u32->stream<{a:u8@0}1/1>", nullptr) ==
        SHMBUS_OK);
  CHECK(shmbus_schema_check("u32->stream<u8>", "u32->u8", nullptr) == SHMBUS_TYPE_MISMATCH);
  CHECK(shmbus_schema_check("u32->stream<what>", "u32->u8", nullptr) == SHMBUS_INVALID_ARGUMENT);
}
