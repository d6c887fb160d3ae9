// A runner for tests that look at each command by itself.
#pragma once

#include "serve/owned_endpoint.hpp"

namespace shmbus::test {

class EachCommand : public serve::CommandRunner {
 public:
  virtual void run(serve::OwnerLane& lane, const serve::Taken& taken) noexcept = 0;

  std::size_t run_queued(serve::OwnerLane& lane, std::size_t limit) noexcept override {
    serve::Taken taken;
    std::size_t ran = 0;
    for (; ran < limit && lane.take(taken) == serve::TakeResult::taken; ++ran) run(lane, taken);
    return ran;
  }

 protected:
  ~EachCommand() = default;
};

}  // namespace shmbus::test
