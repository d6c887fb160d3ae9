"""What a run of a check leaves behind: one line of JSON in build/logs/proof.jsonl.

    check    its name: "mutants", "flakes"
    ok       whether the check held
    times    how often it was tried, in units of `of` ("kills", "executions", "test cases")
    when     seconds since 1970;  commit: of the sources, with "+" where they were changed
"""
import json
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORDS = ROOT / "build" / "logs" / "proof.jsonl"


def commit():
    def git(*arguments):
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""
    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "?") + ("+" if changed else "")


def leave(check, ok, times, of, seconds, note="", records=RECORDS):
    records.parent.mkdir(parents=True, exist_ok=True)
    line = {"check": check, "ok": bool(ok), "times": int(times), "of": of, "note": note,
            "seconds": round(seconds, 1), "when": int(time.time()), "commit": commit()}
    # One write of a short line: runs beside each other do not mix theirs.
    with open(records, "ab", buffering=0) as out:
        out.write((json.dumps(line) + "\n").encode())
