#pragma once
// Where the two pinned roles stand relative to each other. On shared hosts a virtual machine's
// cores move between these within seconds, and every cross-core figure moves with them by up to
// five times, so each round is labelled by a probe before and after it and only rounds of one label
// are compared.
//
// A line ping-pong tells "no shared L3" from the rest, but one core's two threads and two cores on
// one L3 can show the same. A hot 64 KiB buffer tells those apart, because two threads share the L1
// and L2 caches that it stays in. Sending it there and back is reported; the verdict rests on a
// chain of dependent loads through it, which neither a prefetcher nor wide vectors can hide.

#include <string>
#include <string_view>

namespace shmbus::bench {

enum class Placement {
  one_cpu,    ///< the process may use one core only
  one_core,   ///< two threads of one core
  shared_l3,  ///< two cores, one last-level cache
  far,        ///< no shared cache
  mixed,      ///< changed while the round ran
};

[[nodiscard]] std::string_view placement_name(Placement placement) noexcept;

struct PlacementProbe {
  Placement placement = Placement::mixed;
  double line_ns = 0;
  double buffer_64k_ns = 0;  ///< written, read and answered, there and back
  double load_ns = 0;        ///< one dependent load of a line the other side has written
};

/// Takes some 2 ms.
[[nodiscard]] PlacementProbe probe_placement();

}  // namespace shmbus::bench
