"""Compiled libraries, kept on disk from one process to the next.

The folder is AUTONET_CACHE, else `autonet` under XDG_CACHE_HOME, else ~/.cache/autonet (Windows: LOCALAPPDATA). It must be
the cache's own: made by it, which a marker file says, or empty so far. In any other folder nothing is read, removed or
changed. What is loaded runs as the user, so the folder and its files must be the user's too, and nobody else's to write, nor
the folder's own name anybody's to give to another one. Where the folder is not so, or cannot be written, a private temporary
one takes its place until the process ends.

A file's name is its key and the SHA-256 of its contents: what is truncated, damaged or changed does not match its name, and as
links and whatever else is no plain file is removed and built again, and never loaded. Files appear whole (written beside,
synced, renamed), so processes need no locks.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
import weakref
from pathlib import Path

LIMIT = 128 * 2**20  # bytes; about a thousand plans
SUFFIX = ".bin"
MARKER = "autonet-cache.txt"  # in every folder that is the cache's own
MARK = "autonet keeps compiled kernels in this folder, and removes those that were unused for longest.\n"
DRAFT = "autonet-draft-"
_OWN = re.compile(r"(plan|runtime|compiler)-[0-9a-f]{32,40}\.[0-9a-f]{40}\.bin")  # names that it gives
_DRAFT = re.compile(DRAFT + r"\w{8}")


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


def _refusal(path: Path) -> str | None:
    """Why the folder cannot be the cache, None if it is (or now becomes) that."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = os.stat(path)
        if not stat.S_ISDIR(about.st_mode):
            return "is not a folder"
        if not _owned(about, None if os.name == "nt" else os.getuid()):
            return "is another user's, or can be written by others"
        if (open_to_all := _open_to_all(path)) is not None:
            return f"lies in {open_to_all}, where everybody can put another folder in its place"
        if _marked(path):
            return None
        if not all(_OWN.fullmatch(name) or _DRAFT.fullmatch(name) for name in os.listdir(path)):
            return "holds other files"
        _write_whole(path, path / MARKER, MARK.encode())
        return None
    except (OSError, RuntimeError) as error:  # RuntimeError: no home directory
        return f"cannot be used ({error})"


def _owned(about: os.stat_result, user: int | None) -> bool:
    """Whether a file or folder is the user's, and nobody else's to write. (On Windows a user's profile is closed.)"""
    return os.name == "nt" or (about.st_uid == user and not about.st_mode & 0o022)


def _open_to_all(path: Path) -> Path | None:
    """The folder above in which anybody may rename others' entries, which the sticky bit forbids in /tmp."""
    for above in () if os.name == "nt" else path.resolve().parents:
        mode = os.stat(above).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return above
    return None


def _marked(path: Path) -> bool:
    try:
        return (path / MARKER).read_bytes() == MARK.encode()
    except OSError:
        return False


def folder() -> Path:
    """Where libraries are kept now."""
    try:
        path = wanted()
    except RuntimeError:
        return _private(os.getpid()).path
    return path if _refusal(path) is None else _private(os.getpid()).path


def why_not() -> str | None:
    """The line to show where the folder that was asked for is not used; None when it is, or there is none to ask for."""
    named = os.environ.get("AUTONET_CACHE")
    try:
        path = wanted()
    except RuntimeError:
        return None
    reason = _refusal(path)
    if reason is None or not (named or path.is_dir()):
        return None
    details = f"AUTONET_CACHE={named!r}" if named else f"{path}"
    return (
        f"{details} {reason}, so compiled kernels are kept only until this process ends. "
        "Let AUTONET_CACHE name a folder that does not exist yet, or an empty one of yours that nobody else may write."
    )


def _folders() -> list[Path]:
    """Where to look: the usual folder, and the private one if this process had to make it."""
    first, private = folder(), _private(os.getpid()).path if _private.cache_info().currsize else None
    return [first] if private in (None, first) else [first, private]


def _name(key: str, data: bytes) -> str:
    return f"{key}.{hashlib.sha256(data).hexdigest()[:40]}{SUFFIX}"


def _names(place: Path, start: str) -> list[str]:
    """Our files in a folder whose names begin like this. (Path.glob takes ten times as long in a folder of thousands.)"""
    try:
        return [name for name in os.listdir(place) if name.startswith(start) and _OWN.fullmatch(name)]
    except OSError:
        return []


def find(key: str) -> Path | None:
    """The file stored under `key`, verified byte for byte, or None."""
    for place in _folders():
        for name in _names(place, f"{key}."):
            path = place / name
            try:
                data = _content(path, place.stat().st_uid)
                if data is not None and path.name == _name(key, data):
                    os.utime(path)  # the oldest unused files go first
                    return path
                path.unlink()
            except OSError:
                continue
    return None


# A link's target may change between now and the loading; a pipe's writer may never come.
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def _content(path: Path, user: int) -> bytes | None:
    """What a file holds; None of one that is no plain file of the user's, or larger than all may be together."""
    if path.is_symlink():
        return None
    with os.fdopen(os.open(path, _OPEN), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or not _owned(about, user) or about.st_size > LIMIT:
            return None
        return file.read()


def read(key: str) -> bytes | None:
    """The bytes stored under `key`, or None."""
    path = find(key)
    try:
        return path.read_bytes() if path else None
    except OSError:
        return None


def write(key: str, data: bytes) -> Path:
    """Stores `data` under `key` (a kind and a hash) and gives its file, in the usual folder or, where that fails, a private one."""
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
    _write_whole(place, path, data)
    return path


def _write_whole(place: Path, path: Path, data: bytes) -> None:
    handle, draft = tempfile.mkstemp(prefix=DRAFT, dir=place)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.name != "nt" and path.suffix == SUFFIX:
            os.chmod(draft, 0o700)
        os.replace(draft, path)
    except BaseException:
        _remove(Path(draft))
        raise


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        pass  # another process was faster, or Windows has it loaded


def forget(key: str) -> None:
    """Removes what is stored under `key`."""
    while (path := find(key)) is not None:
        path.unlink()


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
        if _DRAFT.fullmatch(name) and time.time() - about.st_mtime > 3600:
            _remove(path)
        elif _OWN.fullmatch(name):
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
            if _OWN.fullmatch(path.name):
                _remove(path)
