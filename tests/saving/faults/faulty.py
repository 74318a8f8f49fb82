"""Saves under a shim that makes system calls fail: python faulty.py FOLDER full|short [save ...], with LD_PRELOAD.

For every save, every call number k and every mode (see shim.c), the save of the value 2 over the value 1 is disturbed at its
call k; in short, in one mode for each call, in turn. Printed are a line of JSON for each thing that must not be, and last one
with the figures.
"""

import ctypes
import errno
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import sys
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))
os.environ["AUTONET_NATIVE"] = "0"

from autonet.errors import AutonetError
from tests.saving.faults.saves import SAVES

MODES = {
    "ENOSPC": (1, errno.ENOSPC),
    "EIO": (1, errno.EIO),
    "short or EINTR": (2, 0),
    "full disk": (3, errno.ENOSPC),
    "killed before": (4, 0),
    "killed after": (5, 0),
}
UNCHECKED = {"kernels"}  # where a fault of the disk is no error: a private folder takes the cache's place
BEYOND = 24  # subsets of unsynced calls at a crash, where there are more than these
shim = ctypes.CDLL(None)
counts = {"faults": 0, "calls": 0, "crashes": 0}
wrong = []


def tell(save, how, what):
    wrong.append((save, how, what))
    print(json.dumps({"save": save, "how": how, "what": what}), flush=True)


