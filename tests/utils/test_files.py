import hashlib
import http.server
import os
import stat
import tarfile
import threading
import time
import zipfile

import pytest

from autonet.errors import ArgumentError, DataError
from autonet.utils import files
from autonet.utils.files import atomic_write, checksum, download, get_file

CONTENT = bytes(range(256)) * 20
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:1000] if self.path == "/short" else CONTENT)

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    Handler.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTONET_HOME", str(tmp_path / "home"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def names(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_home_is_the_variable_or_a_folder_of_the_user(tmp_path, monkeypatch):
    assert files.home() == tmp_path / "home"
    monkeypatch.delenv("AUTONET_HOME")
    assert files.home().name == ".autonet"
    monkeypatch.setenv("AUTONET_HOME", "~/elsewhere")
    assert files.home() == files.Path.home() / "elsewhere"


def test_checksums(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(CONTENT)
    assert checksum(path) == SHA256
    assert checksum(path, "md5") == MD5
    with pytest.raises(ArgumentError, match="Unknown hash algorithm: 'sha1'"):
        checksum(path, "sha1")


def test_an_atomic_write_replaces_the_file_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "new" / "file"
    with atomic_write(path, "w", encoding="utf-8") as file:
        file.write("first")
    path.chmod(0o640)
    with atomic_write(path) as file:
        file.write(b"second")
    assert path.read_text() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 or os.name == "nt"
    assert names(path.parent) == ["file"]


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_only_whole_files_are_written(tmp_path):
    with pytest.raises(ArgumentError, match="mode 'wb' or 'w'"), atomic_write(tmp_path / "file", "a"):
        pass


@pytest.mark.parametrize("digest", [None, SHA256, MD5, SHA256.upper()])
def test_a_download_arrives_whole(address, tmp_path, digest):
    path = download(f"{address}/data", tmp_path / "deep" / "data", digest)
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["data"]


@pytest.mark.parametrize(
    ("part", "digest", "message"),
    [
        ("short", None, "1,000 of 5,120 bytes|IncompleteRead"),
        ("missing", None, "cannot be downloaded into .*Not Found"),
        ("data", "0" * 64, f"is not the file that was expected: sha256 {SHA256}"),
    ],
)
def test_a_failed_download_is_one_error_and_no_file(address, tmp_path, part, digest, message):
    with pytest.raises(DataError, match=message):
        download(f"{address}/{part}", tmp_path / "data", digest)
    assert names(tmp_path) == []


def test_a_failed_download_leaves_the_old_file(address, tmp_path):
    (tmp_path / "data").write_text("old")
    with pytest.raises(DataError):
        download(f"{address}/short", tmp_path / "data")
    assert (tmp_path / "data").read_text() == "old"


def test_nobody_answers(tmp_path):
    with pytest.raises(DataError, match="Check the address, the connection and the folder"):
        download("http://127.0.0.1:9/data", tmp_path / "data")


def test_passwords_in_addresses_are_not_shown(tmp_path):
    with pytest.raises(DataError) as caught:
        download("ftp://me:secret@127.0.0.1:9/data", tmp_path / "data")
    assert "secret" not in str(caught.value)


def test_a_hash_must_look_like_one(tmp_path):
    with pytest.raises(ArgumentError, match="64 hexadecimal digits"):
        download("http://127.0.0.1:9/data", tmp_path / "data", "abc")


def test_get_file_fetches_once(address, tmp_path):
    for _ in range(2):
        path = get_file(origin=f"{address}/data?version=2", file_hash=SHA256)
    assert path == str(tmp_path / "home" / "datasets" / "data")
    assert len(Handler.asked) == 1
    get_file(origin=f"{address}/data?version=2", force_download=True)
    assert len(Handler.asked) == 2


def test_get_file_fetches_again_what_is_damaged(address, tmp_path):
    kept = tmp_path / "data"
    kept.write_bytes(CONTENT[:-1])
    path = get_file("data", f"{address}/data", md5_hash=MD5, cache_dir=tmp_path, cache_subdir="")
    assert path == str(kept)
    assert kept.read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["a/b", "..", ""])
def test_get_file_refuses_folders_in_names(name):
    with pytest.raises(ArgumentError, match="plain file name"):
        get_file(name, "http://127.0.0.1:9/data")
    with pytest.raises(ArgumentError, match="address"):
        get_file("name")


