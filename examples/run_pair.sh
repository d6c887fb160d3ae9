#!/usr/bin/env bash
# Run two examples against each other on a bus of their own:
#   run_pair.sh BIN EXPECTED HANDLER CALLER [ARG...]
# Each is example_NAME in BIN, or NAME.py, run by $PYTHON.
# HANDLER may be `-` for a CALLER that is its own handler. Exit code 0 when the caller printed
# EXPECTED and both ended well; a handler may end by the signal that stops it.
set -euo pipefail
bin=$1 expected=$2 handler=$3 caller=$4
shift 4

here=$(cd "$(dirname "$0")" && pwd)
run() {
  local name=$1
  shift
  case $name in
    *.py) exec "${PYTHON:-python3}" "$here/$name" "$@" ;;
    *) exec "$bin/example_$name" "$@" ;;
  esac
}

folder=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT

if [ "$handler" != - ]; then
  run "$handler" "$folder/bus" &
  pid=$!
fi
export bin here
export -f run
printed=$(timeout 20 bash -c 'run "$@"' - "$caller" "$folder/bus" "$@")
echo "$printed"
if [ -n "$pid" ]; then
  kill -TERM "$pid"
  result=0
  wait "$pid" || result=$?
  pid=
  [ "$result" -eq 0 ] || [ "$result" -eq $((128 + 15)) ]
fi
[ "$printed" = "$expected" ] || { echo "expected: $expected" >&2; exit 1; }