def arm(folder, number=0, mode=0, code=0):
    shim.arm(os.fsencode(folder), number, mode, code)


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def restored(folder, files):
    """Make a folder hold these files, and no others."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    cached = folder / "cache"
    if cached.is_dir():
        cached.chmod(0o700)
        for path in cached.iterdir():
            path.chmod(0o600)


def read(save, folder):
    """The value that stands there, or what is wrong with it."""
    try:
        return SAVES[save][1](folder)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]


def disturb(save, folder, old, number, name):
    """One disturbed save."""
    mode, code = MODES[name]
    restored(folder, old)
    how = f"{name} at call {number}"
    if name.startswith("killed"):
        child = os.fork()
        if not child:
            arm(folder, number, mode, code)
            SAVES[save][0](2, folder)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            tell(save, how, "it was not killed")
        value = read(save, folder)
        if value not in (1, 2):
            tell(save, how, value)
        try:
            SAVES[save][0](2, folder)
        except Exception as error:
            tell(save, how, f"the next save says {error!r}")
        return
    error = None
    arm(folder, number, mode, code)
    try:
        SAVES[save][0](2, folder)
    except Exception as problem:
        error = problem
    shim.disarm()
    files, value = content(folder), read(save, folder)
    if value not in (1, 2):
        tell(save, how, f"{value} after {error!r}")
    elif value == 1 and error is None and save not in UNCHECKED:
        tell(save, how, "nothing was said, and the old file stands")
    if error is not None and not isinstance(error, (OSError, AutonetError)):
        tell(save, how, f"undocumented: {error!r}")
    if error is not None and name.startswith("short"):
        tell(save, how, f"an error where none is: {error!r}")
    if stray := [f for f in files if f.endswith(".part") or "draft" in f]:
        tell(save, how, f"left over: {stray}")
    if save in UNCHECKED and error is not None:
        tell(save, how, f"a fault of the cache reached the user: {error!r}")
    try:
        SAVES[save][0](2, folder)
    except Exception as problem:
        tell(save, how, f"the next save says {problem!r}")


def faults(save, folder, old, short):
    restored(folder, old)
    arm(folder)
    SAVES[save][0](2, folder)
    calls = shim.disarm()
    if read(save, folder) != 2:
        tell(save, "undisturbed", f"{read(save, folder)}")
    counts["calls"] += calls
    for number, name in itertools.product(range(1, calls + 1), MODES):
        if short and (number + len(save)) % len(MODES) != list(MODES).index(name):
            continue
        disturb(save, folder, old, number, name)
        counts["faults"] += 1


# Crashes of the machine: what was not flushed may or may not be there


def recorded(save, folder, old):
    """The calls of an undisturbed save: (letter, path, second path, offset, data)."""
    restored(folder, old)
    log = folder.parent / "calls"
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    arm(folder)
    shim.record(handle)
    SAVES[save][0](2, folder)
    shim.record(-1)
    shim.disarm()
    os.close(handle)
    raw, calls, at = log.read_bytes(), [], 0
    while at < len(raw):
        letter, a, b, size, offset = struct.unpack_from("<c3IQ", raw, at)
        at += struct.calcsize("<c3IQ")
        parts = [raw[at : at + a], raw[at + a : at + a + b], raw[at + a + b : at + a + b + size]]
        at += a + b + size
        names = [os.path.relpath(os.fsdecode(p), folder) if p else "" for p in parts[:2]]
        calls.append((letter.decode(), *names, offset, parts[2]))
    return calls


class Disk:
    """What has reached the disk, and what may have: calls since the file, or its folder, was flushed."""

    def __init__(self, files):
        self.files = {n: bytearray(data) for n, data in enumerate(files.values())}  # by number, as inodes are
        self.names = {name: n for n, name in enumerate(files)}  # as flushed
        self.now = dict(self.names)  # as programs see it
        self.pending = []

    def apply(self, letter, a, b, offset, data):
        if letter == "c":
            self.now[a] = number = len(self.files)
            self.files[number] = bytearray()
            self.pending.append(("name", os.path.dirname(a), {a: number}))
        elif letter == "r":
            number = self.now.pop(a)
            self.now[b] = number
            self.pending.append(("name", os.path.dirname(b), {a: None, b: number}))
        elif letter == "u":
            del self.now[a]
            self.pending.append(("name", os.path.dirname(a), {a: None}))
        elif letter == "w":
            self.pending.append(("data", self.now[a], (offset, data)))
        elif letter == "t":
            self.pending.append(("cut", self.now[a], offset))
        elif letter == "s":
            number = self.now.get(a)
            folder = "" if a == "." else a
            kept = [
                p for p in self.pending if (p[1] == number if p[0] != "name" else number is None and p[1] == folder)
            ]
            self.settle(self.files, self.names, kept)
            self.pending = [p for p in self.pending if p not in kept]

    @staticmethod
    def settle(files, names, some):
        for kind, where, what in some:
            if kind == "name":
                names |= what
            elif kind == "cut":
                del files[where][what:]
                files[where] += bytes(what - len(files[where]))
            else:
                offset, data = what
                files[where] += bytes(max(offset + len(data) - len(files[where]), 0))
                files[where][offset : offset + len(data)] = data

    def after_crash(self, some):
        """The files if these of the pending calls have reached the disk."""
        files, names = {n: bytearray(data) for n, data in self.files.items()}, dict(self.names)
        self.settle(files, names, some)
        return {name: bytes(files[n]) for name, n in names.items() if n is not None}


def crashes(save, folder, old):
    """After every call, with every subset of what was not flushed, some writes torn: the old or the new value."""
    calls = recorded(save, folder, old)
    disk, rng, seen = Disk(old), random.Random(1), set()
    for n in range(len(calls) + 1):
        waiting = list(disk.pending)
        for p in disk.pending[-1:]:
            if p[0] == "data" and len(p[2][1]) > 1:
                waiting.append(("data", p[1], (p[2][0], p[2][1][: len(p[2][1]) // 2])))  # torn
        subsets = itertools.product((False, True), repeat=len(waiting))
        if 2 ** len(waiting) > BEYOND:
            subsets = [[rng.random() < 0.5 for _ in waiting] for _ in range(BEYOND)]
        for subset in subsets:
            files = disk.after_crash([p for p, there in zip(waiting, subset, strict=True) if there])
            state = hash(tuple(sorted(files.items())))
            if state in seen:
                continue
            seen.add(state)
            restored(folder, files)
            counts["crashes"] += 1
            value = read(save, folder)
            if value not in (1, 2):
                tell(save, f"crash after call {n} of {len(calls)} with {subset}", value)
        if n < len(calls):
            disk.apply(*calls[n])
    restored(folder, disk.after_crash([]))
    if save not in UNSYNCED and read(save, folder) != 2:
        tell(save, "crash after the save", "it was not on the disk")


UNSYNCED = {"log", "kernels"}  # which a crash of the machine may lose


def main():
    warnings.simplefilter("ignore")
    top = pathlib.Path(sys.argv[1])
    for save in sys.argv[3:] or SAVES:
        folder = top / save.replace(" ", "-") / "files"
        restored(folder, {})
        SAVES[save][0](1, folder)
        old = content(folder)
        if read(save, folder) != 1:
            tell(save, "undisturbed", f"{read(save, folder)}")
        faults(save, folder, old, sys.argv[2] == "short")
        crashes(save, folder, old)
    print(json.dumps({"saves": len(sys.argv[3:] or SAVES), **counts, "wrong": len(wrong)}))


if __name__ == "__main__":
    main()
