#!/usr/bin/env python3
"""The Debian packages that scripts/package makes.

  packages.py SOURCE WORK LIBRARY-BUILD PROGRAMS-BUILD   the short form
  packages.py SOURCE WORK --root SUITE [--mirror URL] [--debs FOLDER]   the long form, as root

Short: packages the two build trees, which are there already, twice; both times give the same bytes.
The packages, unpacked into one folder, have no file in common; a program in C is built and run against
them, a Python program runs, the tool and the daemon say their version, the man pages are there.

Long: builds the packages, unless --debs has them, installs them with apt into a new root of Debian
(debootstrap), builds and runs programs in C, C++ and Python there with nothing else, and purges them: no
file is left that was not there before.
"""
import filecmp
import os
import pathlib
import shutil
import subprocess
import sys

C_PROGRAM = "tests/install/consumer_c/main.c"
PYTHON_PROGRAM = """
import sys, threading, shmbus
from shmbus import u32
bus = shmbus.Bus(sys.argv[1])
@bus.command("twice")
def twice(number: u32) -> u32:
    return 2 * number
serving = threading.Thread(target=bus.serve, args=(5,))
serving.start()
assert bus.caller("twice", u32, u32)(21, timeout=5) == 42
bus.stop(); serving.join(); bus.close()
print("python works")
"""


def run(*command, **options):
    options.setdefault("check", True)
    return subprocess.run([str(one) for one in command], **options)


def output(*command, **options):
    return run(*command, stdout=subprocess.PIPE, text=True, **options).stdout.strip()


def version_of(source):
    text = (source / "CMakeLists.txt").read_text()
    return text.split("project(shmbus VERSION ")[1].split()[0]


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def staged(work, library, programs):
    """What a build with everything would install, from a build of the library and one of the programs."""
    stage = fresh(work / "stage")
    for tree, place, components in ((library, stage, ([], ["--component", "python"])),
                                    (programs, fresh(work / "programs"), ([],))):
        for component in components:
            run("cmake", "--install", tree, "--prefix", "/usr", *component,
                env={**os.environ, "DESTDIR": str(place)}, stdout=subprocess.DEVNULL)
    for part in ("bin", "lib/systemd", "share/man", "share/bash-completion", "share/zsh", "share/fish"):
        if (work / "programs/usr" / part).is_dir():
            shutil.copytree(work / "programs/usr" / part, stage / "usr" / part, symlinks=True)
    return stage


def check_contents(debs, root):
    owners = {}
    for deb in debs:
        for line in output("dpkg-deb", "--contents", deb).splitlines():
            mode, owner, _, _, _, name = line.split(" -> ")[0].split(None, 5)
            assert owner == "root/root", f"{deb.name}: {name} belongs to {owner}"
            if not name.endswith("/"):
                assert name not in owners, f"{name} is in {owners[name]} and in {deb.name}"
                owners[name] = deb.name
                assert mode[0] == "l" or mode[8] != "w", f"{name} may be written by all"
        run("dpkg-deb", "--extract", deb, root)
    for wanted in ("usr/share/man/man1/shmbus.1.gz", "usr/share/man/man1/shmbusd.1.gz",
                   "usr/share/bash-completion/completions/shmbus",
                   "usr/share/zsh/vendor-completions/_shmbus", "usr/include/shmbus/shmbus.h"):
        assert f"./{wanted}" in owners, f"{wanted} is in no package"
    assert any(name.endswith("systemd/system/shmbusd@.service") for name in owners)


def try_programs(source, root, work):
    version, multiarch = version_of(source), output("gcc", "-print-multiarch")
    libraries = root / "usr/lib" / multiarch
    environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries), "PKG_CONFIG_SYSROOT_DIR": "",
                   "PKG_CONFIG_PATH": str(libraries / "pkgconfig"), "PYTHONDONTWRITEBYTECODE": "1",
                   "PYTHONPATH": str(root / "usr/lib/python3/dist-packages")}
    flags = output("pkg-config", "--cflags", "--libs", "shmbus-c", env=environment).split()
    run("gcc", "-std=c11", source / C_PROGRAM, "-o", work / "consumer_c", *flags)
    run(work / "consumer_c", version, env=environment, cwd=work)
    for program in ("shmbus", "shmbusd"):
        assert version in output(root / "usr/bin" / program, "--version", env=environment), program
    run("/usr/bin/python3", "-c", PYTHON_PROGRAM, work / "python.bus", env=environment)


