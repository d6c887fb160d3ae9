// The status that stands in a cell, as the kind of error that a caller gets.
#pragma once

#include "layout/status_code.hpp"
#include "shmbus/error_kind.hpp"

namespace shmbus::detail {

ErrorKind kind_of(StatusCode code) noexcept;

}  // namespace shmbus::detail
