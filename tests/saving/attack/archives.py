"""Hostile files in the form of autonet's archives, and things that are none. Names begin with the entrance they try."""

import hashlib
import io
import json
import pickle
import struct
import zipfile
import zlib

import numpy as np

import autonet as keras
from autonet import layers as L
from autonet.saving import container
from autonet.saving.archive import write_archive
from autonet.saving.models import describe


def simple(folder):
    """A sound archive, as older versions saved a model, as bytes; and its parts."""
    model = keras.Sequential([L.Input((3,), name="x"), L.Dense(2, name="d")], name="m")
    config, variables = describe(model)
    write_archive(folder / "sound.keras", "model", config, {name: v.numpy() for name, v in variables.items()})
    content = (folder / "sound.keras").read_bytes()
    (folder / "sound.keras").unlink()
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        return content, {name: zipped.read(name) for name in zipped.namelist()}


def raw(parts, names=None):
    """The bytes of a container of these parts, hashes untouched; `names` may be any bytes."""
    body, directory = b"", b""
    for name, content in parts:
        name = name if isinstance(name, bytes) else name.encode()
        head = container._local(name, zlib.crc32(content), len(content))
        directory += container._central(name, zlib.crc32(content), len(content), len(body))
        body += head + content
    return body + directory + container._ends(len(parts), len(directory), len(body))


def hashed(parts, **changes):
    """A container whose manifest fits its parts, but for `changes` in the manifest."""
    manifest = json.loads(parts["manifest.json"])
    rest = {k: v for k, v in parts.items() if k != "manifest.json"}
    manifest["sha256"] = {k: hashlib.sha256(v).hexdigest() for k, v in rest.items()}
    manifest.update(changes)
    return raw([("manifest.json", json.dumps(manifest).encode()), *rest.items()])


