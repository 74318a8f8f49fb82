"""Hostile files of the one format: zips of the canonical form with true hashes, whose parts lie."""

import hashlib
import io
import json
import zipfile

import numpy as np

import autonet as keras
from autonet import layers as L
from autonet.saving.hdf5 import encode
from tests.saving.attack import archives, configurations, hdf5_files


def parts_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def changed(content, change=lambda own: None, parts=None):
    """A file with other parts, their hashes, and then a change of what autonet's own part says."""
    parts = {**parts_of(content), **(parts or {})}
    own = json.loads(parts.pop("autonet.json"))
    own["sha256"] = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    change(own)
    return archives.raw([("autonet.json", json.dumps(own).encode()), *parts.items()])


def sound(folder):
    model = keras.Sequential([L.Input((3,), name="x"), L.Dense(2, name="d"), L.Dropout(0.5, name="e")], name="m")
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save(folder / "sound.keras")
    content = (folder / "sound.keras").read_bytes()
    (folder / "sound.keras").unlink()
    return content


def files(folder):
    """All of these."""
    content = sound(folder)
    yield "model-file-sound", changed(content)
    yield "weights-file-sound", changed(content)
    names = list(parts_of(content))
    for name in names:
        if name != "autonet.json":  # without it, it is a file of Keras's
            yield (
                f"model-file-without-{name}",
                archives.raw([(k, v) for k, v in parts_of(content).items() if k != name]),
            )
        for at, text in archives.TEXTS.items():
            if name.endswith(".json") and name != "metadata.json":
                yield (
                    f"model-file-{name}-{at}",
                    (
                        changed(content, parts={name: text})
                        if name != "autonet.json"
                        else archives.raw([(k, text if k == name else v) for k, v in parts_of(content).items()])
                    ),
                )
    yield "model-file-two", archives.raw([*parts_of(content).items(), ("config.json", b"{}")])
    yield "model-file-more", archives.raw([*parts_of(content).items(), ("evil.py", b"import os")])
    yield "model-file-ordinary", archives.ordinary(list(parts_of(content).items()))
    yield "model-file-deflated", archives.ordinary(list(parts_of(content).items()), zipfile.ZIP_DEFLATED)
    for name, weights in hdf5_files.weights(folder):
        yield f"model-file-weights-{name}", changed(content, parts={"model.weights.h5": weights})
    bomb = b"".join(map(bytes, encode({f"x/{n}": np.zeros(1000) for n in range(1000)})))
    yield "model-file-weights-many", changed(content, parts={"model.weights.h5": bomb})
    kernel = "weights/dense/kernel"
    for n, entry in enumerate([None, 3, [], ["x"], "../x", "/", "", "layers/dense/vars", "/layers/dense/vars/0", "layers/dense/vars/1",
                               "layers//dense/vars/0", ["layers/dense/vars/0"], {"a": 1}]):  # fmt: skip
        yield f"model-file-entry-{n}", changed(content, lambda own, entry=entry: own["arrays"].update({kernel: entry}))
    yield "model-file-table-empty", changed(content, lambda own: own.update(arrays={}))
    many = {f"weights/{n}": "layers/dense/vars/0" for n in range(50_000)}
    yield "model-file-table-many", changed(content, lambda own: own.update(arrays=many))
    for n, wider in enumerate([None, {}, [None], [[]], [kernel], "optimizer/0", [str(n) for n in range(30_000)]]):
        yield f"model-file-wider-{n}", changed(content, lambda own, wider=wider: own.update(int64=wider))
    for n, described in enumerate([None, [], 3, {}, {"built": []}, {"built": {}, "evil": 1}, {"built": {"": {"input_shape": [1] * 9}}},
                                   {"built": {}, "optimizers": 3}, {"built": {}, "undecayed": {"optimizer": ["x"]}}]):  # fmt: skip
        yield f"model-file-described-{n}", changed(content, lambda own, d=described: own.update(description=d))
    for group in (configurations.calls(), configurations.sizes()):
        for n, config in enumerate(group):
            if n % 9 == 0:
                text = json.dumps(config).encode()
                yield f"model-file-config-{len(text)}-{n}", changed(content, parts={"config.json": text})
