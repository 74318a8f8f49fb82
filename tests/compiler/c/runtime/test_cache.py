"""Compiled libraries on disk: whole or not at all, ours alone, bounded."""

import ctypes
import hashlib
import os
import stat
import subprocess
import sys
import threading

import pytest

from autonet.compiler.c.runtime import cache, library, sources, toolchain

from .support import needs_compiler

KEY = "plan-" + "0a" * 20


def named(text):
    """A key of the cache's form."""
    return f"plan-{hashlib.sha1(text.encode()).hexdigest()}"


posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")


@pytest.fixture
def folder(monkeypatch, tmp_path):
    path = tmp_path / "cache"
    monkeypatch.setenv("AUTONET_CACHE", str(path))
    cache._private.cache_clear()
    yield path
    cache._private.cache_clear()


def test_what_was_written_is_found(folder):
    path = cache.write(KEY, b"bytes")
    assert path.parent == folder
    assert cache.find(KEY) == path
    assert cache.read(KEY) == b"bytes"
    assert cache.find(named("other")) is None
    cache.clear()
    assert cache.find(KEY) is None


@posix
def test_the_folder_is_the_users_alone(folder):
    path = cache.write(KEY, b"bytes")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


STRANGERS = {  # what a folder of the user's may hold
    "a model": "pytorch_model.bin",
    "a model with a hash": f"model.{'0' * 40}.bin",
    "a draft": "draft-old",
    "a draft of eight letters": "draft-chapter1",
    "a kernel, nearly": cache._name(KEY, b"bytes") + ".txt",
}


def everything(place):
    """All that could be lost: names, contents, permissions, times."""
    return {
        path.name: (path.read_bytes() if path.is_file() else None, path.stat().st_mode, path.stat().st_mtime_ns)
        for path in [place, *place.iterdir()]
    }


@posix
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777, 0o1777, 0o1700])
@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=list(STRANGERS))
def test_a_folder_of_the_users_is_left_as_it_is(folder, monkeypatch, mode, stranger):
    folder.mkdir()
    own = folder / cache._name(KEY, b"old")
    for path in (folder / stranger, own):
        path.write_bytes(b"x" * 5000)
        os.utime(path, (1, 1))
    folder.chmod(mode)
    before = everything(folder)
    monkeypatch.setattr(cache, "LIMIT", 2500)
    path = cache.write(KEY, b"bytes")
    assert cache.read(KEY) == b"bytes"
    assert folder not in path.parents
    assert str(folder) in cache.why_not()
    cache.clear()
    assert cache.find(KEY) is None
    assert everything(folder) == before


@posix
@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=list(STRANGERS))
def test_strangers_in_the_caches_own_folder_stay(folder, monkeypatch, stranger):
    monkeypatch.setattr(cache, "LIMIT", 2500)
    cache.write(KEY, b"bytes")
    path = folder / stranger
    path.write_bytes(b"x" * 5000)
    os.utime(path, (1, 1))
    cache.write(named("more"), b"y" * 2000)
    assert cache.why_not() is None
    assert cache.find(KEY)
    cache.clear()
    assert path.read_bytes() == b"x" * 5000
    assert sorted(p.name for p in folder.iterdir()) == sorted([cache.MARKER, stranger])


@posix
def test_a_folder_that_others_may_write_is_not_trusted(folder):
    cache.write(KEY, b"bytes")
    folder.chmod(0o777)
    planted = folder / cache._name(KEY, b"planted")
    planted.write_bytes(b"planted")
    assert cache.find(KEY) is None
    assert "written by others" in cache.why_not()
    assert planted.exists()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777


@posix
def test_a_file_that_others_may_write_is_not_trusted(folder):
    cache.write(KEY, b"bytes").chmod(0o722)
    assert cache.find(KEY) is None


def elsewhere(path, tmp_path):
    """The same bytes outside, behind a link."""
    target = tmp_path / "elsewhere"
    path.rename(target)
    path.symlink_to(target)


