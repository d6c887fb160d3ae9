// The process under the knife, before it is cut off.
#pragma once

#include <sys/types.h>

#include <optional>

#include "torture/step/operations.hpp"

namespace shmbus::torture {

/// The calling process, or any processor again.
void run_on(std::optional<int> cpu);
/// By a signal, not by its tracer.
bool is_stopped(pid_t pid);
/// Prepares, stops itself to be traced, and acts. Returns when it could not prepare.
int be_subject(World& world, const Operation& operation);

}  // namespace shmbus::torture
