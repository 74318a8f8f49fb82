"""Hostile HDF5 files of weights, and hostile zips in the form of Keras's. Whatever leads out of a file leads to a pipe that
nobody writes to: who opens it waits for ever."""

import io
import json
import os
import random
import warnings
import zipfile

import h5py
import numpy as np

import autonet as keras
from autonet import layers as L
from tests.saving.attack import archives, configurations

KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"


def sound(file, without=()):
    """The groups and arrays of a small model."""
    if KERNEL not in without:
        file[KERNEL] = np.ones((3, 2), "f4")
    if BIAS not in without:
        file[BIAS] = np.ones(2, "f4")


def written(write, without=(), **options):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        sound(file, without)
        write(file)
    return buffer.getvalue()


def weights(folder):
    """Files of weights."""
    pipe = folder.parent / "pipe"
    if not pipe.exists():
        os.mkfifo(pipe)
    secret = folder.parent / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = np.ones((3, 2), "f4")

    def link(name, make):
        def write(file):
            file[name] = make()

        return written(write, without=(KERNEL,) if name == KERNEL else ())

    for target in (pipe, secret, "/etc/passwd"):
        word = target if isinstance(target, str) else target.name
        word = word.strip("/").replace("/", "-")
        yield f"external-link-{word}", link(KERNEL, lambda target=target: h5py.ExternalLink(str(target), "/x"))
        yield f"external-group-{word}", link("evil", lambda target=target: h5py.ExternalLink(str(target), "/"))

        def storage(file, target=target):
            file.create_dataset(KERNEL, (3, 2), "f4", external=[(str(target), 0, 24)])

        yield f"external-storage-{word}", written(storage, without=(KERNEL,))

        def virtual(file, target=target):
            layout = h5py.VirtualLayout((3, 2), "f4")
            layout[:] = h5py.VirtualSource(str(target), "x", (3, 2))
            file.create_virtual_dataset(KERNEL, layout)

        yield f"virtual-{word}", written(virtual, without=(KERNEL,))

        def unlimited(file, target=target):
            layout = h5py.VirtualLayout((3, 2), "f4", maxshape=(None, 2))
            source = h5py.VirtualSource(str(target), "x", (3, 2), maxshape=(None, 2))
            layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
            file.create_virtual_dataset(KERNEL, layout)

        yield f"virtual-unlimited-{word}", written(unlimited, without=(KERNEL,))
    yield "soft-link", link(KERNEL, lambda: h5py.SoftLink("/layers/dense/vars/1"))
    yield "soft-link-nowhere", link("evil", lambda: h5py.SoftLink("/nowhere"))
    yield "soft-link-to-itself", link("evil", lambda: h5py.SoftLink("/evil"))

    def cycle(file):
        file["layers/dense/vars/loop"] = file["layers"]

    yield "cycle", written(cycle)

    def twice(file):
        file["other"] = file[BIAS]

    yield "two-names", written(twice)

    def deep(file):
        group = file
        for _ in range(500):
            group = group.create_group("g")

    yield "deep", written(deep)

    def wide(file):
        for n in range(6000):
            file.create_group(f"g{n}")

    yield "wide", written(wide)

    def huge(**options):
        return lambda file: file.create_dataset(KERNEL, **{"dtype": "f4", **options})

    for name, options in {
        "chunked": {"shape": (3, 2), "chunks": (3, 2)},
        "bomb-chunked": {"shape": (10**9, 10**6), "chunks": (1000, 1000)},
        "bomb-late": {"shape": (10**12,)},
        "bomb-filled": {"shape": (10**10,), "fillvalue": 1.0},
        "bomb-two-axes": {"shape": (2**31, 2**31), "chunks": (1, 1)},
        "bomb-gzip": {"data": np.zeros((3000, 2000), "f4"), "compression": "gzip", "compression_opts": 9},
        "gzip": {"data": np.ones((3, 2), "f4"), "compression": "gzip"},
        "lzf": {"data": np.ones((3, 2), "f4"), "compression": "lzf"},
        "shuffled": {"data": np.ones((3, 2), "f4"), "shuffle": True},
        "scaled": {"data": np.ones((3, 2), "i4"), "scaleoffset": 0, "dtype": "i4"},
        "summed": {"data": np.ones((3, 2), "f4"), "fletcher32": True},
        "growing": {"shape": (3, 2), "maxshape": (None, None)},
        "other-shape": {"data": np.ones((2, 3), "f4")},
        "more-axes": {"data": np.ones((3, 2) + (1,) * 29, "f4")},
        "empty-axis": {"data": np.ones((3, 0), "f4")},
        "no-shape": {"data": h5py.Empty("f4"), "dtype": None},
        "complex": {"data": np.ones((3, 2), "c8"), "dtype": "c8"},
        "long-double": {"data": np.ones((3, 2), "g"), "dtype": "g"},
        "integers": {"data": np.ones((3, 2), "i4"), "dtype": "i4"},
        "strings": {"data": np.full((3, 2), b"evil"), "dtype": "S4"},
        "texts": {"data": np.full((3, 2), "evil", object), "dtype": h5py.string_dtype()},
        "references": {"shape": (3, 2), "dtype": h5py.ref_dtype},
        "region-references": {"shape": (3, 2), "dtype": h5py.regionref_dtype},
        "lists": {"shape": (3, 2), "dtype": h5py.vlen_dtype(np.dtype("f4"))},
        "pairs": {"data": np.zeros((3, 2), "f4,f4"), "dtype": "f4,f4"},
        "arrays": {"shape": (3,), "dtype": np.dtype(("f4", (2,)))},
        "opaque": {"data": np.zeros((3, 2), "V4"), "dtype": "V4"},
        "times": {"data": np.zeros((3, 2), "i8").astype("M8[s]").astype(h5py.opaque_dtype("M8[s]")), "dtype": None},
        "words": {"data": np.zeros((3, 2), "i4"), "dtype": h5py.enum_dtype({"a": 0, "b": 1}, "i4")},
    }.items():
        options = {k: v for k, v in options.items() if v is not None}
        try:
            yield name, written(huge(**options), without=(KERNEL,))
        except (TypeError, ValueError, OSError):  # what some version of the library does not write
            continue

    def extra(file):
        file["layers/dense/vars/2"] = np.ones(2, "f4")

    yield "unexpected", written(extra)
    yield "missing", written(lambda file: None, without=(BIAS,))

    def stray(file):
        file["layers/dense/vars/0/x"] = 1

    def typed(file):
        file["evil"] = np.dtype("f4")

    yield "named-type", written(typed)

    def renamed(file):
        file[b"\xff\xfe"] = np.ones(2)
        file["é" * 1000] = np.ones(2)

    yield "odd-names", written(renamed)

    def attributes(file):
        file["layers/dense/vars"].attrs["name"] = h5py.Empty("f4")
        file.attrs["evil"] = "x" * 60_000

    yield "attributes", written(attributes)
    yield "userblock", written(lambda file: None, userblock_size=512)
    for version in ("earliest", "latest"):
        content = written(lambda file: None, libver=version)
        for n in range(0, len(content), max(1, len(content) // 40)):
            yield f"cut-{version}-{n}", content[:n]
    yield "no-hdf5", b"\x89HDF\r\n\x1a\n" + bytes(1000)


def flipped(count):
    """Sound files with some bytes changed: what comes is an error, or other numbers."""
    rng = random.Random(3)
    for version in ("earliest", "latest"):
        content = written(lambda file: None, libver=version)
        used = [i for i, byte in enumerate(content) if byte]
        for n in range(count):
            changed = bytearray(content)
            for _ in range(rng.choice([1, 1, 2, 8])):
                at = rng.choice(used) if rng.random() < 0.8 else rng.randrange(len(content))
                changed[at] = rng.choice([0, 255, changed[at] ^ (1 << rng.randrange(8)), rng.randrange(256)])
            yield f"{version}-{n}", bytes(changed)


def zips(folder, files_of_weights):
    """Keras's zips."""
    model = keras.Sequential([L.Input((3,), name="x"), L.Dense(2, name="d")], name="m")
    path = folder / "x.keras"
    model.save(path)
    with zipfile.ZipFile(path) as zipped:
        parts = {name: zipped.read(name) for name in zipped.namelist() if name != "autonet.json"}
    path.unlink()
    entries = list(parts.items())
    ordinary = archives.ordinary
    content = ordinary(entries)
    yield "deflated", ordinary(entries, zipfile.ZIP_DEFLATED)
    yield "bzip2", ordinary(entries, zipfile.ZIP_BZIP2)
    yield "lzma", ordinary(entries, zipfile.ZIP_LZMA)
    for name in parts:
        yield (
            f"bomb-{name}",
            ordinary([*[e for e in entries if e[0] != name], (name, bytes(100 << 20))], zipfile.ZIP_DEFLATED),
        )
        yield f"missing-{name}", ordinary([e for e in entries if e[0] != name])
    for name in (
        "../evil",
        "/etc/evil",
        "assets/../evil",
        "evil.py",
        "assets/layers/dense/vocabulary.txt",
        "assets/x.bin",
        "model.weights.json",
        "config.json/",
        "CONFIG.JSON",
    ):
        yield f"added-{name.replace('/', '_')}", ordinary([*entries, (name, b"x")])
    yield (
        "link",
        ordinary([*[e for e in entries if e[0] != "config.json"], archives.link("config.json", "/etc/passwd")]),
    )
    yield (
        "link-weights",
        ordinary(
            [*[e for e in entries if e[0] != "model.weights.h5"], archives.link("model.weights.h5", "/etc/passwd")]
        ),
    )
    yield "before", b"#!/bin/sh\n" + content
    yield "comment", ordinary(entries, comment=b"x" * 60_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped, warnings.catch_warnings(action="ignore"):
        for name, data in [*entries, entries[1]]:
            zipped.writestr(name, data)
    yield "doubled", buffer.getvalue()
    plain = ordinary(entries)
    at = plain.index(b"PK\1\2")
    other = bytearray(plain)
    other[plain.index(b"config.json")] ^= 1  # the name in the header, not in the directory
    yield "names-differ", bytes(other)
    for offset in (6, 8, 14, 18, 22, 26, 28):
        for where, start in (("header", plain.index(b"PK\3\4", 10)), ("directory", at)):
            other = bytearray(plain)
            other[start + offset + 2 * (where == "directory")] ^= 0x21
            yield f"lie-{where}-{offset}", bytes(other)
    overlapping = bytearray(plain)
    second = plain.index(b"PK\1\2", at + 4)
    overlapping[second + 42 : second + 46] = plain[at + 42 : at + 46]
    yield "overlapping", bytes(overlapping)
    for n in range(0, len(plain), len(plain) // 25):
        yield f"cut-{n}", plain[:n] or b"PK\3\4"
    rng = random.Random(5)
    for n in range(100):
        other = bytearray(plain)
        at = rng.choice([rng.randrange(len(plain)), rng.randrange(len(plain) - 300, len(plain))])
        other[at] ^= 1 << rng.randrange(8)
        yield f"flipped-{n}", bytes(other)
    for name, text in archives.TEXTS.items():
        yield f"config-{name}", ordinary([("config.json", text), *[e for e in entries if e[0] != "config.json"]])
    for group in (configurations.calls(), configurations.sizes()):
        for n, config in enumerate(group):
            if n % 7 == 0:
                config = json.dumps(config).encode()
                yield (
                    f"config-{n}-{len(config)}",
                    ordinary([("config.json", config), *[e for e in entries if e[0] != "config.json"]]),
                )
    for name, text in files_of_weights.items():
        if "cut" not in name:
            yield (
                f"weights-{name}",
                ordinary([*[e for e in entries if e[0] != "model.weights.h5"], ("model.weights.h5", text)]),
            )


def files(folder):
    """All of these."""
    files_of_weights = dict(weights(folder))
    for name, content in files_of_weights.items():
        yield f"weights-h5-{name}", content
    for name, content in zips(folder, files_of_weights):
        yield f"model-keras-{name}", content
        if name.startswith(("weights", "bomb")):
            yield f"weights-keras-{name}", content
    for name, content in flipped(150):
        yield f"skip-flip-{name}", content
