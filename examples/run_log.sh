#!/usr/bin/env bash
# Replay the recorded log once, without a daemon, and kill the digest handler meanwhile:
#   run_log.sh BIN
# Exit code 0: every reply is the one that log/expected.py computes, and the death was told.
set -euo pipefail
bin=$1
log=$(dirname "$0")/log

folder=$(mktemp -d)
declare -A pids=()
trap 'disown -a; kill -KILL ${pids[@]} 2>/dev/null || true; rm -rf "$folder"' EXIT

start() {  # name, arguments...
  local name=$1
  shift
  "$bin/example_$name" "$folder/bus" "$@" >"$folder/$name.out" &
  pids[$name]=$!
}

python3 "$log/expected.py" >"$folder/expected"
start log_store
start log_digest 2000  # slow, so that a command is under way whenever it is killed
start log_replay "$log/tz-release.jsonl" "$folder/expected" "$folder/replies" 0

sleep 1
{ kill -KILL "${pids[log_digest]}" && wait "${pids[log_digest]}"; } 2>/dev/null || true
start log_digest

waited=0
wait "${pids[log_replay]}" || waited=$?
unset 'pids[log_replay]'
cat "$folder/log_replay.out"
[ "$waited" -eq 0 ]
grep -q '^told .* handler_died_after_start' "$folder/log_replay.out"
cmp "$folder/expected" "$folder/replies"
kill -TERM "${pids[@]}"
wait "${pids[@]}"
pids=()
echo "all replies match"
