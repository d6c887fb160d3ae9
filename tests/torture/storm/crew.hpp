// The processes that serve one name: one, a group, one with a canary beside it, or a relay, in
// which one takes over from the other.
#pragma once

#include <deque>
#include <functional>

#include "support/child.hpp"
#include "torture/storm/roles.hpp"

namespace shmbus::torture {

class Crew {
 public:
  using Start = std::function<test::Child(const Post&)>;
  struct Man {
    test::Child process;
    Post post;
  };

  Crew(const Weather& weather, unsigned name, Start start);

  [[nodiscard]] std::size_t size() const noexcept { return men_.size(); }
  [[nodiscard]] Man& at(std::size_t i) noexcept { return men_[i]; }

  /// In the place of one that was killed or has ended. Of a relay the next one does, if there is
  /// one.
  void replace(std::size_t i);
  /// One more that wants the name, of a relay; false when enough do.
  bool send_successor(std::uint64_t lot);

  struct Ended {
    unsigned handed_over = 0;  ///< replaced, and what they owed is answered
    unsigned shot = 0;         ///< by who took over
    unsigned not_given = 0;
    int wrong = 0;  ///< an exit code that cannot be
  };
  /// Those of a relay that ended by themselves. Leaves at least one.
  Ended look_after();

  /// It may be waited for.
  static bool has_ended(const test::Child& child);

 private:
  Post post(Part part);

  const Weather& weather_;
  unsigned name_;
  Start start_;
  std::deque<Man> men_;
  unsigned next_ = 0;
};

}  // namespace shmbus::torture
