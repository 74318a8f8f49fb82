"""Heartbeat: a file by which other processes, also on other machines, see that this one lives."""

import os
import socket
import threading
import uuid
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # not on Windows: there the times of the files alone count
    fcntl = None  # type: ignore[assignment]

GRACE = 60.0  # seconds without a beat after which a process counts as gone
INTERVAL = 5.0  # seconds between beats


class Heartbeat:
    """A file that is locked, and touched every few seconds, while this process lives. A context manager.

    The lock ends with the process: others on this machine see at once that it is gone. Others elsewhere see that the file is
    no longer touched, by the clock of the disk that they share.

    Args:
        folder: of such files; it is made if need be.

    Attributes:
        name: of the file, which others ask for.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._machine = _machine()
        self.name = f"{self._machine}-{uuid.uuid4().hex}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="autonet-heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = open(self.folder / self.name, "wb")  # closed by __exit__
        lock(self._file)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()
        self._file.close()
        self.forget(self.name)

    def gone(self, name: str) -> bool:
        """Whether the process whose heartbeat has this name is no more."""
        try:
            if name.rpartition("-")[0] == self._machine:
                with open(self.folder / name, "rb") as file:
                    if lock(file):
                        return True
            os.utime(self.folder / self.name)
            return self._touched(self.name) - self._touched(name) > GRACE
        except FileNotFoundError:
            return True

    def forget(self, name: str) -> None:
        """Remove the file of a process that is gone."""
        (self.folder / name).unlink(missing_ok=True)

    def _touched(self, name: str) -> float:
        return (self.folder / name).stat().st_mtime

    def _beat(self) -> None:
        while not self._ended.wait(INTERVAL):
            os.utime(self._file.fileno() if os.utime in os.supports_fd else self.folder / self.name)


class Mutex:
    """One process (and thread) at a time, among those whose systems lock files; the lock ends with its process.

    Where files cannot be locked it does nothing: nothing rests on it alone.
    """

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> "Mutex":
        self._file = open(self.path, "ab")  # closed by __exit__
        lock(self._file, wait=True)
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()


def lock(file: Any, wait: bool = False) -> bool | None:
    """Lock an open file, until it is closed or this process ends.

    Returns: whether nobody had it; None where systems cannot.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _machine() -> str:
    """A name of this machine since it was started."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()
