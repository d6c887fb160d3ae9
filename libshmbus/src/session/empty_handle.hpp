// The error of a handle that stands for nothing.
#pragma once

#include "shmbus/error.hpp"

namespace shmbus::detail {

/// Cold, and returning what its caller returns: the usual case is then a plain jump.
template <class T>
[[gnu::cold, gnu::noinline]] Result<T> empty_handle() noexcept {
  return fail(ErrorKind::invalid_argument, "this handle is empty: it was moved from or used up");
}

}  // namespace shmbus::detail
