// Where participants allocate. One that is killed frees nothing, so what all of them took in one
// execution is forgotten at once when it is over; and every execution finds the same addresses.
#pragma once

namespace shmbus::schedule::arena {

/// Participants allocate from here while one lives; the harness itself does not.
class Use {
 public:
  explicit Use(bool on = true) noexcept;
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use();

 private:
  bool before_;
};

void reset() noexcept;

}  // namespace shmbus::schedule::arena
