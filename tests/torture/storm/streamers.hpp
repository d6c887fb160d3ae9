// Handlers and callers of streams in a storm, and what each side says that it did, in memory that
// no library code sees. At the end each stream's two sides are compared.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "support/child.hpp"
#include "torture/storm/roles.hpp"
#include "torture/support/summary.hpp"

namespace shmbus::torture {

inline constexpr std::uint32_t storm_streams_max = 1U << 17U;

enum class StreamTold : std::uint8_t { nothing, ok, died, not_run, cancelled, wrong };

/// The records of one direction, as its two sides count them.
struct StreamCount {
  std::atomic<std::uint32_t> put{0};  ///< put() has returned for so many
  std::atomic<std::uint32_t> read{0};
  std::atomic<bool> to_end{false};  ///< the reader was told an end behind which nothing is lost
};

struct StreamAccount {
  std::atomic<std::uint32_t> asked{0};  ///< from the handler; known before it is opened
  std::atomic<std::uint16_t> starts{0};
  std::atomic<bool> cancels{false};  ///< its caller may not have wanted all
  std::atomic<StreamTold> told{StreamTold::nothing};
  StreamCount from_handler, to_handler;
};

struct StreamBooks {
  std::atomic<bool> over{false};  ///< callers open no more streams
  std::atomic<bool> handlers_over{false};
  std::atomic<std::uint32_t> opened{0};
  std::atomic<std::uint32_t> wrong{0};  ///< torn or out of order
  std::atomic<std::uint64_t> records{0};
  StreamAccount streams[storm_streams_max];
};

class Streamers {
 public:
  enum class Kind : std::uint8_t { handler, caller };
  struct Member {
    test::Child process;
    Kind kind;
  };

  Streamers(const std::string& path, std::uint64_t seed) : path_(path), seed_(seed) {}
  void open();
  /// Who may be killed and stopped.
  [[nodiscard]] std::vector<Member>& members() noexcept { return members_; }
  /// For one that was killed.
  void replace(Member& member) { member.process = start(member.kind); }
  /// All end, and both sides are compared.
  void close(Summary& summary);
  [[nodiscard]] std::string counts() const;

 private:
  test::Child start(Kind kind);
  void end(Kind kind, Summary& summary);
  void judge(std::uint32_t number, Summary& summary);

  std::string path_;
  std::uint64_t seed_;
  std::uint64_t started_ = 0;
  std::uint64_t ended_well_ = 0;
  std::uint64_t died_ = 0;
  test::Shared<StreamBooks> books_;
  std::vector<Member> members_;
};

/// Bodies of the processes (stream_roles.cpp). They return exit codes.
int serve_streams_for_ever(const std::string& path, StreamBooks& books, std::uint64_t seed);
int stream_for_ever(const std::string& path, StreamBooks& books, std::uint64_t seed);

}  // namespace shmbus::torture
