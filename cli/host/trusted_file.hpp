// Whether only trusted users can decide what a file holds: code that is loaded runs with the rights
// of the host.
#pragma once

#include <string>

namespace shmbus::cli::host {

/// Opens `path` for reading when it is a regular file that only the user of this process and root
/// can change or put another in the place of: it and every folder on the way to it, through
/// symbolic links too, belong to one of the two, and nobody else can write to them. Folders with
/// the sticky bit, as /tmp, may be writable by others. A group that has no other member is nobody
/// else. Throws PluginError that names what is wrong and what to do.
int open_trusted(const std::string& path);

}  // namespace shmbus::cli::host
