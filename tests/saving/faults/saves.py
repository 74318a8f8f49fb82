"""Every kind of save: how the value 1 and then the value 2 are written into a folder, and how what stands there is read.

A save is (write, read): write(value, folder), read(folder) -> 1 or 2, the old or the new value, whole; anything else raises.
"""

import csv
import importlib.util
import json
import os
import pathlib
import tempfile

import numpy as np

import autonet as keras
from autonet import layers as L
from autonet.callbacks import BackupAndRestore, CSVLogger, ModelCheckpoint
from autonet.cli.report import save_history
from autonet.compiler.c.runtime import cache
from autonet.saving import export_json, load_model
from autonet.saving.archive import Archive
from autonet.tuner import Space, Uniform
from autonet.tuner.journal import Journal
from autonet.tuner.trial import Outcome

X, Y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
SPACE = Space(rate=Uniform(0.0, 1.0))
KEY = f"plan-{'0' * 32}"


def model_of(value):
    model = keras.Sequential([L.Input((3,), name="x"), L.Dense(2, kernel_initializer="zeros", name="d")], name="m")
    model.set_weights([np.full((3, 2), value), np.full(2, value)])
    return model


def value_of(model):
    """The number that all weights are."""
    (value,) = {float(v) for w in model.get_weights() for v in w.ravel()}
    return int(value)


def loaded(folder, name):
    model = model_of(0)
    model.load_weights(folder / name)
    return value_of(model)


def fit(value, epochs, *callbacks):
    """Train without moving the weights."""
    model = model_of(value)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(X, Y, epochs=epochs, verbose=0, callbacks=callbacks)


def backup(value, folder):
    fit(1, value, BackupAndRestore(folder / "backup", delete_checkpoint=False))


def backup_read(folder):
    with Archive(folder / "backup" / "latest.backup", "backup") as archive:
        assert len(archive.arrays()) > 3
        return archive.config["epoch"]


def both_backups(value, folder):
    fit(1, value, BackupAndRestore(folder / "backup", delete_checkpoint=False, double_checkpoint=True))


def rows(path):
    """Rows below the header, all whole."""
    text = path.read_text()
    header, *lines = csv.reader(text[: text.rfind("\n") + 1].splitlines())
    assert all(len(line) == len(header) for line in lines)
    return len(lines)


def journal(value, folder):
    """The outcome number `value`."""
    book = Journal(folder / "search.jsonl", {"seed": 1}, SPACE)
    try:
        book.add(Outcome(value - 1, {"rate": 0.5}, 0.25))
    finally:
        book.close()


def journal_read(folder):
    book = Journal(folder / "search.jsonl", {"seed": 1}, SPACE)
    book.close()
    assert list(book.outcomes) == [(n, None) for n in range(len(book.outcomes))]
    return len(book.outcomes)


def kernels(value, folder):
    os.environ["AUTONET_CACHE"] = str(folder / "cache")
    cache.write(KEY, bytes([value]) * 9000)


def kernels_read(folder):
    os.environ["AUTONET_CACHE"] = str(folder / "cache")
    data = cache.read(KEY)
    assert data is not None and len(data) == 9000 and len(set(data)) == 1
    return data[0]


def lookup(value):
    return L.StringLookup(vocabulary=[f"w{value}-{n}" for n in range(500)])


def vocabulary_read(folder):
    layer = L.StringLookup()
    layer.load_assets(str(folder))
    (value,) = {int(word[1]) for word in layer.get_vocabulary()[1:]}
    assert layer.vocabulary_size() == 501
    return value


def of_bytes(write, *names):
    """A save whose files are the same for the same value: each must be that of one value; the last one's counts."""
    known = {}

    def read(folder):
        for value in (1, 2) if not known else ():
            with tempfile.TemporaryDirectory() as clean:
                write(value, pathlib.Path(clean))
                known[value] = [(pathlib.Path(clean) / name).read_bytes() for name in names]
        for n, name in enumerate(names):
            content = (folder / name).read_bytes()
            found = [value for value in (2, 1) if known[value][n] == content]
            assert found, f"{name} is neither the old nor the new one"
        return found[0]

    return write, read


def network(value):
    return keras.Sequential([L.Input((3,), name="x"), L.Dense(value, name="d")], name="m")


def picture(value, folder):
    keras.utils.plot_model(network(value), folder / "x.svg", show_shapes=True)


def drawing(value, folder):
    keras.utils.plot_model(network(value), folder / "x.png", show_shapes=True)


SAVES = {
    "model": (
        lambda value, folder: model_of(value).save(folder / "x.keras"),
        lambda f: value_of(load_model(f / "x.keras")),
    ),
    "document": (
        lambda value, folder: model_of(value).save(folder / "x.json"),
        lambda f: value_of(load_model(f / "x.json")),
    ),
    "weights": (
        lambda value, folder: model_of(value).save_weights(folder / "x.weights"),
        lambda f: loaded(f, "x.weights"),
    ),
    "weights for Keras": (
        lambda value, folder: model_of(value).save_weights(folder / "x.weights.h5"),
        lambda f: loaded(f, "x.weights.h5"),
    ),
    "readable": (
        lambda value, folder: export_json(model_of(value), folder / "x.json"),
        lambda f: int(json.loads((f / "x.json").read_text())["layers"][0]["weights"]["bias"]["values"][0]),
    ),
    "backup": (backup, backup_read),
    "two backups": (both_backups, backup_read),
    "checkpoint": (
        lambda value, folder: fit(value, 1, ModelCheckpoint(folder / "x.keras")),
        lambda f: value_of(load_model(f / "x.keras")),
    ),
    "log": (
        lambda value, folder: fit(value, 1, CSVLogger(folder / "x.csv", append=True)),
        lambda f: rows(f / "x.csv"),
    ),
    "journal": (journal, journal_read),
    "kernels": (kernels, kernels_read),
    "vocabulary": (lambda value, folder: lookup(value).save_assets(str(folder)), vocabulary_read),
    "picture": of_bytes(picture, "x.svg"),
    "history": (
        lambda value, folder: save_history(folder, {"loss": [0.5] * value}),
        lambda f: rows(f / "history.csv"),
    ),
    "C": of_bytes(lambda value, folder: model_of(value).export(folder / "x.c"), "x.h", "x.c"),
}
if importlib.util.find_spec("onnx"):
    SAVES["ONNX"] = of_bytes(lambda value, folder: model_of(value).export(folder / "x.onnx"), "x.onnx")
if importlib.util.find_spec("PIL"):
    SAVES["image"] = of_bytes(
        lambda value, folder: keras.utils.save_img(folder / "x.png", np.full((9, 9, 3), 50.0 * value), scale=False),
        "x.png",
    )
if importlib.util.find_spec("matplotlib"):
    SAVES["drawing"] = of_bytes(drawing, "x.png")
