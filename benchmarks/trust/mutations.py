"""Files changed as damage and malice change them: bytes anywhere, and what stands inside containers that stay sound.

`mutate(rng, data, kind)` changes a file of a kind. A container (zip, gzip, tar, autonet's own archives) is sometimes changed as
bytes, and else taken apart, one of its parts changed, and put together again with true check sums, so that the readers of what
is inside get their share.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import lzma
import random
import re
import struct
import tarfile
import zipfile
import zlib
from typing import Any

from autonet.saving import container

NUMBERS = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
NUMBERS += (2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
VALUES = (
    0,
    -1,
    1,
    7,
    10**6,
    10**9,
    2**31,
    2**63 - 1,
    2**64,
    1e308,
    -1e308,
    1e-300,
    0.5,
    True,
    False,
    None,
    "",
    "x",
    [],
    {},
)
VALUES += (
    [None],
    [10**6],
    [10**9] * 3,
    [[1, 2], [3]],
    {"a": 1},
    [1, "x"],
    "\ud800",
    "a" * 999,
    "nan",
    "../x",
    "/etc/passwd",
)
WORDS = (
    b"",
    b"\0",
    b'"',
    b"'",
    b",",
    b";",
    b"\n",
    b"\r",
    b"\r\n",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"nan",
    b"inf",
    b"1e999",
    b"-",
)
WORDS += (b"9" * 400, b"\xc3", "\u2028".encode(), b"[", b"{", b"(", b"NA", b"\t", b"0x10", b"1_000", "١٢".encode())


def mutate(rng: random.Random, data: bytes, kind: str) -> bytes:
    """Another file, most often alike."""
    if kind in CONTAINERS and rng.random() < 0.75:
        try:
            return CONTAINERS[kind](rng, data)
        except Exception:  # what no longer is one
            kind = "bytes"
    if kind in TEXTS and rng.random() < 0.7:
        try:
            return TEXTS[kind](rng, data)
        except Exception:
            kind = "bytes"
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        rng.choice(ON_BYTES)(rng, changed)
    return bytes(changed)


# Bytes


def flip(rng: random.Random, data: bytearray) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def overwrite(rng: random.Random, data: bytearray) -> None:
    """A number of 1 to 8 bytes, at a place of its size or anywhere."""
    size, order = rng.choice((1, 2, 4, 8)), rng.choice(("little", "little", "big"))
    if len(data) >= size:
        at = rng.randrange(len(data) - size + 1)
        at -= at % size if rng.random() < 0.5 else 0
        data[at : at + size] = (rng.choice((*NUMBERS, len(data), rng.getrandbits(64))) % 2 ** (8 * size)).to_bytes(
            size, order
        )


def redirect(rng: random.Random, data: bytearray) -> None:
    """What looks like an offset or a length of 4 or 8 bytes becomes another one, or a little more or less."""
    size = rng.choice((4, 8))
    for _ in range(20):
        if len(data) < size:
            return
        at = rng.randrange(len(data) - size + 1) & ~3
        value = int.from_bytes(data[at : at + size], "little")
        if 0 < value <= len(data):
            value = rng.choice((value + rng.randint(-9, 9), rng.randrange(len(data)), len(data) - value, 2 * value))
            data[at : at + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")
            return


def cut(rng: random.Random, data: bytearray) -> None:
    at, n = rng.randrange(len(data) + 1), rng.choice((1, 2, 8, 64, len(data)))
    del data[at : at + n]


def insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice(
        (rng.randbytes(rng.choice((1, 4, 30))), rng.choice(WORDS), bytes(rng.choice((1, 8, 4096))))
    )


def copy(rng: random.Random, data: bytearray) -> None:
    """A piece over, or in front of, another."""
    n, a, b = rng.choice((1, 4, 8, 24, 100)), rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    piece = data[a : a + n]
    data[b : b + (len(piece) if rng.random() < 0.7 else 0)] = piece


ON_BYTES = (flip, flip, overwrite, overwrite, redirect, redirect, cut, insert, copy)


# Texts


def change_json(rng: random.Random, data: bytes) -> bytes:
    """One value of a JSON text, or several: replaced, removed, doubled, or taken from elsewhere in it."""
    tree = [json.loads(data)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        places: list[tuple[Any, Any]] = [(tree, 0)]
        for holder, key in places:
            inner = holder[key]
            if isinstance(inner, dict):
                places += [(inner, k) for k in (inner if len(inner) <= 50 else rng.sample(list(inner), 50))]
            elif isinstance(inner, list):
                places += [(inner, k) for k in range(min(len(inner), 50))]
            if len(places) > 3000:
                break
        holder, key = rng.choice(places)
        other_holder, other = rng.choice(places)
        how = rng.randrange(5)
        if how == 0 and holder is not tree:
            del holder[key]
        elif how == 1 and isinstance(holder, dict):
            holder[rng.choice(("x", "", "class_name", "config", "shape", "dtype", "name"))] = holder[key]
        elif how == 2:
            holder[key] = json.loads(json.dumps(other_holder[other]))
        elif how == 3 and type(holder[key]) in (int, float):
            holder[key] = rng.choice(
                (holder[key] + 1, -holder[key], holder[key] * 1000, holder[key] / 3, str(holder[key]))
            )
        else:
            holder[key] = rng.choice(VALUES)
    return json.dumps(tree[0], ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def change_lines(rng: random.Random, data: bytes) -> bytes:
    """Cells or lines of a table."""
    pieces = re.split(rb"([,;\t\n])", data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        n = rng.randrange(len(pieces))
        how = rng.randrange(4)
        if how == 0:
            pieces[n] = rng.choice(WORDS)
        elif how == 1:
            del pieces[n : n + rng.choice((1, 2, 5))]
            pieces = pieces or [b""]
        elif how == 2:
            pieces[n:n] = pieces[n : n + rng.choice((1, 2, 30))]
        else:
            pieces[n] = pieces[n] + rng.choice(WORDS)
    return b"".join(pieces)


TEXTS = {"json": change_json, "lines": change_lines}


# Containers


def part_kind(name: str) -> str:
    """The kind of a part, by its name."""
    return (
        "json"
        if name.endswith(".json")
        else "npy"
        if name.endswith(".npy")
        else "lines"
        if name.endswith((".txt", ".csv"))
        else "bytes"
    )


def change_zip(rng: random.Random, data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        parts = [[name, zipped.read(name)] for name in zipped.namelist()]
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    _change_part(rng, parts, LITTLE if method == zipfile.ZIP_STORED else MUCH)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as zipped:
        for name, content in parts:
            zipped.writestr(name, content)
    return buffer.getvalue()


LITTLE, MUCH = 10**5, 10**7  # zeros: what a file has room for as they are, and packed


def _change_part(rng: random.Random, parts: list[list[Any]], zeros: int) -> None:
    n, how = rng.randrange(len(parts)), rng.random()
    if how < 0.9:
        parts[n][1] = mutate(rng, parts[n][1], part_kind(parts[n][0]))
    elif how < 0.93:
        parts[n][1] = bytes(rng.choice((LITTLE, zeros)))
    elif how < 0.97:
        del parts[n]
    else:
        parts[n][0] = rng.choice(("x", "../x", "/x", "a" * 300, parts[0][0]))


def change_own(rng: random.Random, data: bytes) -> bytes:
    """An archive or model file of autonet, its hashes true again."""
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        parts = [[name, zipped.read(name)] for name in zipped.namelist()]
    _change_part(rng, parts, LITTLE)
    first = json.loads(parts[0][1])
    if isinstance(first, dict) and isinstance(first.get("sha256"), dict):
        first["sha256"] = {name: hashlib.sha256(content).hexdigest() for name, content in parts[1:]}
        parts[0][1] = json.dumps(first).encode("utf-8", "surrogatepass")
    return canonical(parts)


def canonical(parts: list[list[Any]]) -> bytes:
    """A zip of autonet's canonical form."""
    body, directory = b"", b""
    for name, content in parts:
        encoded = name.encode("utf-8", "surrogatepass")
        head = container._local(encoded, zlib.crc32(content), len(content))
        directory += container._central(encoded, zlib.crc32(content), len(content), len(body))
        body += head + content
    return body + directory + container._ends(len(parts), len(directory), len(body))


