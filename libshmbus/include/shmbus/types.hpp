// Values that are safe in shared memory: no pointers, trivially copyable, no allocation. What
// lengths a peer claims is checked where they are read.
#pragma once

#include "shmbus/types/email.hpp"
#include "shmbus/types/in_message.hpp"
#include "shmbus/types/optional.hpp"
#include "shmbus/types/string.hpp"
#include "shmbus/types/timestamp.hpp"
#include "shmbus/types/uuid.hpp"
#include "shmbus/types/vector.hpp"
