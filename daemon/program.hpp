// What the daemon shares with other programs that serve: its log, its sockets, sd_notify.
#pragma once

#include "common/descriptor.hpp"
#include "common/listen_socket.hpp"
#include "common/log.hpp"
#include "common/notify.hpp"

namespace shmbus::daemon {

using program::Descriptor;
using program::Field;
using program::Level;
using program::level_from;
using program::listen_at;
using program::ListenSocket;
using program::Log;
using program::Notifier;

}  // namespace shmbus::daemon
