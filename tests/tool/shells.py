#!/usr/bin/env python3
"""Completion in a real interactive shell: shells.py BIN_DIR bash|zsh|fish

Serves names that would run a command, or break a word, if a shell expanded anything in them, presses
TAB on the beginning of each and Enter, and looks at which command the handler ran: exactly the one
whose name was completed. A name that cannot be inserted may be left out, but nothing else may
happen. Exits with 77 when the shell is not installed.
"""
import fcntl
import os
import pathlib
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time

PATIENCE_S = 60

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SETUP = {
    "bash": "source {folder}/script\n",
    # As it is installed: a file of that name in a folder of fpath.
    "zsh": "fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; unsetopt beep; "
           "zstyle ':completion:*' list-prompt ''\n",
    "fish": "source {folder}/script\n",
}

# Each begins with a letter of its own.
NAMES = [
    "plain.name",
    "a$(touch CANARY)",
    "b`touch CANARY`",
    "c;touch CANARY;",
    "d${IFS}x",
    "e'single' quotes",
    'f"double"',
    "g\\back\\slash",
    "h:with:colons",
    "i space  spaces",
    "j*?[x]",
    "k!history",
    "l#hash",
    "m&touch CANARY&",
    "n{a,b}",
    "o=equals",
    "q|pipe",
    "r<in>out",
    "s~tilde",
    "t$(touch${IFS}CANARY):$(touch CANARY)",
    "u\u00fcml\u00e4ut",
    "v%s%n",
]
# Begin with what is special: listed, never run.
NASTY = ["$(touch${IFS}CANARY)", "`touch CANARY`", "~root", "-rf", "--json", ";touch CANARY",
         "'$(touch CANARY)", '"$(touch CANARY)', "<(touch CANARY)", "=(touch CANARY)"]


class Shell:
    def __init__(self, words, environment, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(words[0], words, environment)
        self.seen = ""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if ready:
            try:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                pass
        return bool(ready)

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"{what} did not happen; the shell said:\n{self.seen[-3000:]!r}")
            self.read(0.05)

    def answer(self, number):
        """Runs an arithmetic echo: everything typed before has been dealt with."""
        self.type(f"\x15echo ok''{number}\n")
        self.until(lambda: f"ok{number}" in self.seen, "a prompt")

    def end(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


def names_with(canary):
    return ([name.replace("CANARY", canary) for name in NAMES],
            [name.replace("CANARY", canary) for name in NASTY])


def run(bin_dir, kind):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sc"))
    bus, log, canary = f"{folder}/bus", folder / "log", folder / "canary"
    script = subprocess.run([f"{bin_dir}/shmbus", "completions", kind], check=True,
                            capture_output=True).stdout
    (folder / ("_shmbus" if kind == "zsh" else "script")).write_bytes(script)
    good, nasty = names_with(str(canary))
    server = subprocess.Popen([f"{bin_dir}/peer_names", bus, str(log), *good, *nasty])
    environment = dict(os.environ, PATH=f"{bin_dir}:{os.environ['PATH']}", HOME=str(folder),
                       TERM="xterm", LC_ALL="C.UTF-8", PS1="> ", SHMBUS_BUS=bus, COLUMNS="200",
                       XDG_CONFIG_HOME=str(folder), XDG_DATA_HOME=str(folder))
    shell = Shell(SHELLS[kind], environment, folder)
    try:
        shell.until(log_or_served(bin_dir, bus, len(good) + len(nasty)), "serving")
        shell.type(SETUP[kind].format(folder=folder))
        shell.answer(1)
        check_listing(shell, canary)
        for number, name in enumerate(good):
            check_one(shell, log, canary, name, number, kind)
        check_quoted(shell, log, canary, good[1], kind)
        check_commands(shell)
    finally:
        shell.end()
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{kind}: {len(good)} names completed literally, nothing was expanded")


def log_or_served(bin_dir, bus, count):
    def served():
        names = subprocess.run([f"{bin_dir}/shmbus", "--bus", bus, "ls", "--names"],
                               capture_output=True).stdout
        return len(names.splitlines()) == count
    return served


def must_be_absent(canary, what):
    if canary.exists():
        sys.exit(f"{what}: a command inside a name was run")


def check_listing(shell, canary):
    """All of them, also those that begin with something special."""
    shell.type("shmbus call \t\t\t")
    shell.answer(2)
    for begin in ("\\$", "'", '"', "\\`", "\\;", "\\~", "-", "\\="):
        shell.type(f"shmbus call {begin}\t\t")
        shell.answer(f"begin{ord(begin[-1])}")
        must_be_absent(canary, f"TAB behind {begin}")


def calls(log):
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def check_one(shell, log, canary, name, number, kind):
    before = len(calls(log))
    shell.type(f"shmbus call {name[0]}\t\n")
    shell.until(lambda: len(calls(log)) > before, f"{kind}: a call of {name!r}")
    got = calls(log)[before:]
    if got != [name]:
        sys.exit(f"{kind}: {name!r} was completed, and {got!r} was run")
    must_be_absent(canary, name)
    shell.answer(f"name{number}")


def check_quoted(shell, log, canary, name, kind):
    """The word was begun in single quotes."""
    before = len(calls(log))
    shell.type(f"shmbus call '{name[0]}\t\n")
    shell.until(lambda: len(calls(log)) > before, f"{kind}: a call of a quoted {name!r}")
    if calls(log)[before:] != [name]:
        sys.exit(f"{kind}: in quotes {name!r} became {calls(log)[before:]!r}")
    must_be_absent(canary, name)
    shell.answer("quoted")


def check_commands(shell):
    """Commands, options and the choices of an option."""
    shell.type("shmbus comple\tzsh > done1; shmbus call plain.name --outp\tte\t > done2\n")
    shell.until(lambda: pathlib.Path(shell_folder(shell), "done2").exists(), "completed options")
    text = pathlib.Path(shell_folder(shell), "done1").read_text()
    if not text.startswith("#compdef"):
        sys.exit(f"'comple' was not completed: {text[:200]!r}")


def shell_folder(shell):
    return os.readlink(f"/proc/{shell.pid}/cwd")


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in SHELLS:
        sys.exit(__doc__)
    if shutil.which(sys.argv[2]) is None:
        print(f"SKIPPED: there is no {sys.argv[2]}")
        sys.exit(77)
    run(sys.argv[1], sys.argv[2])


main()