def ordinary(entries, compression=zipfile.ZIP_STORED, comment=b""):
    """An ordinary zip of (ZipInfo or name, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as zipped:
        zipped.comment = comment
        for name, content in entries:
            zipped.writestr(name, content)
    return buffer.getvalue()


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = 0o120777 << 16
    return info, target


def containers(folder):
    """Zips that are not what the writer writes."""
    content, parts = simple(folder)
    entries = list(parts.items())
    extra = [*entries, ("evil.txt", b"x")]
    for name in (
        b"../evil.txt",
        b"/etc/evil",
        b"arrays/../../evil",
        b"c:\\evil",
        b"arrays\\a0",
        b"arrays/a0/",
        b"",
        b"\xff\xfe",
        b"x" * 60000,
    ):
        yield f"model-name-{len(name)}-{name[:6].hex()}", raw([*entries, (name, b"x")])
    yield "model-part-added", raw(extra)
    yield "model-part-doubled", raw([*entries, entries[-1]])
    yield "model-part-missing", raw(entries[:-1])
    yield "model-two-manifests", raw([entries[0], *entries])
    yield "model-no-parts", raw([])
    yield "model-other-order", raw([entries[1], entries[0], *entries[2:]])
    for i, word in enumerate((b"PK\5\6", b"PK\6\6", b"PK\1\2")):
        at = content.rindex(word)
        for number in (0, 2**16 - 1, 2**32 - 1):
            for offset in (8, 10, 12, 16, 24, 32, 40, 48):
                changed = bytearray(content)
                changed[at + offset : at + offset + 4] = struct.pack("<L", number)
                if bytes(changed[: len(content)]) != content:
                    yield f"model-lie-{i}-{number}-{offset}", bytes(changed[: len(content)])
    local = content.index(b"PK\3\4", 10)
    central = content.index(b"PK\1\2")
    for name, at in (("local", local), ("central", central)):
        for offset in range(4, 30, 2):
            changed = bytearray(content)
            changed[at + offset] ^= 0x41
            yield f"model-header-{name}-{offset}", bytes(changed)
    yield "model-before", b"MZ" + content
    yield "model-after", content + b"\0"
    yield "model-twice", content + content
    yield "model-comment", content[:-2] + struct.pack("<H", 4) + b"evil"
    yield "model-ordinary", ordinary(entries)
    yield "model-deflated", ordinary(entries, zipfile.ZIP_DEFLATED)
    bomb = bytes(200 << 20)
    yield "model-bomb", ordinary([*entries[:-1], (entries[-1][0], bomb)], zipfile.ZIP_DEFLATED)
    yield (
        "model-bomb-config",
        ordinary([entries[0], ("config.json", b"[" * (100 << 20)), *entries[2:]], zipfile.ZIP_DEFLATED),
    )
    yield "model-traversal", ordinary([*entries, ("../../evil.txt", b"x"), ("/etc/evil", b"x")])
    yield "model-link", ordinary([*entries, link("arrays/a9", "/etc/passwd")])
    for n in (0, 1, 20, len(content) // 2, len(content) - 1):
        yield f"model-cut-{n}", content[:n]
    yield "model-zeros", bytes(len(content))
    yield "model-text", b"PK\3\4 hello"
    yield "model-elf", b"\x7fELF" + bytes(100)
    yield "model-pickle", pickle.dumps({"model": 1})
    npz = io.BytesIO()
    np.savez(npz, a=np.array([{"x": 1}], object))
    yield "model-npz-pickled", npz.getvalue()
    yield "weights-archive-pickle", pickle.dumps({"weights": 1})


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("echo evil",)


def arrays(folder):
    """Tables of arrays that lie."""
    _, parts = simple(folder)
    manifest = json.loads(parts["manifest.json"])
    kernel = "weights/dense/kernel"

    def table(**changes):
        return {**manifest["arrays"], kernel: {**manifest["arrays"][kernel], **changes}}

    shapes = (
        *(
            [2, 2],
            [3, 2, 1, 1, 1],
            [6],
            [],
            [-3, -2],
            [-6],
            [3.0, 2],
            [True, 6],
            ["3", 2],
            [None, 2],
            [[3], [2]],
            "32",
            6,
            None,
            {},
        ),
        *(
            [2**62, 2**62],
            [2**63, 0],
            [2**64],
            [10**30],
            [10**9, 10**9],
            [0, 10**18],
            [1] * 65,
            [1] * 1000 + [6],
            [2**31, 2**33],
        ),
    )
    for i, shape in enumerate(shapes):
        yield f"model-shape-{i}", hashed(parts, arrays=table(shape=shape))
        yield f"weights-shape-{i}", hashed(parts, arrays=table(shape=shape))
    for dtype in (
        "object",
        "O",
        "|O",
        "<f4",
        "float128",
        "complex64",
        "S1000000000",
        "U9",
        "V9",
        "datetime64",
        "i4,i4",
        "",
        None,
        4,
        ["float32"],
        {},
    ):
        yield (
            f"model-dtype-{str(dtype)[:9].replace('|', '_')}-{type(dtype).__name__}",
            hashed(parts, arrays=table(dtype=dtype)),
        )
    for i, part in enumerate(
        ("config.json", "manifest.json", "../x", "arrays/a1", "", None, 3, ["arrays/a0"], "arrays/a0\0")
    ):
        yield f"model-part-{i}", hashed(parts, arrays=table(part=part))
    yield "model-table-extra-key", hashed(parts, arrays=table(url="http://example.org/x"))
    yield "model-table-list", hashed(parts, arrays=[1, 2])
    yield "model-table-empty", hashed(parts, arrays={})
    yield "model-table-words", hashed(parts, arrays={kernel: "arrays/a0"})
    for name, value in (
        ("format", "keras"),
        ("version", 2),
        ("version", "1"),
        ("kind", "backup"),
        ("kind", None),
        ("kind", ["model"]),
    ):
        yield f"model-{name}-{value}".replace("'", "").replace("[", "").replace("]", ""), hashed(parts, **{name: value})
    digests = {k: hashlib.sha256(v).hexdigest() for k, v in parts.items() if k != "manifest.json"}
    for i, wrong in enumerate(
        (
            {},
            [],
            None,
            {**digests, "x": "y"},
            dict.fromkeys(digests, "0" * 64),
            dict.fromkeys(digests),
            {k: v.upper() for k, v in digests.items()},
        )
    ):
        yield f"model-hash-{i}", hashed(parts, sha256=wrong)
    yield "model-manifest-extra-key", hashed(parts, run="import os")
    yield (
        "model-array-pickled",
        hashed({**parts, "arrays/a0": pickle.dumps(Evil()).ljust(24, b".")[:24]}, arrays=table(dtype="object")),
    )
    yield "model-array-npy", hashed({**parts, "arrays/a0": pickle.dumps(np.array([Evil()], object))})
    for i, names in enumerate(
        (
            {"weights/dense/kernel": np.ones((3, 2))},
            {
                "weights/dense/kernel": np.ones((3, 2), "f4"),
                "weights/dense/bias": np.ones(2, "f4"),
                "weights/x": np.ones(2),
            },
            {"../x": np.ones(2)},
            {"": np.ones(1)},
        )
    ):
        write_archive(folder / "x", "model", json.loads(parts["config.json"]), names)
        yield f"model-names-{i}", (folder / "x").read_bytes()
        (folder / "x").unlink()
    seeds = keras.Sequential([L.Input((3,)), L.Dropout(0.5)])
    for i, state in enumerate(
        (
            np.array([1, 2], "int64"),
            np.array([1, 2, 3], "uint32"),
            np.array([1.5, 2]),
            np.array([[1, 2]], "uint32"),
            np.array([-1, 0], "int32"),
            np.array([2**40, 0], "uint64"),
        )
    ):
        config = {"model": keras.saving.serialize_keras_object(seeds), "built": {}}
        write_archive(folder / "x", "model", config, {"generators/dropout/seed_generator": state})
        yield f"model-generator-{i}", (folder / "x").read_bytes()
        (folder / "x").unlink()


TEXTS = {
    "empty": b"",
    "cut": b'{"model": {"class_name": "Seq',
    "deep-lists": b"[" * 100_000 + b"]" * 100_000,
    "deep-objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep-open": b"[" * 5_000_000,
    "deep-mixed": b'[{"a":' * 50_000,
    "quotes": b'"' + b'\\"' * 1_000_000,
    "quote-pairs": b'""' * 1_000_000,
    "backslash": b'"' + b"\\" * 999_999,
    "doubled": b'{"model": 1, "model": 2, "built": {}}',
    "many-doubled": b"{" + b",".join(b'"k%d": 1' % (i % 100_000) for i in range(100_001)) + b"}",
    "nan": b'{"model": NaN, "built": {}}',
    "infinity": b'{"model": -Infinity, "built": {}}',
    "huge-integer": b'{"model": ' + b"9" * 100_000 + b', "built": {}}',
    "large-integer": b'{"model": 18446744073709551616, "built": {}}',
    "negative-integer": b'{"model": -9223372036854775809, "built": {}}',
    "huge-float": b'{"model": 1e999, "built": {}}',
    "long-float": b'{"model": 1.' + b"0" * 1_000_000 + b'1, "built": {}}',
    "no-utf8": b'{"model": "\xff\xfe", "built": {}}',
    "utf16": '{"model": 1, "built": {}}'.encode("utf-16"),
    "bom": b'\xef\xbb\xbf{"model": 1, "built": {}}',
    "half-character": b'{"model": {"class_name": "\\ud800", "config": {}}, "built": {}}',
    "zero": b'{"model": "\x00", "built": {}}',
    "two": b"{} {}",
    "comment": b'{} // {"model": 1}',
    "python": b"{'model': __import__('os').system('echo evil')}",
    "list": b"[]",
    "number": b"3",
    "null": b"null",
    "string": b'"model"',
    "no-model": b'{"built": {}}',
    "keys": b'{"model": {"class_name": "Sequential", "config": {}}, "built": {}, "run": "x"}',
}


def texts(folder):
    """JSON that is none, or too much of it, as configuration, as manifest, and by itself."""
    _, parts = simple(folder)
    for name, text in TEXTS.items():
        yield f"model-config-{name}", hashed({**parts, "config.json": text})
        yield f"model-manifest-{name}", raw([("manifest.json", text), *list(parts.items())[1:]])
        yield f"json-{name}", text
