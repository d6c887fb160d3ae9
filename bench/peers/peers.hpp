#pragma once
// How a peer adds its rows: peer.<name>.rtt<size>, latencies against the floor of the same size and
// way of waiting, and peer.<name>.oneway<size>, rates against the bare ring. A peer that carries
// messages over a link (harness/link.hpp) names the link and the sizes:
//
//     auto rows = register_link<PipeLink>(registry, "pipe");
//     rows.echo<40, 1024>("spin", Wait::spin);    // what follows the mode goes to the link
//     rows.stream<32, 64>("block", Wait::block);
//
// A link that is made for one size is a template: register_sized_link<SpscLink>(registry, "spsc").

#include <functional>
#include <string>
#include <utility>

#include "harness/link.hpp"
#include "harness/registry.hpp"

namespace shmbus::bench {

/// How a side waits for the next message: by asking again and again, or asleep in the kernel.
enum class Wait { spin, block };

using RunRound = std::function<RoundResult(const RoundBudget&)>;

void add_peer_echo(Registry& registry, const std::string& peer, std::size_t bytes,
                   const std::string& mode, RunRound run);
void add_peer_stream(Registry& registry, const std::string& peer, std::size_t bytes,
                     const std::string& mode, RunRound run);

template <template <std::size_t> class LinkOf>
class LinkRows {
 public:
  LinkRows(Registry& registry, std::string peer, Isolation isolation)
      : registry_(registry), peer_(std::move(peer)), isolation_(isolation) {}

  template <std::size_t... Bytes, class... Args>
  void echo(const std::string& mode, Args... args) {
    (add_peer_echo(registry_, peer_, Bytes, mode,
                   [isolation = isolation_, args...](const RoundBudget& budget) {
                     return run_echo<Bytes, LinkOf<Bytes>>(budget, isolation, args...);
                   }),
     ...);
  }
  template <std::size_t... Bytes, class... Args>
  void stream(const std::string& mode, Args... args) {
    (add_peer_stream(registry_, peer_, Bytes, mode,
                     [isolation = isolation_, args...](const RoundBudget& budget) {
                       return run_stream<Bytes, LinkOf<Bytes>>(budget, isolation, args...);
                     }),
     ...);
  }

 private:
  Registry& registry_;
  std::string peer_;
  Isolation isolation_;
};

namespace detail {
template <class Link>
struct OfAnySize {
  template <std::size_t>
  using Is = Link;
};
}  // namespace detail

template <class Link>
[[nodiscard]] auto register_link(Registry& registry, const char* peer,
                                 Isolation isolation = Isolation::processes) {
  return LinkRows<detail::OfAnySize<Link>::template Is>(registry, peer, isolation);
}
template <template <std::size_t> class LinkOf>
[[nodiscard]] auto register_sized_link(Registry& registry, const char* peer,
                                       Isolation isolation = Isolation::processes) {
  return LinkRows<LinkOf>(registry, peer, isolation);
}

}  // namespace shmbus::bench
