"""Files are replaced whole or not at all: no fault of the disk, and no kill, leaves anything but the old or the new one."""

import errno
import io
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet.errors import ArgumentError, NotBuiltError
from autonet.saving import export_json, load_model
from autonet.utils.files import append, atomic_write


def model_of(value):
    model = keras.Sequential([L.Input((3,)), L.Dense(2, kernel_initializer="zeros")])
    model.weights[1].assign(np.full(2, value))
    return model


class Disk:
    """os, but the call number `fails` of `function` fails with `code`; writes through it may be cut short first."""

    def __init__(self, monkeypatch, function, fails, code):
        self.calls, self.fails, self.code = 0, fails, code
        real = getattr(os, function)

        def faulty(*args, **kwargs):
            self.calls += 1
            if self.calls == self.fails:
                raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        monkeypatch.setattr(os, function, faulty)


class Full:
    """A file on a disk with little room: writes what fits, then fails."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        data = memoryview(data).cast("B") if len(memoryview(data)) else b""
        if len(data) > self.room:
            self.file.write(data[: self.room])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(data)
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()


WRITERS = {
    "model": lambda model, path: model.save(path.with_suffix(".keras")),
    "document": lambda model, path: model.save(path.with_suffix(".json")),
    "weights": lambda model, path: model.save_weights(path.with_suffix(".weights")),
    "weights for Keras": lambda model, path: model.save_weights(path.with_suffix(".weights.h5")),
    "readable": lambda model, path: export_json(model, path.with_suffix(".json")),
}


def old_and_writer(kind, tmp_path):
    WRITERS[kind](model_of(1), tmp_path / "x")
    (path,) = tmp_path.iterdir()
    return path, path.read_bytes()


def assert_told(error, path):
    """Which file it was, and that the old one stands."""
    assert error.filename == str(path) and error.filename2 is None and str(error).endswith(f": {str(path)!r}")
    assert error.__notes__ == ["It could not be written; the file that was there is untouched."]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(
    "function, code", [("fsync", errno.EIO), ("replace", errno.EIO), ("open", errno.ENOSPC), ("open", errno.EACCES)]
)
def test_a_fault_leaves_the_old_file(kind, function, code, tmp_path, monkeypatch):
    path, old = old_and_writer(kind, tmp_path)
    with monkeypatch.context() as patch:
        Disk(patch, function, 1, code)
        with pytest.raises(OSError) as caught:
            WRITERS[kind](model_of(2), tmp_path / "x")
    assert caught.value.errno == code
    assert_told(caught.value, path)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]
    WRITERS[kind](model_of(2), tmp_path / "x")
    assert path.read_bytes() != old


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_leaves_the_old_file(kind, tmp_path, monkeypatch):
    path, old = old_and_writer(kind, tmp_path)
    real = os.fdopen
    for room in sorted({0, 1, 29, len(old) // 3, len(old) // 2, len(old) - 1}):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdopen", lambda handle, mode, room=room: Full(real(handle, mode), room))
            with pytest.raises(OSError) as caught:
                WRITERS[kind](model_of(2), tmp_path / "x")
        assert caught.value.errno == errno.ENOSPC
        assert_told(caught.value, path)
        assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


def test_only_errors_of_writing_get_the_name(tmp_path):
    for error in (ConnectionResetError(errno.ECONNRESET, "gone"), OSError("no number"), FileNotFoundError(2, "x", "y")):
        with pytest.raises(OSError) as caught, atomic_write(tmp_path / "new"):
            raise error
        assert caught.value.filename in (None, "y") and not hasattr(caught.value, "__notes__")
    with pytest.raises(OSError, match="new") as caught, atomic_write(tmp_path / "new"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.__notes__ == ["It could not be written; nothing was left in its place."]


def test_a_folder_that_cannot_be_flushed_is_told(tmp_path, monkeypatch):
    Disk(monkeypatch, "fsync", 2, errno.EIO)  # the first flush is the file's
    with pytest.raises(OSError, match=r"x\.keras") as caught:
        model_of(1).save(tmp_path / "x.keras")
    assert caught.value.__notes__[0].startswith("It stands there whole")
    assert load_model(tmp_path / "x.keras").weights[1].numpy()[0] == 1


def test_some_file_systems_have_no_folders_to_flush(tmp_path, monkeypatch):
    Disk(monkeypatch, "fsync", 2, errno.EINVAL)
    model_of(1).save(tmp_path / "x.keras")


def test_order_of_events(tmp_path, monkeypatch):
    """Flushed before it is renamed, the folder after."""
    events = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, real=real: (events.append(name), real(*a))[1])
    model_of(1).save(tmp_path / "x.keras")
    assert events == ["fsync", "replace", "fsync"]


KILLED = """
import sys
import numpy as np
import autonet as keras
from autonet import layers as L

