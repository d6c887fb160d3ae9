#!/usr/bin/env bash
# Run two examples against each other on a bus of their own:
#   run_pair.sh BIN EXPECTED HANDLER CALLER [ARG...]
# Each is the name of an example in BIN, or NAME.py beside this script, run by $PYTHON.
# HANDLER may be `-` for a CALLER that is its own handler. Exit code 0 when the caller printed
# EXPECTED and both ended well; a handler may end by the signal that stops it.
set -euo pipefail
bin=$1 expected=$2 handler=$3 caller=$4
shift 4

# Sets `command` to what starts an example.
find_command() {
  case $1 in
    *.py) command=("${PYTHON:-python3}" "$(dirname "$0")/$1") ;;
    *) command=("$bin/example_$1") ;;
  esac
}

folder=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT

if [ "$handler" != - ]; then
  find_command "$handler"
  "${command[@]}" "$folder/bus" &
  pid=$!
fi
find_command "$caller"
printed=$(timeout 20 "${command[@]}" "$folder/bus" "$@")
echo "$printed"
if [ -n "$pid" ]; then
  kill -TERM "$pid"
  result=0
  wait "$pid" || result=$?
  pid=
  [ "$result" -eq 0 ] || [ "$result" -eq $((128 + 15)) ]
fi
[ "$printed" = "$expected" ] || { echo "expected: $expected" >&2; exit 1; }