def change_gzip(rng: random.Random, data: bytes) -> bytes:
    return gzip.compress(mutate(rng, gzip.decompress(data), "bytes"), 1) if rng.random() < 0.99 else bomb()


@functools.cache
def bomb() -> bytes:
    """100 MB in 97 KB."""
    return gzip.compress(bytes(10**8), 9)


def change_xz(rng: random.Random, data: bytes) -> bytes:
    return lzma.compress(mutate(rng, lzma.decompress(data), "json" if data.count(b"\n") < 2 else "bytes"), preset=0)


def change_tar(rng: random.Random, data: bytes) -> bytes:
    parts = []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            parts.append([member.name, file.read() if file else b""])
    _change_part(rng, parts, MUCH)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in parts:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def change_npy(rng: random.Random, data: bytes) -> bytes:
    """The shape or dtype in the heading of a NumPy array."""
    size = struct.unpack_from("<H", data, 8)[0]
    head = bytearray(data[10 : 10 + size])
    found = list(re.finditer(rb"\d+", head))
    match = rng.choice(found)
    head[match.start() : match.end()] = str(rng.choice(NUMBERS)).encode()
    return data[:8] + struct.pack("<H", len(head)) + bytes(head) + data[10 + size :]


CONTAINERS = {
    "zip": change_zip,
    "own": change_own,
    "gzip": change_gzip,
    "xz": change_xz,
    "tar": change_tar,
    "npy": change_npy,
}