def hard_to_read(path, tmp_path):
    """A pipe that nobody writes to."""
    path.unlink()
    os.mkfifo(path)


def another(path, tmp_path):
    """The bytes of another kernel."""
    path.write_bytes(cache.write(named("another"), b"other").read_bytes())


TAMPERED = {
    "one bit": lambda path, tmp_path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
    "cut": lambda path, tmp_path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path, tmp_path: path.write_bytes(path.read_bytes() + b"\0"),
    "empty": lambda path, tmp_path: path.write_bytes(b""),
    "as long as a disk": lambda path, tmp_path: os.truncate(path, 2**40),
    "another": another,
    "a link": elsewhere,
    "a link to nothing": lambda path, tmp_path: (path.unlink(), path.symlink_to(tmp_path / "nothing")),
    "a pipe": hard_to_read,
    "for a group to write": lambda path, tmp_path: path.chmod(0o720),
    "for all to write": lambda path, tmp_path: path.chmod(0o702),
}


@posix
@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=list(TAMPERED))
def test_what_was_tampered_with_is_neither_read_nor_loaded_and_made_again(folder, tmp_path, tamper):
    path = cache.write(KEY, b"bytes")
    tamper(path, tmp_path)
    assert cache.read(KEY) is None
    assert not os.path.lexists(path)
    assert cache.write(KEY, b"bytes") == path
    assert cache.read(KEY) == b"bytes"


@posix
def test_a_file_of_another_user_is_not_trusted(folder, monkeypatch):
    path = cache.write(KEY, b"bytes")
    about = os.fstat
    monkeypatch.setattr(os, "fstat", lambda n: os.stat_result([*about(n)[:4], about(n).st_uid + 1, *about(n)[5:10]]))
    assert cache.read(KEY) is None
    assert not path.exists()


@posix
@pytest.mark.parametrize(
    "mode, trusted", [(0o755, True), (0o775, True), (0o1777, True), (0o777, False), (0o703, False)]
)
def test_the_folders_above_are_nobodys_to_exchange(folder, tmp_path, monkeypatch, mode, trusted):
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / "above" / "between" / "cache"))
    (tmp_path / "above" / "between").mkdir(parents=True)
    (tmp_path / "above").chmod(mode)
    found = cache.write(KEY, b"bytes").is_relative_to(tmp_path)
    (tmp_path / "above").chmod(0o755)
    assert found == trusted
    if not trusted:
        (tmp_path / "above").chmod(mode)
        assert f"lies in {tmp_path / 'above'}, where everybody" in cache.why_not()


BUILDER = """
import ctypes
from autonet.compiler.c.runtime import library, toolchain
path = library.build('__attribute__((visibility("default"))) float twice(float *x) { return x[0] + x[1]; }')
twice = library.Library(path).function("twice", ctypes.c_float, ctypes.c_void_p)
assert twice((ctypes.c_float * 2)(1.0, 2.0)) == 3.0
print(toolchain.instructions(), path.name)
"""


@needs_compiler
@pytest.mark.parametrize("turns", [("baseline", "native", "baseline", "native")])
def test_processes_for_other_instructions_share_a_folder_and_no_file(folder, turns):
    said = []
    for name in turns:
        environment = {**os.environ, "AUTONET_INSTRUCTIONS": name, "AUTONET_CACHE": str(folder), "AUTONET_NATIVE": "1"}
        said.append(subprocess.run([sys.executable, "-c", BUILDER], env=environment, capture_output=True, text=True))
    assert [done.returncode for done in said] == [0] * len(turns), said[0].stderr
    first, second, *again = [done.stdout for done in said]
    assert again == [first, second]
    assert first.split()[1] != second.split()[1]
    assert len(list(folder.glob("plan-*"))) == 2


