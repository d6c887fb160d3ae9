// Commands that came with a context: the handler's place in their trace, and its span.
#include <cstring>

#include "serve/server_core.hpp"
#include "trace/here.hpp"
#include "words/request.hpp"

namespace shmbus::detail {

void Invocation::begin_span() noexcept {
  layout::CellContext context;
  std::memcpy(
      &context,
      reinterpret_cast<const std::byte*>(taken.words.data()) + lane::inline_beside_block_offset,
      sizeof context);
  span = trace::begin_handler(context);
  trace::Watchful::begin();  // also one-way commands that the handler sends belong to the trace
}

trace::CommandId Invocation::id() const noexcept {
  return {taken.word().code(), lane->adopted_word().endpoint(), lane->index(), taken.word().seq(),
          lane->party()};
}

/// REQUIRES: span. A deferred command takes its span along.
void Invocation::end_span(ErrorKind error, std::int32_t code) noexcept {
  trace::Watchful::end();
  if (!deferred) {
    trace::end_handler(server->attachment(), *span, one_way, id(), error, code);
  }
  span.reset();
}

/// Before the answer is committed: the process that has read it finds the span.
void Invocation::end_span(const Status& status) noexcept {
  if (status.is_ok() && target.needed != 0) {
    end_span(ErrorKind::too_large, 0);
  } else {
    end_span(status.kind(), status.code());
  }
}

}  // namespace shmbus::detail
