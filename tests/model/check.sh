#!/bin/sh
# Search one SPIN model completely: check.sh <spin> <file.pml> ok|violation <work dir> [-D flags].
# Exits 77 (skipped) without spin. A search cut short never counts as `ok`.
set -eu
spin=$1 model=$2 expected=$3 work=$4
shift 4

if [ ! -x "$spin" ]; then
  echo "spin is not installed (scripts/deps --dev)"
  exit 77
fi
mkdir -p "$work"
cd "$work"
"$spin" -a "$@" "$model"
cc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c
./pan -m400000 >pan.out 2>&1 || true
grep -E 'errors:|pan:|states, stored|Search not completed|max search depth|out of memory' pan.out || true

if ! grep -q 'errors: [0-9]' pan.out; then
  echo "the search ended without a verdict"
  exit 1
fi
case $expected in
  ok)
    if grep -qE 'Search not completed|max search depth too small|out of memory' pan.out; then
      echo "the search was not complete"
      exit 1
    fi
    grep -q 'errors: 0' pan.out ;;
  violation)
    # A mutant must be caught by the model itself, not by a search that ran out of something.
    grep -qE 'pan:[0-9]+: (assertion violated|invalid end state)' pan.out ;;
  *)
    echo "expected is ok or violation, not $expected"
    exit 1 ;;
esac
