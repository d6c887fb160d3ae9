// File descriptors, never below 3. A program may run with its standard streams closed; a descriptor
// of ours would then get one of the numbers 0 to 2, and whatever the program prints would be
// written into the bus. Every call that makes a descriptor goes through this file: tests/tidy finds
// those that do not.
//
// All descriptors are close-on-exec. On failure the result is -1 (or null), with errno. Any thread.
#pragma once

#include <dirent.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <array>
#include <csignal>
#include <cstdio>

namespace shmbus::descriptor {

int open(const char* path, int flags, mode_t mode = 0) noexcept;
int open_at(int folder, const char* path, int flags, mode_t mode = 0) noexcept;
/// Another description of the file behind `fd`, through /proc.
int reopen(int fd, int flags) noexcept;
int duplicate(int fd) noexcept;
int event(unsigned count, int flags) noexcept;
int epoll() noexcept;
int timer(int clock, int flags) noexcept;
int signals(const sigset_t& set, int flags) noexcept;
int process(pid_t pid) noexcept;  ///< a pidfd
int memory(const char* name, unsigned flags) noexcept;
int socket(int family, int type, int protocol) noexcept;
int accept(int listener, int flags) noexcept;
/// False on failure.
bool pipe(std::array<int, 2>& ends, int flags) noexcept;

/// As std::fopen and opendir.
std::FILE* stream(const char* path, const char* mode) noexcept;
DIR* folder(const char* path) noexcept;

/// For main() of a program of ours: fills the numbers 0 to 2 that are closed with descriptors on
/// which reading and writing fail as if they were. Everything that the program and the libraries it
/// links open later is above them.
void occupy_standard_numbers() noexcept;

}  // namespace shmbus::descriptor
