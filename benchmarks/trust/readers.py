"""Every reader of files, with sound files to start from: the table that `fuzz.py` walks.

A reader is (ending, kind for `mutations`, sound files, read). `read(path)` may return, or raise one of autonet's errors.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import autonet as keras
from autonet import layers as L
from autonet.applications.imagenet_utils import WORDS, decode_predictions
from autonet.callbacks import BackupAndRestore, CSVLogger
from autonet.cli import tables
from autonet.cli.csvfile import read_table
from autonet.compiler.c.runtime import cache
from autonet.datasets import cifar, fashion_mnist, housing, imdb, student_admissions, words
from autonet.datasets.files import read_npz
from autonet.datasets.pickles import read_pickle
from autonet.saving import load_model, model_from_json
from autonet.saving.archive import Archive, write_archive
from autonet.saving.models import describe
from autonet.tuner import Choice, Log, Space
from autonet.tuner.journal import Journal
from autonet.tuner.trial import Outcome
from autonet.utils.disk import DiskArray

GOLDEN = Path(__file__).parents[2] / "tests"


@dataclass
class Reader:
    """How a kind of file is read.

    Attributes:
        ending: of the files' names.
        kind: of what `mutations.mutate` changes.
        sound: makes sound files in a folder that is empty.
        read: reads one.
    """

    ending: str
    kind: str
    sound: Callable[[Path], Iterator[bytes]]
    read: Callable[[Path], Any]


def dense() -> Any:
    model = keras.Sequential([L.Input((3,), name="x"), L.Dense(2, name="d"), L.Dropout(0.5, name="e")], name="m")
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    return model


def models() -> Iterator[Any]:
    """Small ones of several kinds."""
    yield dense()
    a, b = keras.Input((4, 2), name="a"), keras.Input((3,), name="b")
    h = L.LSTM(2, name="r")(a)
    h = L.Concatenate(name="c")([h, L.Dense(2, "relu", kernel_regularizer="l2", name="d")(b)])
    model = keras.Model([a, b], L.BatchNormalization(name="n")(h), name="f")
    model.compile(
        keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 9), momentum=0.9), "mse", metrics=["mae"]
    )
    model.train_on_batch([np.ones((2, 4, 2)), np.ones((2, 3))], np.ones((2, 4)))
    yield model
    yield keras.Sequential([L.Input((6, 6, 1)), L.Conv2D(2, 3), L.MaxPooling2D(), L.Flatten(), L.Dense(1)], name="s")


def written(write: Callable[[Any, Path], Any], ending: str) -> Callable[[Path], Iterator[bytes]]:
    """Sound files of these models."""

    def sound(folder: Path) -> Iterator[bytes]:
        for model in models():
            write(model, folder / f"x{ending}")
            yield (folder / f"x{ending}").read_bytes()

    return sound


def old_archive(model: Any, path: Path) -> None:
    config, variables = describe(model)
    write_archive(path, "model", config, {name: v.numpy() for name, v in variables.items()})


def golden(pattern: str) -> Callable[[Path], Iterator[bytes]]:
    return lambda folder: (path.read_bytes() for path in sorted(GOLDEN.glob(pattern)))


def mlp() -> Any:
    return load_model(GOLDEN / "golden/keras2_files/tf_keras-mlp.h5")


class Into:
    """Loads weights into a model that is made once."""

    model: Any = None

    def __init__(self, skip: bool = False, made: Callable[[], Any] = dense):
        self.skip, self.made = skip, made

    def __call__(self, path: Path) -> Any:
        self.model = self.model or self.made()
        return self.model.load_weights(path, skip_mismatch=self.skip)


def backups(folder: Path) -> Iterator[bytes]:
    for freq in (1, "epoch"):
        fit(folder, freq, interrupt=True)
        yield (folder / "latest.backup").read_bytes()


def fit(folder: Path, freq: Any = "epoch", interrupt: bool = False) -> None:
    class Interrupt(keras.callbacks.Callback):
        steers = False

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if interrupt and self.model.optimizer.iterations == 3:
                raise KeyboardInterrupt

    keras.utils.set_random_seed(1)
    model = keras.Sequential([L.Input((3,)), L.Dense(2), L.Dropout(0.5)])
    model.compile("adam", "mse")
    stop, log = keras.callbacks.EarlyStopping("loss", restore_best_weights=True), CSVLogger(folder / "x.csv")
    callbacks = [BackupAndRestore(folder, freq, delete_checkpoint=False), stop, log, Interrupt()]
    model.fit(np.ones((4, 3)), np.ones((4, 2)), batch_size=2, epochs=3, verbose=0, callbacks=callbacks)


def restore(path: Path) -> None:
    """The training goes on from the file, or says why not."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        (Path(folder) / "latest.backup").write_bytes(path.read_bytes())
        fit(Path(folder))


