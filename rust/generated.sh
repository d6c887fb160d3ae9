#!/bin/sh
# generated.sh SHMBUS TARGET SOURCES: compiles what `shmbus gen --rust` makes of the documents of
# tests/gen, against the crate that was built into TARGET.
set -eu
shmbus=$1 target=$2 sources=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
library=$(ls -t "$target"/debug/deps/libshmbus-*.rlib | head -n 1)
count=0
for document in "$sources"/tests/gen/documents/*.yaml; do
  if ! "$shmbus" gen "$document" --rust -o "$folder/made.rs" --bound-strings 64 --bound-arrays 8 \
      --bound-maps 8 --bound-json 128 2>"$folder/said"; then
    # Documents that are refused are refused for C++ too.
    "$shmbus" gen "$document" -o /dev/null --bound-strings 64 --bound-arrays 8 --bound-maps 8 \
      --bound-json 128 2>/dev/null && { cat "$folder/said"; exit 1; }
    continue
  fi
  "${RUSTC:-rustc}" --edition=2021 --crate-type=lib --emit=metadata -D warnings \
    --extern "shmbus=$library" -L "dependency=$target/debug/deps" -o "$folder/made.rmeta" "$folder/made.rs"
  count=$((count + 1))
done
echo "$count documents"
[ "$count" -ge 5 ]
