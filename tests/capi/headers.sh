#!/usr/bin/env bash
# shmbus.h compiles without a warning as C11 and as C++, with every compiler that is there, alone and
# beside plugin.h: headers.sh C-INCLUDE-DIR CXX-INCLUDE-DIR
set -euo pipefail
include=$1 include_cxx=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/alone.c" <<'END'
#include <shmbus/shmbus.h>
int size_of_error(void);
int size_of_error(void) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  return error.size == sizeof error ? 0 : 1;
}
END
{ echo '#include <shmbus/plugin.h>'; cat "$folder/alone.c"; } > "$folder/beside.c"
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fsyntax-only -I "$include" -I "$include_cxx")
count=0
for source in "$folder"/*.c; do
  for compiler in gcc clang; do
    command -v "$compiler" > /dev/null || continue
    "$compiler" -std=c11 -Wstrict-prototypes "${warnings[@]}" "$source"
    count=$((count + 1))
  done
  for compiler in g++ clang++; do
    command -v "$compiler" > /dev/null || continue
    for standard in c++11 c++20; do
      "$compiler" -std=$standard "${warnings[@]}" -x c++ "$source"
      count=$((count + 1))
    done
  done
done
echo "$count times"
[ "$count" -gt 0 ]