SPACE = Space(rate=Log(1e-4, 1.0), units=Choice([1, 2]))


def journals(folder: Path) -> Iterator[bytes]:
    book = Journal(folder / "x.jsonl", {"seed": 1, "method": "random"}, SPACE)
    for n in range(3):
        book.add(Outcome(n, {"rate": 0.1, "units": 2}, float("nan") if n else 0.5, n, 1.0, None, False, (0.5, 0.25)))
    book.close()
    yield (folder / "x.jsonl").read_bytes()


def journal(path: Path) -> None:
    Journal(path, {"seed": 1, "method": "random"}, SPACE).close()


def append_log(path: Path) -> None:
    log = CSVLogger(path, append=True)
    log.on_train_begin()
    log.on_epoch_end(0, {"loss": 1.0})


KEY = f"plan-{'0' * 32}"


def kernels(path: Path) -> None:
    """A file of the cache, under the name that it has for its content before it was changed, is never given out."""
    folder = cache.folder()
    place = folder / cache._name(KEY, KERNEL)
    content = path.read_bytes()
    place.write_bytes(content)
    place.chmod(0o600)
    found = cache.read(KEY)
    if found not in (None, KERNEL):
        raise AssertionError("the cache gave out what it did not store")


KERNEL = bytes(range(256)) * 16


def npz(packed: bool = True, **arrays: Any) -> Callable[[Path], Iterator[bytes]]:
    def sound(folder: Path) -> Iterator[bytes]:
        for save in (np.savez, np.savez_compressed)[: 1 + packed]:
            buffer = io.BytesIO()
            save(buffer, **arrays)
            yield buffer.getvalue()

    return sound


def npys(folder: Path) -> Iterator[bytes]:
    for array in (np.ones((9, 3), "f4"), np.arange(5), np.zeros((2, 3, 1), ">u2")):
        buffer = io.BytesIO()
        np.save(buffer, array)
        yield buffer.getvalue()


def rows(path: Path, name: str | None) -> None:
    array = DiskArray(path, name)
    array[:]
    if len(array):
        array[[len(array) - 1, 0]]


def classes(folder: Path) -> Iterator[bytes]:
    yield json.dumps({str(n): [f"n{n}", f"word {n}"] for n in range(1000)}).encode()


def predictions(path: Path) -> None:
    os.environ["AUTONET_HOME"] = str(path.parent)
    (path.parent / "datasets").mkdir(exist_ok=True)
    (path.parent / "datasets" / WORDS).write_bytes(path.read_bytes())
    decode_predictions(np.ones((1, 1000)))


def idx(folder: Path) -> Iterator[bytes]:
    yield gzip.compress(b"\0\0\x08\3" + np.array([5, 4, 4], ">u4").tobytes() + bytes(80))
    yield gzip.compress(b"\0\0\x08\1" + np.array([9], ">u4").tobytes() + bytes(9))


def pickles(folder: Path) -> Iterator[bytes]:
    batch = {b"data": np.zeros((2, 5), "u1"), b"labels": [1, 2], "text": "x", "lists": [(1, 2.5), None, True, 2**70]}
    for protocol in range(5):
        yield pickle.dumps(batch, protocol)
        yield pickle.dumps(ragged(), protocol)


def ragged() -> np.ndarray:
    x = np.empty(3, object)
    x[:] = [[1, 2, 3], [4], [5, 6, 70_000]]
    return x