@needs_compiler
def test_another_processors_kernels_are_not_found(folder, monkeypatch):
    compiler = toolchain.find()
    monkeypatch.setattr(toolchain, "find", lambda: compiler)
    source = "int x = 8;"
    monkeypatch.setattr(toolchain, "processor", lambda: "flags : sse2 avx avx2 avx512f")
    wide = library.build(source)
    monkeypatch.setattr(toolchain, "processor", lambda: "flags : sse2")
    narrow = library.build(source)
    assert wide != narrow
    assert library.build(source) == narrow


@posix
@pytest.mark.parametrize("content", [(), ("plan-" + "0" * 40 + "." + "0" * 40 + ".bin",), (f"{cache.DRAFT}12345678",)])
def test_an_empty_folder_or_one_with_nothing_but_kernels_becomes_the_cache(folder, content):
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    for name in content:
        (folder / name).write_bytes(b"")
    assert cache.write(KEY, b"bytes").parent == folder
    assert cache.why_not() is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@posix
def test_another_users_folder_is_refused(folder, monkeypatch):
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    path = cache.write(KEY, b"bytes")
    assert folder not in path.parents
    assert cache.find(KEY) == path
    assert not list(folder.iterdir())


@posix
@pytest.mark.parametrize("damage", [b"", b"byte", b"bytez", b"bytes and more"])
def test_damaged_files_are_removed_and_built_again(folder, damage):
    path = cache.write(KEY, b"bytes")
    path.write_bytes(damage)
    assert cache.find(KEY) is None
    assert not path.exists()
    assert cache.read(KEY) is None
    assert cache.write(KEY, b"bytes") == path


def test_a_file_that_cannot_be_written_goes_to_a_private_folder(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    folder.mkdir(mode=0o700)
    real, calls = cache._put, []

    def put(place, key, data):
        calls.append(place)
        return full() if place == folder else real(place, key, data)

    monkeypatch.setattr(cache, "_put", put)
    path = cache.write(named("full"), b"bytes")
    assert calls[0] == folder
    assert path.parent != folder
    assert cache.read(named("full")) == b"bytes"


@pytest.mark.parametrize("name", ["a file/inside", "\0"])
def test_a_folder_that_cannot_be_made_is_replaced(monkeypatch, tmp_path, name):
    (tmp_path / "a file").write_text("")
    if "\0" in name:
        monkeypatch.setattr(cache, "wanted", lambda: tmp_path / "a file")
    else:
        monkeypatch.setenv("AUTONET_CACHE", str(tmp_path / name))
    assert cache.write(named("odd"), b"bytes").exists()
    assert cache.read(named("odd")) == b"bytes"


def test_no_draft_is_left_when_writing_fails(folder, monkeypatch):
    assert cache.folder() == folder
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="no"):
        cache._put(folder, KEY, b"bytes")
    assert [path.name for path in folder.iterdir()] == [cache.MARKER]


def test_the_oldest_go_first(folder, monkeypatch):
    monkeypatch.setattr(cache, "LIMIT", 2500)
    for i, name in enumerate(("a", "b", "c")):
        path = cache.write(named(name), bytes([i]) * 800)
        os.utime(path, (1000 + i, 1000 + i))
    assert cache.find(named("a")) is not None  # used now, so b is the oldest
    cache.write(named("d"), b"d" * 800)
    assert [n for n in "abcd" if cache.find(named(n))] == ["a", "c", "d"]


def test_old_drafts_are_cleared_away(folder):
    cache.write(KEY, b"1")
    old, new = folder / f"{cache.DRAFT}old_1234", folder / f"{cache.DRAFT}new_1234"
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (1, 1))
    cache.write(KEY, b"2")
    assert new.exists()
    assert not old.exists()


WRITER = """
from autonet.compiler.c.runtime import cache
for turn in range(30):
    data = b"%d" % (turn % 3) * 5000
    cache.write(f"plan-{turn % 3:040}", data)
    found = cache.read(f"plan-{turn % 3:040}")
    assert found is None or found == data, turn
"""


def test_processes_share_the_folder(folder):
    processes = [subprocess.Popen([sys.executable, "-c", WRITER]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(list(folder.glob("plan-*"))) == 3


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
