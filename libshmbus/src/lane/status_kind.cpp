#include "lane/status_kind.hpp"

namespace shmbus::detail {

ErrorKind kind_of(StatusCode code) noexcept {
  switch (code) {
    case StatusCode::ok:
      return ErrorKind::none;
    case StatusCode::rejected:
    case StatusCode::rejected_because:
      return ErrorKind::rejected;
    case StatusCode::handler_died:
      return ErrorKind::handler_died_after_start;
    case StatusCode::expired:
      return ErrorKind::timed_out;
    case StatusCode::cancelled:
      return ErrorKind::cancelled;
    case StatusCode::not_registered:
      return ErrorKind::not_registered;
    case StatusCode::reply_too_large:
      return ErrorKind::too_large;
    case StatusCode::abandoned:
      return ErrorKind::abandoned;
    case StatusCode::malformed:
      return ErrorKind::corrupted;
    case StatusCode::not_permitted:
      return ErrorKind::not_permitted;
    case StatusCode::overloaded:
      return ErrorKind::overloaded;
    case StatusCode::invalid_argument:
      return ErrorKind::invalid_argument;
  }
  return ErrorKind::corrupted;
}

}  // namespace shmbus::detail
