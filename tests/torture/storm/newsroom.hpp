// Publishers and subscribers of events in a storm, and what each side says that it did, in memory
// that no library code sees.
//
// One that holds and is never killed is there from the beginning: it must be given all events of
// each life of a publisher, up to the last one that publish() had returned for, or one more. All
// others check by themselves that what they are given is whole and in order, and that what they
// missed is counted to the event.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "support/child.hpp"
#include "torture/storm/roles.hpp"
#include "torture/support/summary.hpp"

namespace shmbus::torture {

inline constexpr std::uint32_t publisher_lives_max = 1U << 15U;

struct News {
  std::atomic<bool> over{false};
  std::atomic<std::uint32_t> reading{0};  ///< the one that hears everything is there
  std::atomic<std::uint32_t> lives{0};    ///< of publishers
  std::atomic<std::uint32_t> published[publisher_lives_max]{};
  std::atomic<std::uint32_t> heard[publisher_lives_max]{};  ///< the newest, by the one above
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<std::uint64_t> delivered{0};
  std::atomic<std::uint64_t> missed{0};
};

class Newsroom {
 public:
  enum class Kind : std::uint8_t { publisher, skipper, holder };
  struct Member {
    test::Child process;
    Kind kind;
  };

  Newsroom(const std::string& path, std::uint64_t seed) : path_(path), seed_(seed) {}
  /// False when the one that hears everything cannot subscribe.
  bool open();
  /// Who may be killed and stopped.
  [[nodiscard]] std::vector<Member>& members() noexcept { return members_; }
  /// For one that was killed.
  void replace(Member& member);
  /// All end, and both sides are compared. Their lanes and memory are free afterwards.
  void close(Summary& summary);
  [[nodiscard]] std::string counts() const;

 private:
  test::Child start(Kind kind);

  std::string path_;
  std::uint64_t seed_;
  std::uint64_t started_ = 0;
  test::Shared<News> news_;
  test::Child auditor_;
  std::vector<Member> members_;
  std::uint64_t events_ = 0;
};

}  // namespace shmbus::torture