@pytest.fixture
def archives(tmp_path):
    (tmp_path / "a.txt").write_text("hi")
    with zipfile.ZipFile(tmp_path / "arc.zip", "w") as archive:
        archive.write(tmp_path / "a.txt", "d/a.txt")
    with tarfile.open(tmp_path / "arc.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.txt", "d/a.txt")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file", "folder", "archive"),
    [
        (None, "arc.zip", "arc.zip", "arc.zip_archive"),
        (None, "arc.tar.gz", "arc.tar.gz", "arc.tar.gz_archive"),
        ("words", "arc.zip", "words", "words_archive"),
        ("words.tar.gz", "arc.tar.gz", "words_extracted", "words.tar.gz"),
    ],
)
def test_archives_are_unpacked_beside_themselves(archives, name, file, folder, archive):
    for _ in range(2):
        path = get_file(name, (archives / file).as_uri(), extract=True)
    assert path == str(archives / "home" / "datasets" / folder)
    assert (archives / "home" / "datasets" / folder / "d" / "a.txt").read_text() == "hi"
    assert names(archives / "home" / "datasets") == sorted([folder, archive])


def test_what_is_no_archive_is_refused(archives):
    with pytest.raises(DataError, match="is no tar or zip archive"):
        get_file(origin=(archives / "a.txt").as_uri(), extract=True)
    with pytest.raises(ArgumentError, match="Unknown archive format: 'rar'"):
        get_file(origin=(archives / "arc.zip").as_uri(), extract=True, archive_format="rar")


def test_an_archive_cannot_write_outside_its_folder(archives):
    with tarfile.open(archives / "evil.tar", "w") as archive:
        archive.add(archives / "a.txt", "../../evil.txt")
    with pytest.raises((DataError, tarfile.TarError)):
        get_file(origin=(archives / "evil.tar").as_uri(), untar=True)
    assert not list(archives.rglob("evil.txt"))


def test_what_else_is_in_a_folder_stays_when_an_archive_is_unpacked_there(archives):
    own = archives / "home" / "datasets" / "words" / "d" / "mine.txt"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    os.utime(own.parent.parent, (0, 0))
    for _ in range(2):
        folder = get_file("words", (archives / "arc.zip").as_uri(), extract=True, force_download=True)
        assert own.read_text() == "mine" and (own.parent / "a.txt").read_text() == "hi"
        assert os.listdir(folder) == ["d"]


# Temporary files


@pytest.mark.parametrize("name", ["f", "f" * 200, "f" * 201, "f" * 255, "é" * 127, "[f]*.?"])
def test_names_of_any_length_the_system_allows(name, tmp_path):
    for content in (b"first", b"second"):
        with atomic_write(tmp_path / name) as file:
            file.write(content)
    assert (tmp_path / name).read_bytes() == b"second" and names(tmp_path) == [name]


PROCESSES = {"here": files._system(), "nobody": 99999999, "own": os.getpid(), "parent": os.getppid()}


@pytest.mark.skipif(not PROCESSES["here"], reason="this system does not tell processes of containers apart")
@pytest.mark.parametrize(
    ("left", "age", "swept"),
    [
        (".x.{here}-{nobody}.0123456789abcdef.part", 0, True),  # of a process that is gone
        (".x.{here}-{own}.0123456789abcdef.part", 0, False),  # of this one
        (".x.{here}-{parent}.0123456789abcdef.part", 0, False),
        (".x.0011223344556677-{nobody}.0123456789abcdef.part", 0, False),  # of another container or machine
        (".x.-{nobody}.0123456789abcdef.part", 0, False),  # nobody knows of which
        (".x.0011223344556677-{nobody}.0123456789abcdef.part", 25 * 3600, True),
        (".x.{here}-{own}.0123456789abcdef.part", 25 * 3600, True),
        (".y.{here}-{nobody}.0123456789abcdef.part", 25 * 3600, False),  # for another file
        (".x.{here}-{nobody}.0123456789abcde.part", 25 * 3600, False),  # not of this form: a user's
        (".x.word.0011aabb.part", 10**9, False),
        ("x.part", 10**9, False),
        (".x.{here}-{nobody}.0123456789abcdef.part.old", 10**9, False),
    ],
)
def test_a_temporary_file_is_swept_only_when_its_writer_is_gone(left, age, swept, tmp_path):
    left = left.format_map(PROCESSES)
    (tmp_path / left).write_text("left")
    then = time.time() - age
    os.utime(tmp_path / left, (then, then))
    with atomic_write(tmp_path / "x") as file:
        file.write(b"new")
    assert names(tmp_path) == sorted(["x"] if swept else ["x", left])
