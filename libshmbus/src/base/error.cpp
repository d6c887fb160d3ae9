#include "shmbus/error.hpp"

namespace shmbus {

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::none:
      return "none";
    case ErrorKind::not_registered:
      return "not_registered";
    case ErrorKind::rejected:
      return "rejected";
    case ErrorKind::timed_out:
      return "timed_out";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::handler_died_before_start:
      return "handler_died_before_start";
    case ErrorKind::handler_died_after_start:
      return "handler_died_after_start";
    case ErrorKind::overloaded:
      return "overloaded";
    case ErrorKind::type_mismatch:
      return "type_mismatch";
    case ErrorKind::too_large:
      return "too_large";
    case ErrorKind::not_permitted:
      return "not_permitted";
    case ErrorKind::bus_unusable:
      return "bus_unusable";
    case ErrorKind::already_registered:
      return "already_registered";
    case ErrorKind::invalid_argument:
      return "invalid_argument";
    case ErrorKind::wrong_thread:
      return "wrong_thread";
    case ErrorKind::forked:
      return "forked";
    case ErrorKind::corrupted:
      return "corrupted";
    case ErrorKind::abandoned:
      return "abandoned";
    case ErrorKind::limit_reached:
      return "limit_reached";
    case ErrorKind::stream_ended:
      return "stream_ended";
  }
  return "unknown";
}

}  // namespace shmbus
