"""Compiled libraries on disk: whole or not at all, ours alone, bounded."""

import ctypes
import os
import stat
import subprocess
import sys
import threading

import pytest

from autonet.compiler.native import cache, library, sources, toolchain

from .support import needs_compiler

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")


@pytest.fixture
def folder(monkeypatch, tmp_path):
    path = tmp_path / "cache"
    monkeypatch.setenv("AUTONET_CACHE", str(path))
    cache._private.cache_clear()
    yield path
    cache._private.cache_clear()


def test_what_was_written_is_found(folder):
    path = cache.write("key", b"bytes")
    assert path.parent == folder
    assert cache.find("key") == path
    assert cache.read("key") == b"bytes"
    assert cache.find("other") is None
    cache.clear()
    assert cache.find("key") is None


@posix
def test_the_folder_is_the_users_alone(folder):
    path = cache.write("key", b"bytes")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


@posix
def test_an_open_folder_is_closed_and_what_it_held_is_not_trusted(folder):
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    planted = folder / cache._name("key", b"planted")
    planted.write_bytes(b"planted")
    assert cache.find("key") is None
    assert not planted.exists()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix
def test_another_users_folder_is_refused(folder, monkeypatch):
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    path = cache.write("key", b"bytes")
    assert folder not in path.parents
    assert cache.find("key") == path
    assert not list(folder.iterdir())


@posix
@pytest.mark.parametrize("damage", [b"", b"byte", b"bytez", b"bytes and more"])
def test_damaged_files_are_removed_and_built_again(folder, damage):
    path = cache.write("key", b"bytes")
    path.write_bytes(damage)
    assert cache.find("key") is None
    assert not path.exists()
    assert cache.read("key") is None
    assert cache.write("key", b"bytes") == path


def test_a_file_that_cannot_be_written_goes_to_a_private_folder(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    folder.mkdir(mode=0o700)
    real, calls = cache._put, []

    def put(place, key, data):
        calls.append(place)
        return full() if place == folder else real(place, key, data)

    monkeypatch.setattr(cache, "_put", put)
    path = cache.write("key-full", b"bytes")
    assert calls[0] == folder
    assert path.parent != folder
    assert cache.read("key-full") == b"bytes"


@pytest.mark.parametrize("name", ["a file/inside", "\0"])
def test_a_folder_that_cannot_be_made_is_replaced(monkeypatch, tmp_path, name):
    (tmp_path / "a file").write_text("")
    if "\0" in name:
        monkeypatch.setattr(cache, "wanted", lambda: tmp_path / "a file")
    else:
        monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / name))
    assert cache.write("key-odd", b"bytes").exists()
    assert cache.read("key-odd") == b"bytes"


def test_no_draft_is_left_when_writing_fails(folder, monkeypatch):
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="no"):
        cache._put(folder, "key", b"bytes")
    assert not list(folder.iterdir())


def test_the_oldest_go_first(folder, monkeypatch):
    monkeypatch.setattr(cache, "LIMIT", 2500)
    for i, name in enumerate(("a", "b", "c")):
        path = cache.write(name, bytes([i]) * 800)
        os.utime(path, (1000 + i, 1000 + i))
    assert cache.find("a") is not None  # used now, so b is the oldest
    cache.write("d", b"d" * 800)
    assert [n for n in "abcd" if cache.find(n)] == ["a", "c", "d"]


def test_old_drafts_are_cleared_away(folder):
    cache.write("key", b"1")
    old, new = folder / "draft-old", folder / "draft-new"
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (1, 1))
    cache.write("key", b"2")
    assert new.exists()
    assert not old.exists()


WRITER = """
from autonet.compiler.native import cache
for turn in range(30):
    data = b"%d" % (turn % 3) * 5000
    cache.write(f"key{turn % 3}", data)
    found = cache.read(f"key{turn % 3}")
    assert found is None or found == data, turn
"""


def test_processes_share_the_folder(folder):
    processes = [subprocess.Popen([sys.executable, "-c", WRITER]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(list(folder.glob("key*"))) == 3


@needs_compiler
def test_threads_compile_once(folder, monkeypatch):
    compiler, calls = toolchain.find(), []
    real = toolchain.Compiler.compile
    monkeypatch.setattr(toolchain.Compiler, "compile", lambda self, *a: calls.append(1) or real(self, *a))
    monkeypatch.setattr(toolchain, "find", lambda: compiler)
    found = []
    threads = [threading.Thread(target=lambda: found.append(library.build("int x = 7;"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(set(found)) == 1


@needs_compiler
@posix
def test_a_truncated_library_is_never_loaded(folder, monkeypatch):
    compiler = toolchain.find()
    monkeypatch.setattr(toolchain, "find", lambda: compiler)
    source = sources.header() + "AN_EXPORT int answer(void) { return 42; }"
    path = library.build(source)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    again = library.build(source)
    assert again.read_bytes() == whole
    assert library.Library(again).function("answer", ctypes.c_int)() == 42
