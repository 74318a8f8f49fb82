"""Compiled libraries, kept on disk from one process to the next.

The folder is AUTONET_CACHE, else `autonet` under XDG_CACHE_HOME, else ~/.cache/autonet (Windows: LOCALAPPDATA). What is
loaded from it runs as the user, so it must be the user's own and closed to everyone else; otherwise, or when it cannot
be written, a private temporary folder takes its place until the process ends. A file's name is its key and the SHA-256
of its contents: what is truncated, damaged or changed does not match its name, is removed and built again, and never
loaded. Files appear whole (written beside, synced, renamed), so processes need no locks.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import stat
import tempfile
import time
import weakref
from pathlib import Path

LIMIT = 128 * 2**20  # bytes; about a thousand plans
SUFFIX = ".bin"


class _Private:
    """A temporary folder that goes when the process does."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="autonet-"))  # mode 0700
        self._end = weakref.finalize(self, _leave, self.path, os.getpid())


def _leave(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child that ends leaves its parent's folder alone
        shutil.rmtree(path, ignore_errors=True)


@functools.cache
def _private(process: int) -> _Private:
    """This process's own temporary folder (a forked child gets another)."""
    del process
    return _Private()


def wanted() -> Path:
    """The folder that the environment asks for."""
    if named := os.environ.get("AUTONET_CACHE"):
        return Path(named).expanduser()
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or "~"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "autonet"


def _safe(path: Path) -> bool:
    """Whether the folder is (or now becomes) ours alone."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "nt":
            return True  # a user's profile is closed to others
        about = os.stat(path)
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
            return False
        if about.st_mode & 0o077:
            os.chmod(path, 0o700)  # ours, but open to others: what they may have left is checked by no one
            for stray in path.glob("*" + SUFFIX):
                stray.unlink()
        return True
    except (OSError, RuntimeError):  # RuntimeError: no home directory
        return False


def folder() -> Path:
    """Where libraries are kept now."""
    try:
        path = wanted()
    except RuntimeError:
        return _private(os.getpid()).path
    return path if _safe(path) else _private(os.getpid()).path


def _folders() -> list[Path]:
    """Where to look: the usual folder, and the private one if this process had to make it."""
    first, private = folder(), _private(os.getpid()).path if _private.cache_info().currsize else None
    return [first] if private in (None, first) else [first, private]


def _name(key: str, data: bytes) -> str:
    return f"{key}.{hashlib.sha256(data).hexdigest()[:40]}{SUFFIX}"


def find(key: str) -> Path | None:
    """The file stored under `key`, verified byte for byte, or None."""
    for place in _folders():
        for path in place.glob(f"{key}.*{SUFFIX}"):
            try:
                data = path.read_bytes()
                if path.name == _name(key, data):
                    os.utime(path)  # the oldest unused files go first
                    return path
                path.unlink()
            except OSError:
                continue
    return None


def read(key: str) -> bytes | None:
    """The bytes stored under `key`, or None."""
    path = find(key)
    try:
        return path.read_bytes() if path else None
    except OSError:
        return None


def write(key: str, data: bytes) -> Path:
    """Stores `data` under `key` and gives its file: in the usual folder or, where that fails, in a private one."""
    place = folder()
    try:
        path = _put(place, key, data)
    except OSError:
        place = _private(os.getpid()).path
        path = _put(place, key, data)
    _evict(place, keep=path)
    return path


def _put(place: Path, key: str, data: bytes) -> Path:
    path = place / _name(key, data)
    handle, draft = tempfile.mkstemp(prefix="draft-", dir=place)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.name != "nt":
            os.chmod(draft, 0o700)
        os.replace(draft, path)
    except BaseException:
        _remove(Path(draft))
        raise
    return path


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        pass  # another process was faster, or Windows has it loaded


def _evict(place: Path, keep: Path) -> None:
    """Removes the files unused for longest until the rest fits LIMIT, and drafts that a killed process left."""
    known = []
    try:
        with os.scandir(place) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return
    for name in names:
        path = place / name
        try:
            about = path.stat()
        except OSError:
            continue  # another process removed it
        if name.startswith("draft-") and time.time() - about.st_mtime > 3600:
            _remove(path)
        elif name.endswith(SUFFIX):
            known.append((about.st_mtime, about.st_size, path))
    total = sum(size for _, size, _ in known)
    for _, size, path in sorted(known):
        if total <= LIMIT:
            break
        if path != keep:
            _remove(path)
            total -= size


def clear() -> None:
    """Removes every stored file."""
    for place in _folders():
        for path in place.glob("*" + SUFFIX):
            _remove(path)
