"""Hostile JSON texts of whole models: what lies, is too much, or has a character or a value replaced."""

import copy
import json
import random

import numpy as np

import autonet as keras
from autonet import layers as L
from tests.saving.attack.archives import TEXTS
from tests.saving.attack.replaced import VALUES

KERNEL = "weights/dense/kernel"


def sound(folder):
    """The text of a model that was trained."""
    model = keras.Sequential([L.Input((3,), name="x"), L.Dense(2, name="d"), L.Dropout(0.5)], name="m")
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save(folder / "sound.json")
    text = (folder / "sound.json").read_bytes()
    (folder / "sound.json").unlink()
    return text


def places(x, path=()):
    """The path to everything inside."""
    yield path
    for key, value in x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ():
        yield from places(value, (*path, key))


def replaced(document, path, value):
    if not path:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def files(folder):
    text = sound(folder)
    document = json.loads(text)
    yield "model-document-sound", text
    yield "model-document-sound-one-line", json.dumps(document).encode()
    yield "model-document-sound-space", b" \r\n\t" + text
    yield "weights-document-names", text.replace(b"weights/dense/bias", b"weights/dense/bios")
    yield "weights-document-kind", text.replace(b'"kind": "model"', b'"kind": "backup"')

    def array(**changes):
        entry = {**document["arrays"][KERNEL], **changes}
        return json.dumps({**document, "arrays": {**document["arrays"], KERNEL: entry}}).encode()

    shapes = [[2, 2], [6], [], [-3, -2], [3.0, 2], [True, 6], ["3", 2], [None, 2], "32", 6, None, {}, [2, 3], [3, 2, 1]]
    shapes += [[2**62, 2**62], [2**64 - 1], [10**9, 10**9], [0, 10**18], [1] * 65, [3, 10**12]]
    for i, shape in enumerate(shapes):
        yield f"model-document-shape-{i}", array(shape=shape)
        yield f"weights-document-shape-{i}", array(shape=shape)
    for i, values in enumerate(
        ([], [[]], [[0, 10**18]] * 3, [[0] * 2] * 2, [[0, 0], [0], [0, 0, 0]], 1, None, {}, "x")
    ):
        yield f"model-document-values-{i}", array(values=values, shape=[3, 2] if i != 2 else [3, 3])
    for i, value in enumerate((None, True, "x", "NaN", "Infinity", "1e9", "0x10", [], {}, 1e39, -1e39)):
        yield f"model-document-number-{i}", array(values=[[0, value], [0, 0], [0, 0]])
    for dtype in ("object", "float128", "complex64", "<f4", "U9", "", None, 4, ["float32"], {}):
        yield f"model-document-dtype-{str(dtype)[:9]}-{type(dtype).__name__}".replace("<", "l"), array(dtype=dtype)
    for dtype, value in (("uint8", 256), ("uint8", -1), ("int8", 1.0), ("int64", 2**63), ("bool", 1), ("uint64", -1)):
        yield f"model-document-range-{dtype}-{value}", array(dtype=dtype, values=[[value, 0]] * 3)
    yield "model-document-array-key", array(url="http://example.org/x")
    for name, value in (("format", "keras"), ("version", 2), ("kind", "backup"), ("kind", None), ("arrays", [])):
        yield f"model-document-{name}-{value}", json.dumps({**document, name: value}).encode()
    yield "model-document-key", json.dumps({**document, "run": "import os"}).encode()
    yield "model-document-architecture", json.dumps(document["config"]["model"]).encode()
    yield "model-document-network", b'{"format": "autonet network", "version": 1}'
    for name, inner in TEXTS.items():
        yield f"model-document-text-{name}", b'{"format": "autonet", "arrays": ' + inner + b"}"

    room = 6 << 20  # the most that is read
    for name, piece in (
        ("lists", b"[],"),
        ("objects", b"{},"),
        ("texts", b'"ab",'),
        ("numbers", b"0.5,"),
        ("zeros", b"0,"),
    ):
        most = 1_100_000 if name in ("lists", "objects") else room // len(piece)  # of these, a million are too many
        inner = piece * (most - 30)
        yield f"model-document-many-{name}", b'{"format": "autonet", "arrays": [' + inner[:-1] + b"]}"
    yield "model-document-large", text + b" " * room
    pairs = b",".join(b'"k%d":1' % i for i in range(500_000))
    yield "model-document-many-keys", b'{"format": "autonet", "arrays": {' + pairs + b"}}"

    rng = random.Random(1)
    everywhere = list(places(document))
    for i in range(150):
        changed = replaced(document, rng.choice(everywhere), rng.choice(VALUES))
        yield f"model-document-mutation-value-{i}", json.dumps(changed).encode()
    for i in range(150):
        at = rng.randrange(len(text))
        end = at + rng.choice([0, 0, 1, 1, 1, 5, 50])
        yield (
            f"model-document-mutation-text-{i}",
            text[:at] + rng.choice(b'09-.e"[]{},: nN\x00\xff').to_bytes() + text[end:],
        )
    for n in (1, 20, len(text) // 2, len(text) - 3):
        yield f"model-document-cut-{n}", text[:n]
