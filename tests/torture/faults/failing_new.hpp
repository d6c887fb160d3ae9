// operator new of this program, which fails when it is told to.
#pragma once

namespace shmbus::torture {

/// Asked before each allocation; null: none fails.
extern bool (*allocation_refused)() noexcept;

}  // namespace shmbus::torture
