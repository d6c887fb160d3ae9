#!/usr/bin/env bash
# Prints gen/taken_names.txt: what the C, C++ and POSIX headers of this system take as macros, and as
# names in the global namespace. Run it on a newer system and merge what it adds:
#   gen/taken_names.sh | cat - gen/taken_names.txt | ... (each section is a sorted set of words)
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

headers=(assert ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdarg stdbool
  stddef stdint stdio stdlib string time uchar wchar wctype aio arpa/inet cpio dirent dlfcn fcntl fmtmsg
  fnmatch ftw glob grp iconv langinfo libgen monetary mqueue net/if netdb netinet/in netinet/tcp nl_types
  poll pthread pwd regex sched search semaphore spawn strings sys/epoll sys/eventfd sys/file sys/inotify
  sys/ioctl sys/ipc sys/mman sys/mount sys/msg sys/param sys/prctl sys/ptrace sys/resource sys/select
  sys/sem sys/shm sys/signalfd sys/socket sys/stat sys/statvfs sys/syscall sys/sysmacros sys/time
  sys/timerfd sys/times sys/types sys/uio sys/un sys/utsname sys/wait sys/xattr syslog tar termios ulimit
  unistd utime utmpx wordexp linux/futex)
printf '#include <%s.h>\n' "${headers[@]}" >"$scratch/c.c"
{ cat "$scratch/c.c"; printf '#include <complex.h>\n#include <bits/stdc++.h>\n'; } >"$scratch/cpp.cpp"

echo "# macros"
{
  for standard in c++20 gnu++20; do
    for compiler in g++ clang++; do "$compiler" -std=$standard -D_GNU_SOURCE -dM -E "$scratch/cpp.cpp"; done
  done | sed -nE 's/^#define ([A-Za-z][A-Za-z0-9_]*)( .*)?$/\1/p' |
    grep -vE '^(SYS_|(PRI|SCN)[diouxX][1-8FLMP])'
  # What other platforms and common headers of programs define.
  printf '%s\n' TRUE FALSE i386 offsetof assert va_arg va_copy va_end va_start
} | LC_ALL=C sort -u | fmt -w 98

echo "# globals"
clang -std=gnu17 -D_GNU_SOURCE -fsyntax-only -Xclang -ast-dump "$scratch/c.c" |
  grep -E '^\|-(FunctionDecl|TypedefDecl|VarDecl|RecordDecl|EnumDecl)' |
  sed -E 's/0x[0-9a-f]+//g; s/<[^>]*(<[^>]*>)?[^>]*>//' |
  sed -nE "s/^\|-(FunctionDecl|TypedefDecl|VarDecl) .* ([A-Za-z][A-Za-z0-9_]*) '.*/\2/p
           s/^\|-RecordDecl .*(struct|union) ([A-Za-z][A-Za-z0-9_]*)( definition)?$/\2/p
           s/^\|-EnumDecl .* ([A-Za-z][A-Za-z0-9_]*)$/\1/p" |
  LC_ALL=C sort -u | fmt -w 98