def tars(folder: Path) -> Iterator[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        content = pickle.dumps({b"data": np.zeros((2, 3072), "u1"), b"labels": [1, 2]}, 2)
        info = tarfile.TarInfo("batch")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    yield buffer.getvalue()


def reviews(folder: Path) -> Iterator[bytes]:
    yield lzma.compress(b"".join(json.dumps({"text": "It is é.", "label": n % 2}).encode() + b"\n" for n in range(9)))


def texts(*contents: str) -> Callable[[Path], Iterator[bytes]]:
    return lambda folder: (text.encode() for text in contents)


def vocabulary(path: Path) -> None:
    layer = L.StringLookup()
    layer.set_vocabulary(str(path))


def integers(path: Path) -> None:
    L.IntegerLookup().set_vocabulary(str(path))


TABLE = 'age,job,y\n31,nurse,1\n45.5,smith,0\n,"a, b",1\n22,,0\n'
ADMISSIONS = "admit,gre,gpa,rank\n0,380,3.61,3\n1,660,3.67,3\n1,800,4.0,1\n"

READERS = {
    "model": Reader(".keras", "own", written(lambda m, p: m.save(p), ".keras"), load_model),
    "model of old": Reader(".keras", "own", written(old_archive, ".keras"), load_model),
    "model of Keras": Reader(".keras", "zip", golden("saving/old/for_keras.keras"), load_model),
    "model of Keras 2": Reader(".h5", "bytes", golden("golden/keras2_files/*[!s].h5"), load_model),
    "document": Reader(".json", "json", written(lambda m, p: m.save(p), ".json"), load_model),
    "configuration": Reader(
        ".json",
        "json",
        written(lambda m, p: p.write_text(m.to_json()), ".json"),
        lambda path: model_from_json(path.read_bytes().decode("utf-8", "surrogateescape")),
    ),
    "weights": Reader(".weights", "own", lambda f: iter([one(f, lambda m, p: m.save_weights(p), ".weights")]), Into()),
    "HDF5": Reader(
        ".weights.h5", "bytes", lambda f: iter([one(f, lambda m, p: m.save_weights(p), ".weights.h5")]), Into()
    ),
    "HDF5 skipping": Reader(
        ".weights.h5", "bytes", lambda f: iter([one(f, lambda m, p: m.save_weights(p), ".weights.h5")]), Into(True)
    ),
    "HDF5 of Keras 2": Reader(
        ".h5",
        "bytes",
        golden("golden/keras2_files/*mlp.h5"),
        Into(made=mlp),
    ),
    "archive": Reader(".backup", "own", backups, lambda path: archive(path)),
    "backup": Reader(".backup", "own", backups, restore),
    "journal": Reader(".jsonl", "lines", journals, journal),
    "log": Reader(".csv", "lines", texts("epoch,loss,val_loss\n0,1.0,2.0\n1,0.5,NA\n"), append_log),
    "kernels": Reader(".bin", "bytes", lambda folder: iter([KERNEL]), kernels),
    "npz": Reader(
        ".npz",
        "zip",
        npz(x=np.zeros((3, 4, 4), "u1"), y=np.arange(3)),
        lambda path: read_npz(path, {"x": (None, 4, 4), "y": (None,)}),
    ),
    "examples": Reader(
        ".npz", "zip", npz(x=np.ones((9, 3)), y=np.arange(9) % 3), lambda path: tables.read(path, task="classification")
    ),
    "rows of an array": Reader(".npy", "npy", npys, lambda path: rows(path, None)),
    "rows in an archive": Reader(
        ".npz", "zip", npz(x=np.ones((9, 3), "f4"), y=np.arange(9), packed=False), lambda path: rows(path, "x")
    ),
    "houses": Reader(".npz", "zip", npz(x=np.ones((5, 13)), y=np.ones(5)), lambda path: housing.read(path, 13)),
    "texts": Reader(".npz", "zip", npz(x=ragged(), y=np.arange(3)), lambda path: words.read(path, "x", "y")),
    "word index": Reader(".json", "json", texts('{"the": 1, "é": 2, "x": 88}'), words.read_index),
    "classes": Reader(".json", "json", classes, predictions),
    "IDX": Reader(".gz", "gzip", idx, fashion_mnist.read_idx),
    "pickle": Reader(".pkl", "bytes", pickles, lambda path: read_pickle(path.read_bytes())),
    "pictures": Reader(".tar.gz", "tar", tars, lambda path: cifar.read(path, ["batch"], "labels")),
    "reviews": Reader(".xz", "xz", reviews, imdb._read),
    "admissions": Reader(".csv", "lines", texts(ADMISSIONS), student_admissions._read),
    "table": Reader(
        ".csv", "lines", texts(TABLE, TABLE.replace(",", ";"), TABLE.replace(",", "\t")), lambda path: columns(path)
    ),
    "vocabulary": Reader(".txt", "lines", texts("the\ncat\né\n"), vocabulary),
    "vocabulary of numbers": Reader(".txt", "lines", texts("3\n-5\n88\n"), integers),
}


def one(folder: Path, write: Callable[[Any, Path], Any], ending: str) -> bytes:
    write(dense(), folder / f"x{ending}")
    return (folder / f"x{ending}").read_bytes()


def archive(path: Path) -> None:
    with Archive(path, "backup") as opened:
        opened.arrays()


def columns(path: Path) -> None:
    table = read_table(path)
    for name in table.names:
        (table.numbers if table.is_numeric(name) else table.texts)(name)
