#!/bin/sh
# clippy.sh CARGO ARGUMENT...: the lints of clippy, where it is installed beside cargo.
set -eu
cargo=$1
shift
if ! [ -x "$(dirname "$cargo")/cargo-clippy" ]; then
  echo "SKIPPED: it needs clippy (rust-clippy)"
  exit 0
fi
# Only those of this release of clippy: a later one may know more.
exec "$cargo" clippy --all-targets "$@" -- -D warnings