model = keras.Sequential([L.Input((64,)), L.Dense(500, kernel_initializer="zeros")])
n = 0
while True:
    n += 1
    model.set_weights([np.full((64, 500), n), np.full(500, n)])
    model.save(sys.argv[1])
    print(n, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_kill_leaves_a_whole_file(tmp_path):
    path = tmp_path / "x.keras"
    rng = np.random.default_rng(1)
    for saves in (1, 2, 1, 3, 1, 2):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, cwd=pathlib.Path(__file__).parents[2]
        )
        for _ in range(saves):
            process.stdout.readline()
        time.sleep(rng.uniform(0, 0.03))  # into one of the next
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kernel, bias = load_model(path).get_weights()
        assert np.all(kernel == bias[0]) and np.all(bias == bias[0])
        assert bias[0] >= saves
    model_of(1).save(path)
    assert list(tmp_path.iterdir()) == [path]  # what the killed ones left is gone


TOGETHER = """
import sys
import numpy as np
import autonet as keras
from autonet import layers as L

model = keras.Sequential([L.Input((64,)), L.Dense(300, kernel_initializer="zeros")])
for n in range(40):
    value = 1000 * int(sys.argv[2]) + n
    model.set_weights([np.full((64, 300), value), np.full(300, value)])
    model.save(sys.argv[1])
"""


def test_two_processes_save_to_one_name(tmp_path):
    """Whoever reads finds one's file or the other's, whole, at any time; nobody takes the other's temporary file away."""
    path, top = tmp_path / "x.keras", pathlib.Path(__file__).parents[2]
    writers = [subprocess.Popen([sys.executable, "-c", TOGETHER, path, str(k)], cwd=top) for k in (1, 2)]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            kernel, bias = load_model(path).get_weights()
            assert np.all(kernel == bias[0]) and np.all(bias == bias[0])
            seen.add(bias[0])
    assert [writer.returncode for writer in writers] == [0, 0] and seen
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_folder_stays_a_folder(kind, tmp_path):
    path, _ = old_and_writer(kind, tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError, match="a folder stands where the file is to be saved"):
        WRITERS[kind](model_of(1), tmp_path / "x")
    assert path.is_dir() and list(tmp_path.iterdir()) == [path]


def test_others_files_stay(tmp_path):
    alive = tmp_path / f".x.keras.{os.getppid()}.0011aabb.part"
    other = tmp_path / ".y.keras.99999999.0011aabb.part"
    odd = tmp_path / ".x.keras.word.0011aabb.part"
    for path in (alive, other, odd):
        path.touch()
    model_of(1).save(tmp_path / "x.keras")
    assert alive.exists() and other.exists() and odd.exists()


def test_rights_are_those_of_new_files(tmp_path):
    (tmp_path / "plain").touch()
    model_of(1).save(tmp_path / "x.keras")
    assert (tmp_path / "x.keras").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "x.keras").symlink_to(tmp_path / "there" / "y.keras")
    model_of(1).save(tmp_path / "x.keras")
    assert (tmp_path / "x.keras").is_symlink() and (tmp_path / "there" / "y.keras").is_file()


def test_an_error_in_the_block_leaves_the_old_file(tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "x") as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert (tmp_path / "x").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_what_is_appended_is_there_whole_or_not_at_all(tmp_path):
    class Nearly(io.FileIO):
        """Takes 5 bytes at a time, and 12 in all."""

        room = 12

        def write(self, data):
            if not self.room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done = super().write(bytes(data[: min(5, self.room)]))
            self.room -= done
            return done

    with Nearly(tmp_path / "x", "a") as file:
        append(file, b"0123456\n")
        with pytest.raises(OSError, match="No space left on device: .*x") as caught:
            append(file, b"89abcdef\n", flush=True)
    assert caught.value.__notes__ == ["Nothing was added to it."]
    assert (tmp_path / "x").read_bytes() == b"0123456\n"


def test_what_is_refused_before_anything_is_written(tmp_path):
    model = model_of(1)
    model.save(tmp_path / "x.keras")
    with pytest.raises(ArgumentError, match="overwrite is False"):
        model.save(tmp_path / "x.keras", overwrite=False)
    with pytest.raises(ArgumentError, match=r"must end with \.keras or \.json;"):
        model.save(tmp_path / "x.h5")
    with pytest.raises(ArgumentError, match=r"must end with \.weights or \.weights\.h5"):
        model.save_weights(tmp_path / "x.keras")
    with pytest.raises(ArgumentError, match="There is no folder"):
        model.save(tmp_path / "none" / "x.keras")
    with pytest.raises(ArgumentError, match="no argument 'signatures'"):
        model.save(tmp_path / "x.keras", signatures=None)
    for name, format in (("x.keras", "tf"), ("x.json", "keras")):
        with pytest.raises(
            ArgumentError, match=f"knows the format by the name.*received format='{format}'. Leave it out"
        ):
            model.save(tmp_path / name, format=format)
    with pytest.raises(NotBuiltError, match="no weights yet"):
        keras.Sequential([L.Dense(2)]).save(tmp_path / "y.keras")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("format", ["autonet", "keras"])
def test_there_is_one_format(format, tmp_path):
    model = model_of(1)
    model.save(tmp_path / "x.keras")
    with pytest.warns(UserWarning, match=f"There is one format of .keras files.*leave format='{format}' out"):
        model.save(tmp_path / "y.keras", format=format)
    assert (tmp_path / "x.keras").read_bytes() == (tmp_path / "y.keras").read_bytes()
