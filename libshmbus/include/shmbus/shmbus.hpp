// Everything a user of the library needs.
#pragma once

#include "shmbus/cxx20.hpp"

#include "shmbus/bus.hpp"
#include "shmbus/caller.hpp"
#include "shmbus/command.hpp"
#include "shmbus/error.hpp"
#include "shmbus/errors.hpp"
#include "shmbus/event.hpp"
#include "shmbus/log.hpp"
#include "shmbus/middleware.hpp"
#include "shmbus/name_watch.hpp"
#include "shmbus/options.hpp"
#include "shmbus/policy.hpp"
#include "shmbus/retry.hpp"
#include "shmbus/schema.hpp"
#include "shmbus/server.hpp"
#include "shmbus/signals.hpp"
#include "shmbus/stream.hpp"
#include "shmbus/trace.hpp"
#include "shmbus/typed_stream.hpp"
#include "shmbus/types.hpp"
