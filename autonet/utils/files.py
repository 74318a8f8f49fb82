"""Files that arrive whole or not at all: atomic writing, checksums, downloads.

A name never points at half a file: the bytes go to a temporary neighbour, are flushed to the disk, checked, and only
then take the name in one step.
"""

import contextlib
import errno
import functools
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from autonet.errors import ArgumentError, DataError, unknown

if TYPE_CHECKING:
    import tarfile

CHUNK = 1 << 20
TIMEOUT = 30.0  # seconds without a byte before a download is given up
OLD = 24 * 3600.0  # seconds after which an untouched temporary file is nobody's
LONGEST = 200  # bytes of a name that leave room for a temporary file's: systems allow 255
_OF_DISKS = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS")} - {None}
_LENGTHS = {32: "md5", 64: "sha256"}  # hexadecimal digits of a digest
_CREDENTIALS = re.compile(r"//[^/@]*@")


def home() -> Path:
    """The folder of autonet's own files: AUTONET_HOME, else `.autonet` in the user's home folder."""
    named = os.environ.get("AUTONET_HOME", "").strip()
    return Path(named).expanduser() if named else Path.home() / ".autonet"


def checksum(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file's bytes.

    >>> import tempfile, pathlib
    >>> empty = pathlib.Path(tempfile.mkdtemp()) / "empty"
    >>> empty.touch()
    >>> checksum(empty)[:12]
    'e3b0c44298fc'
    """
    digest = _new_digest(algorithm)
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """A file object whose content becomes `path` when the block ends well; after an error `path` is as it was.

    A temporary file beside the target is flushed to disk, then renamed over it, then the folder is flushed: whoever reads
    `path` finds the old file or the new one, whole, after a crash too. Missing folders are made. An existing file keeps its
    permissions, a symbolic link stays a link to what is replaced. What a process that was killed left behind is removed by
    the next that writes to `path`.

    Args:
        path: where the content shall stand.
        mode: "wb" or "w".
        options: further arguments of `open`, for example `encoding`.

    Raises: the system's OSError, with `path` as its filename, for example where the disk is full.
    """
    if mode not in ("wb", "w"):
        raise ArgumentError(f"atomic_write writes a whole file: mode 'wb' or 'w'; received {mode!r}.")
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder stands where the file is to be saved", str(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    temporary = _beside(target)
    kept = "the file that was there is untouched" if target.exists() else "nothing was left in its place"
    within, failed = False, f"It could not be written; {kept}."
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(handle, mode, **options) as file:
            within = True  # where not every error is of this file
            yield file
            within = False
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o777)
        os.replace(temporary, target)
    except BaseException as problem:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(problem, OSError) and (not within or (problem.filename is None and problem.errno in _OF_DISKS)):
            _tell(problem, path, failed)
        raise
    try:
        _flush_folder(target.parent)
    except OSError as problem:
        _tell(problem, path, "It stands there whole, but may be gone after a crash: its folder could not be flushed.")
        raise


def _tell(problem: OSError, path: Any, what: str) -> None:
    """Give an error of the system the name that its user knows the file by, and a sentence."""
    problem.filename = os.fspath(path)
    del problem.filename2
    problem.add_note(what)


def append(file: IO[bytes], data: bytes, flush: bool = False) -> None:
    """Write `data` at the end of an unbuffered file: all of it, or, after an error, nothing.

    Args:
        file: open for appending bytes, with buffering=0.
        flush: whether it shall be on the disk when this returns.

    Raises: the system's OSError, with the file's name.
    """
    end, rest = os.fstat(file.fileno()).st_size, memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]  # a disk that is nearly full takes a part
        if flush:
            os.fsync(file.fileno())
    except BaseException as problem:
        what = "Nothing was added to it."
        try:
            file.truncate(end)
        except OSError:
            what = "Its end may hold a part of what was to be added."
        if isinstance(problem, OSError):
            _tell(problem, file.name, what)
        raise


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether it is in Fortran's order, and dtype of the `.npy` file at which `file` stands, which then is at its rows.

    Raises: ValueError, and what else NumPy's parser raises, for what is none.
    """
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    if version not in readers:
        raise ValueError(f"its version {version} is unknown")
    return readers[version](file)


def download(
    url: str, path: str | os.PathLike[str], file_hash: str | None = None, hash_algorithm: str = "auto"
) -> Path:
    """Fetch `url` into `path`: whole, checked, or not at all.

    Args:
        url: an http, https, ftp or file address.
        path: where the file shall stand.
        file_hash: expected digest in hexadecimal digits; without it only the announced length is checked.
        hash_algorithm: "sha256", "md5", or "auto": told from the length of `file_hash`.

    Returns: `path`.

    Raises: DataError if the transfer fails, ends early, or brings something else.
    """
    from http.client import HTTPException
    from urllib import request

    path = Path(path)
    algorithm = _algorithm(file_hash, hash_algorithm)
    digest = _new_digest(algorithm)
    name = _CREDENTIALS.sub("//", url)
    received = 0
    try:
        with request.urlopen(url, timeout=TIMEOUT) as answer, atomic_write(path) as file:
            announced = answer.headers.get("Content-Length")
            bar = _download_bar(path.name, announced)
            while piece := answer.read(CHUNK):
                received += len(piece)
                digest.update(piece)
                file.write(piece)
                bar.update(received)
            bar.close()
            if announced is not None and announced.isdigit() and received < int(announced):
                raise DataError(
                    f"The download of {name} ended after {received:,} of {int(announced):,} bytes. Try again."
                )
            if file_hash is not None and digest.hexdigest() != file_hash.lower():
                raise DataError(
                    f"{name} is not the file that was expected: {algorithm} {digest.hexdigest()}, expected "
                    f"{file_hash.lower()}. Nothing was saved."
                )
    except DataError:
        raise
    except (OSError, ValueError, HTTPException) as problem:
        reason = getattr(problem, "reason", None) or problem
        raise DataError(
            f"{name} cannot be downloaded into {path.parent}: {reason}. "
            "Check the address, the connection and the folder."
        ) from problem
    return path


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | tuple[str, ...] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Path of a file that is downloaded once and then kept.

    Args:
        fname: local name; default: the last part of `origin`.
        origin: the address.
        untar: older word for `extract`.
        md5_hash: older word for `file_hash`.
        file_hash: expected digest; a kept file with another digest is fetched again.
        cache_subdir: folder below `cache_dir`, or an absolute folder.
        hash_algorithm: "sha256", "md5" or "auto".
        extract: unpack a tar or zip archive and return the folder that holds its content.
        archive_format: "auto", "tar", "zip", or None for no unpacking.
        cache_dir: default: AUTONET_HOME, else `~/.autonet`.
        force_download: fetch although the file is there.

    Returns: the path of the file, or of the folder with the archive's content.

    Raises: DataError if the file cannot be had.
    """
    if origin is None:
        raise ArgumentError('get_file needs the address of the file: get_file(origin="https://...").')
    name = os.fspath(fname) if fname is not None else os.path.basename(origin.split("?")[0].rstrip("/"))
    if not name or os.path.basename(name) != name or name in (".", ".."):
        raise ArgumentError(f"get_file expects a plain file name, without folders; received fname={name!r}.")
    expected = file_hash if file_hash is not None else md5_hash
    algorithm = "md5" if file_hash is None and md5_hash is not None else hash_algorithm
    unpack = bool((extract or untar) and archive_format)
    folder = (Path(cache_dir).expanduser() if cache_dir is not None else home()) / cache_subdir
    path = content = folder / name
    if unpack and (fname is None or "." not in name):  # the name is the content's, the archive stands beside it
        path = folder / f"{name}_archive"
    elif unpack:
        content = folder / f"{name.split('.')[0]}_extracted"
    if force_download or not path.is_file() or not _is_expected(path, expected, algorithm):
        download(origin, path, expected, algorithm)
    if unpack:
        _unpack(path, content, archive_format or ())
    return str(content)


def _unpack(path: Path, folder: Path, archive_format: str | list[str] | tuple[str, ...]) -> None:
    """Unpack the archive into `folder`, unless that was done since it arrived. A damaged one changes nothing there."""
    import shutil
    import tarfile
    import zipfile

    formats = [archive_format] if isinstance(archive_format, str) else list(archive_format)
    for word in formats:
        if word not in ("auto", "tar", "zip"):
            raise unknown("archive format", word, ("auto", "tar", "zip"))
    if "auto" in formats:
        formats = ["tar", "zip"]
    if folder.is_dir() and folder.stat().st_mtime_ns >= path.stat().st_mtime_ns:
        return
    temporary = _beside(folder)
    temporary.mkdir()
    try:
        if "tar" in formats and tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                _extract_tar(archive, temporary)
        elif "zip" in formats and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(temporary)  # zipfile itself keeps members inside the folder
        else:
            raise DataError(
                f"{path} is no {' or '.join(formats)} archive. Delete it and try again, or pass extract=False."
            )
        _move_into(temporary, folder)
        os.utime(folder)
    except BaseException as problem:
        if isinstance(problem, (tarfile.TarError, zipfile.BadZipFile, EOFError)):
            raise DataError(f"{path} cannot be unpacked ({problem}). Delete it and try again.") from problem
        if isinstance(problem, OSError) and problem.filename is None:
            _tell(problem, folder, f"{path} could not be unpacked into it.")
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move_into(source: Path, folder: Path) -> None:
    """Move what a folder holds into another, file over file; what else is there stays, for it may be somebody's."""
    folder.mkdir(exist_ok=True)
    for entry in sorted(source.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            _move_into(entry, folder / entry.name)
        else:
            os.replace(entry, folder / entry.name)


def _extract_tar(archive: "tarfile.TarFile", folder: Path) -> None:
    import tarfile

    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    root = folder.resolve()  # Python 3.11.0 to 3.11.3 have no filter: plain files and folders inside the folder only
    for member in archive.getmembers():
        target = (root / member.name).resolve()
        if not (member.isfile() or member.isdir()) or not target.is_relative_to(root):
            raise DataError(f"The archive holds {member.name!r}, which is no plain file inside the archive's folder.")
    archive.extractall(folder)


def _algorithm(file_hash: str | None, hash_algorithm: str) -> str:
    if hash_algorithm != "auto":
        if hash_algorithm not in _LENGTHS.values():
            raise unknown("hash algorithm", hash_algorithm, ("auto", *_LENGTHS.values()))
        return hash_algorithm
    if file_hash is None:
        return "sha256"
    if len(file_hash) not in _LENGTHS:
        raise ArgumentError(
            f"A file hash has 64 hexadecimal digits (sha256) or 32 (md5); received {len(file_hash)}: {file_hash!r}."
        )
    return _LENGTHS[len(file_hash)]


def _new_digest(algorithm: str) -> Any:
    import hashlib

    if algorithm == "md5":
        return hashlib.md5(usedforsecurity=False)
    if algorithm == "sha256":
        return hashlib.sha256()
    raise unknown("hash algorithm", algorithm, tuple(_LENGTHS.values()))


def _is_expected(path: Path, file_hash: str | None, hash_algorithm: str) -> bool:
    return file_hash is None or checksum(path, _algorithm(file_hash, hash_algorithm)) == file_hash.lower()


# Temporary files: ".<name>.<system>-<process>.<random>.part", in the target's folder


def _beside(target: Path) -> Path:
    """A name in the same folder that nobody has, and that tells whose it is."""
    return target.with_name(f"{_prefix(target)}{_system()}-{os.getpid()}.{os.urandom(8).hex()}.part")


def _prefix(target: Path) -> str:
    """How names of temporary files for a target begin: with its own name, or a hash where that leaves no room."""
    import hashlib

    name = os.fsencode(target.name)
    return f".{target.name}." if len(name) <= LONGEST else f".{hashlib.sha256(name).hexdigest()}."


@functools.cache
def _system() -> str:
    """What process numbers are unique in: this boot of the machine, and this container's table of processes.

    Empty where that cannot be known.
    """
    import hashlib

    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
        table = os.stat("/proc/self/ns/pid")
    except OSError:
        return ""
    return hashlib.sha256(boot + f"{table.st_dev} {table.st_ino}".encode()).hexdigest()[:16]


def _sweep(target: Path) -> None:
    """Remove temporary files for `target` whose process is provably gone, or that nobody has touched for a day."""
    form = re.compile(re.escape(_prefix(target)) + r"([0-9a-f]*)-([0-9]+)\.[0-9a-f]{16}\.part")
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            match = form.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    old = time.time() - entry.stat(follow_symlinks=False).st_mtime > OLD
                    if old or (match[1] and match[1] == _system() and _is_gone(int(match[2]))):
                        os.unlink(entry.path)


def _is_gone(process: int) -> bool:
    if os.name != "posix":
        return False
    try:
        os.kill(process, 0)  # asks whether it is there
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def _flush_folder(folder: Path) -> None:
    """Make the new name itself durable, where folders can be flushed."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system without folders to flush
            raise
    finally:
        os.close(handle)


def _download_bar(title: str, announced: str | None) -> Any:
    from autonet.utils.progress import Progbar, can_redraw

    size = int(announced) if announced is not None and announced.isdigit() else None
    return Progbar(size, verbose=1 if can_redraw() else 0, unit_name="B", title=title)
