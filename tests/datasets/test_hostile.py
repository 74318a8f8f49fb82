"""Files of data that lie about their size, or are none: one DataError each, and no memory for what is not there."""

import contextlib
import gzip
import io
import lzma
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from autonet import layers as L
from autonet.callbacks import CSVLogger
from autonet.datasets import cifar, fashion_mnist, imdb, student_admissions, words
from autonet.datasets.files import read_npz
from autonet.errors import DataError, DtypeError

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is counted as Linux does")

ROOM = 96 << 20  # bytes that a reader of a small file may take


@contextlib.contextmanager
def little_memory():
    """Whoever asks for much more than the file fails."""
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def npz(path, content, name="x.npy", **options):
    with zipfile.ZipFile(path, "w", **options) as zipped:
        zipped.writestr(name, content)
    return path


def npy(shape, dtype="|u1", data=b"\0" * 9, tail=""):
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}{tail}\n".encode()
    return b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head + data


HEADERS = {
    "huge": npy((2**35,)),
    "huge-zero": npy((2**62, 2**62, 0)),
    "negative": npy((-9,)),
    "more": npy((10,)),
    "less": npy((8,)),
    "object": npy((9,), "|O"),
    "unfinished": npy((9,), tail="("),
    "no-array": b"words",
    "version": b"\x93NUMPY\7\0" + npy((9,))[8:],
    "empty": b"",
}


@pytest.mark.parametrize("kind", HEADERS)
def test_arrays_whose_headers_lie(kind, tmp_path):
    with pytest.raises(DataError, match=r"x\.npz.*Delete it"), little_memory():
        read_npz(npz(tmp_path / "x.npz", HEADERS[kind]), {"x": (None,)})
    with pytest.raises(DataError, match=r"x\.npz.*Delete it"), little_memory():
        words.read(npz(tmp_path / "x.npz", HEADERS[kind]), "x", "y")


def test_a_zip_of_a_later_version(tmp_path):
    content = bytearray(npz(tmp_path / "x.npz", npy((9,))).read_bytes())
    content[content.index(b"PK\1\2") + 6] = 99  # what is needed to unpack it
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match="version 9"):
        read_npz(tmp_path / "x.npz", {"x": (None,)})


def test_what_is_packed_small_stays_small(tmp_path):
    """Hundreds of megabytes in a few hundred kilobytes."""
    path, much = tmp_path / "x", 160 << 20

    def refused(read):
        assert path.stat().st_size < 1 << 20
        with pytest.raises(DataError), little_memory():
            read(path)

    npz(path, npy((much,), data=bytes(90 << 20)), compression=zipfile.ZIP_DEFLATED)
    refused(lambda path: read_npz(path, {"x": (None,)}))
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"\0\0\x08\1" + much.to_bytes(4, "big"))
        for _ in range(much >> 20):
            file.write(bytes(1 << 20))
    refused(fashion_mnist.read_idx)
    with lzma.open(path, "wb", preset=0) as file:
        for _ in range(much >> 20):
            file.write(b" " * (1 << 20))
    refused(imdb._read)
    with gzip.open(path, "wb", compresslevel=1) as file:  # a name as long as that
        info = tarfile.TarInfo("././@LongLink")
        info.type, info.size = tarfile.GNUTYPE_LONGNAME, much
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(much >> 20):
            file.write(b"x" * (1 << 20))
    refused(lambda path: cifar.read(path, ["batch"], "labels"))


@pytest.mark.parametrize(
    "row", ["1,99999999999999999999,3.5,1", '1,"380', "1,3\udc80,3.5,1", "1," + "9" * 200_000 + ",3,1"]
)
def test_rows_that_are_none(row, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(f"admit,gre,gpa,rank\n{row}\n".encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"x\.csv"):
        student_admissions._read(path)


@pytest.mark.parametrize("content", [b"epoch,loss\n0,\xff\n", b"\xff\xfe", b"x" * 200_000])
def test_logs_that_are_none(content, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="CSVLogger cannot append"):
        CSVLogger(path, append=True).on_train_begin()
    assert path.read_bytes() == content


def test_vocabularies_that_are_none(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"the\n\xff\n")
    for layer in (L.StringLookup, L.IntegerLookup):
        with pytest.raises(DataError, match="no text in UTF-8"):
            layer().set_vocabulary(str(path))
    for number in (2**63, "9" * 30, float("inf")):
        with pytest.raises(DtypeError, match="64 bits"):
            L.IntegerLookup(vocabulary=[number])


def test_arrays_in_every_order_are_read(tmp_path):
    x = np.arange(24, dtype=">i4").reshape(2, 3, 4)
    for array in (x, np.asfortranarray(x), x[:0], x[0, 0, 0]):
        buffer = io.BytesIO()
        np.savez_compressed(buffer, x=array)
        (tmp_path / "x.npz").write_bytes(buffer.getvalue())
        found = read_npz(tmp_path / "x.npz", {"x": (None,) * array.ndim})["x"]
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype and found.flags.writeable
