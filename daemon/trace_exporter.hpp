// Hands the spans of a bus to a collector, on a thread of its own.
//
// The supervisor never meets the collector: this thread looks at the bus through a read-only
// mapping of its own (inspect/reader.hpp) and shares nothing with the loop. A collector that is
// slow or away costs spans, which are counted and told of in the log.
#pragma once

#include <memory>
#include <string>

#include "daemon/messages.hpp"
#include "daemon/program.hpp"
#include "daemon/span_counts.hpp"
#include "shmbus/error.hpp"

namespace shmbus::daemon {

class TraceExporter {
 public:
  /// `bus` is followed by its name: when it is replaced, the next look is at the new one. The log
  /// and the counts must outlive this. Spans from before are left alone: the last daemon has
  /// exported them.
  static Result<std::unique_ptr<TraceExporter>> start(std::string url, std::string bus,
                                                      const Log& log, SpanCounts& counts);
  TraceExporter(const TraceExporter&) = delete;
  TraceExporter& operator=(const TraceExporter&) = delete;
  ~TraceExporter();  ///< tries once more to hand over what is left, for a second at most

 private:
  struct State;
  explicit TraceExporter(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace shmbus::daemon