def short(source, work, library, programs):
    for tool in ("dpkg-deb", "dpkg-shlibdeps", "pkg-config", "gcc"):
        if shutil.which(tool) is None:
            print(f"SKIPPED: {tool} is missing: apt-get install dpkg-dev")
            return
    stage = staged(work, library, programs)
    if not (stage / "usr/lib/python3").is_dir():
        print("SKIPPED: the Python package is not built, it needs python3-dev")
        return
    folders = [fresh(work / name) for name in ("once", "again")]
    for folder, lint in zip(folders, ([], ["--no-lintian"])):
        run(source / "scripts/package", "--stage", stage, "--out", folder, *lint)
    debs = sorted(folders[0].glob("*.deb"))
    wanted = {"libshmbus0", "libshmbus-dev", "shmbus", "python3-shmbus"}
    if (stage / "usr/bin/shmbus-bridge").exists():  # it is built where NATS's library is
        wanted.add("shmbus-bridge")
    assert {deb.name.split("_")[0] for deb in debs} == wanted, debs
    for deb in debs:
        assert filecmp.cmp(deb, folders[1] / deb.name, shallow=False), f"{deb.name} differs the second time"
    root = fresh(work / "root")
    check_contents(debs, root)
    try_programs(source, root, work)
    print(f"{len(debs)} packages, the same bytes twice; programs in C and Python run with them")


# ---- The long form ----

def files_of(root):
    skipped = ("proc", "sys", "dev", "tmp", "run", "var/cache", "var/log", "var/lib/dpkg", "var/lib/apt")
    found = set()
    for folder, _, names in os.walk(root):
        place = pathlib.Path(folder).relative_to(root).as_posix()
        if not place.startswith(skipped):
            found |= {f"{place}/{name}" for name in names}
    return found


def debs_of(source, work, given):
    """Two builds in two folders give the same bytes."""
    if given:
        return sorted(pathlib.Path(given).glob("*.deb"))
    folders = []
    for name in ("once", "again"):
        folders.append(fresh(work / name))
        run(source / "scripts/package", "--build", fresh(work / f"build-{name}"), "--out", folders[-1],
            *(["--no-lintian"] if name == "again" else []))
    debs = sorted(folders[0].glob("*.deb"))
    for deb in debs:
        assert filecmp.cmp(deb, folders[1] / deb.name, shallow=False), f"{deb.name} differs the second time"
    print("two builds: the same bytes")
    return debs


def long(source, work, suite, mirror, given):
    debs = debs_of(source, work, given)
    root = work / f"debian-{suite}"
    shutil.rmtree(root, ignore_errors=True)
    mirror = mirror or output("apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian",
                              "Identifier: Packages").split("\n")[0]
    run("debootstrap", "--variant=minbase", "--include=ca-certificates", suite, root, mirror, stdout=subprocess.DEVNULL)

    def inside(script, **options):
        # In namespaces of their own: nothing that is mounted or started there outlives it.
        return run("unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c",
                   'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; exec chroot "$0" /usr/bin/env -i '
                   'PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive '
                   'bash -euc "$1"', root, script, **options)

    for own in ("etc/apt/apt.conf.d", "etc/apt/keyrings"):  # how this machine reaches the mirror
        if pathlib.Path("/", own).is_dir():
            shutil.copytree(pathlib.Path("/", own), root / own, dirs_exist_ok=True)
    shutil.copy2("/etc/resolv.conf", root / "etc/resolv.conf")
    (root / "debs").mkdir()
    (root / "try").mkdir()
    for deb in debs:
        shutil.copy2(deb, root / "debs")
    shutil.copy2(source / C_PROGRAM, root / "try/main.c")
    shutil.copytree(source / "tests/install/consumer", root / "try/consumer")
    (root / "try/program.py").write_text(PYTHON_PROGRAM)
    quiet = "-q -y -o Dpkg::Use-Pty=0"
    inside(f"apt-get {quiet} update && apt-get {quiet} install --no-install-recommends "
           "gcc g++ cmake make pkg-config python3 libexpected-dev", stdout=subprocess.DEVNULL)
    before = files_of(root)
    inside(f"apt-get {quiet} install --no-install-recommends /debs/*.deb", stdout=subprocess.DEVNULL)
    version = version_of(source)
    inside(f"""cd /try
gcc -std=c11 main.c -o c-program $(pkg-config --cflags --libs shmbus-c)
./c-program {version}
cmake -S consumer -B build -D SHMBUS_WANTED_VERSION={version} >/dev/null
cmake --build build >/dev/null
build/consumer {version}
python3 program.py /try/python.bus
shmbus --version
timeout 1 shmbusd --bus try & sleep 0.5; shmbus buses; wait || true
test -s /usr/share/man/man1/shmbus.1.gz
rm -rf /dev/shm/shmbus.try /try/*.bus""")
    bridge = "$(dpkg-query -W -f '${Package}' shmbus-bridge 2>/dev/null || true)"  # where libnats was
    inside(f"apt-get {quiet} purge libshmbus0 libshmbus-dev shmbus python3-shmbus {bridge}",
           stdout=subprocess.DEVNULL)
    left = {one for one in files_of(root) - before if not one.startswith(("try", "debs")) and "shmbus" in one}
    assert not left, f"left behind: {sorted(left)}"
    shutil.rmtree(root)
    print(f"{suite}: installed, used, purged; nothing is left")


def main():
    source, work, *rest = sys.argv[1:]
    source, work = pathlib.Path(source).resolve(), pathlib.Path(work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    if rest[0] != "--root":
        return short(source, work, *map(pathlib.Path, rest))
    given = dict(zip(rest[::2], rest[1::2]))
    return long(source, work, given["--root"], given.get("--mirror"), given.get("--debs"))


main()
