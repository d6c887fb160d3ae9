#!/usr/bin/env bash
# The plug-in example: a host serves greet_plugin.so, then greet_plugin_2.so in its place.
#   run_plugin.sh BIN FOLDER_OF_PLUGINS
set -euo pipefail
bin=$1 plugins=$2
folder=$(mktemp -d)
export SHMBUS_BUS=$folder/bus
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT

"$bin/shmbus" host --label examples "$plugins/greet_plugin.so" &
pid=$!
printed=$(
  timeout 20 "$bin/example_greet_caller" "$SHMBUS_BUS" reader
  timeout 20 "$bin/shmbus" reload greeter "$plugins/greet_plugin_2.so" >&2
  timeout 20 "$bin/example_greet_caller" "$SHMBUS_BUS" reader
)
"$bin/shmbus" plugins
kill -TERM "$pid"
wait "$pid"
pid=
expected='hello, reader
good day, reader'
echo "$printed"
[ "$printed" = "$expected" ] || { echo "expected: $expected" >&2; exit 1; }
