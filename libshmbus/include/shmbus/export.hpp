// SHMBUS_API marks what a shared libshmbus exports; everything else is compiled with hidden
// visibility. The attribute does no harm in a static library, so static and shared builds are made
// of the same objects and need no further macro from their users.
#pragma once

#include "shmbus/cxx20.hpp"

#define SHMBUS_API __attribute__((visibility("default")))
