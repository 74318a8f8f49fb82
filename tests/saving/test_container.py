"""The file under every archive: one canonical form, in which every bit counts."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.errors import ArgumentError
from autonet.saving.archive import Archive, write_archive
from autonet.saving.container import ArchiveError, Parts, digest, write_parts

ARRAYS = {
    "weights/dense/kernel": np.arange(6, dtype="float32").reshape(2, 3),
    "weights/dense/flag": np.array([True, False]),
    "weights/none": np.zeros((0, 3), "float64"),
    "generators/seed": np.array([7, 2], "uint32"),
}


@pytest.fixture
def small(tmp_path):
    """The bytes of a small archive."""
    path = tmp_path / "small.keras"
    write_archive(path, "model", {"name": "ü", "values": [1, 2.5, None]}, ARRAYS)
    return path.read_bytes()


def read(content):
    """All that an archive holds."""
    with Archive(io.BytesIO(content), "model") as archive:
        return archive.config, archive.arrays()


def test_there_and_back(small):
    config, arrays = read(small)
    assert config == {"name": "ü", "values": [1, 2.5, None]}
    assert arrays.keys() == ARRAYS.keys()
    assert all(
        arrays[k].dtype == a.dtype and arrays[k].shape == a.shape and np.array_equal(arrays[k], a)
        for k, a in ARRAYS.items()
    )


def test_every_flipped_bit_is_noticed(small):
    content = bytearray(small)
    for i in range(len(content)):
        for bit in range(8):
            content[i] ^= 1 << bit
            with pytest.raises(ArchiveError):
                read(content)
            content[i] ^= 1 << bit
    assert read(content)


def test_every_truncation_is_noticed(small):
    for n in range(len(small)):
        with pytest.raises(ArchiveError):
            read(small[:n])


@given(data=st.data())
def test_anything_added_is_noticed(data, tmp_path):
    path = tmp_path / "small.keras"
    write_archive(path, "model", {}, {"weights/k": np.ones(2)})
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content)))
    more = data.draw(st.binary(min_size=1, max_size=40))
    with pytest.raises(ArchiveError):
        read(content[:at] + more + content[at:])


@given(content=st.binary(max_size=300))
def test_other_bytes_are_refused(content):
    with pytest.raises(ArchiveError, match="take another copy"):
        read(content)


def test_any_zip_tool_opens_it(small):
    with zipfile.ZipFile(io.BytesIO(small)) as zipped:
        assert zipped.testzip() is None
        assert zipped.namelist() == ["manifest.json", "config.json", *[f"arrays/a{n}" for n in range(4)]]
        assert zipped.read("arrays/a0") == ARRAYS["weights/dense/kernel"].tobytes()


def test_the_same_content_is_the_same_file(small, tmp_path):
    write_archive(tmp_path / "again.keras", "model", *read(small))
    assert (tmp_path / "again.keras").read_bytes() == small


def test_an_ordinary_zip_is_refused(small, tmp_path):
    path = tmp_path / "ordinary.zip"
    with zipfile.ZipFile(io.BytesIO(small)) as zipped, zipfile.ZipFile(path, "w") as other:
        for name in zipped.namelist():
            other.writestr(name, zipped.read(name))
    with pytest.raises(ArchiveError):
        read(path.read_bytes())


def test_large_shapes_cost_nothing_before_they_are_refused(tmp_path):
    path = tmp_path / "x.keras"
    write_archive(path, "model", {}, {"weights/k": np.ones((2, 3))})
    with Archive(path) as archive:
        assert archive.specs == {"weights/k": ((2, 3), np.dtype("float64"))} and archive.nbytes == 48
        with pytest.raises(ArchiveError, match="no array"):
            archive.array("weights/other")


def test_kinds(small):
    with pytest.raises(ArchiveError, match="holds 'model', where 'backup' is expected"):
        Archive(io.BytesIO(small), "backup")


@pytest.mark.parametrize("array", [np.array([None]), np.array(["a"]), np.array([1j]), np.array([(1, 2)], "i4,i4")])
def test_only_numbers_are_written(array, tmp_path):
    with pytest.raises(ArgumentError, match="holds numbers"):
        write_archive(tmp_path / "x.keras", "model", {}, {"a": array})
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "array", [np.arange(6).reshape(2, 3).T, np.arange(9.0)[::2], np.array(3, ">i4"), np.ones((2, 0, 3))]
)
def test_any_order_of_memory(array, tmp_path):
    write_archive(tmp_path / "x.keras", "model", {}, {"a": array})
    with Archive(tmp_path / "x.keras") as archive:
        assert np.array_equal(archive.array("a"), array) and archive.array("a").flags.c_contiguous


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a//b", "A", "a.b.c.d", "..", ".a", "a./b", "", "a/", "c:x", "a\\b", "ä"]
)
def test_names_of_parts(name, tmp_path):
    with pytest.raises(ValueError, match="lower-case"):
        write_parts(tmp_path / "x", {name: b""})


def test_contents_of_several_buffers(tmp_path):
    write_parts(tmp_path / "x", {"a": [b"12", np.arange(3, dtype="i2"), b"", b"34"], "b": b"", "c.d.e": []})
    parts = Parts(io.BytesIO((tmp_path / "x").read_bytes()), "x")
    assert bytes(parts.read("a")) == b"12\0\0\1\0\2\x0034" and parts.size("c.d.e") == 0
    assert parts.digest("a") == digest(parts.read("a")) == digest([b"12\0\0", b"\1\0\2\x0034"])


def test_a_digest_is_that_of_what_is_there(tmp_path):
    write_parts(tmp_path / "x", {"a": b"1234", "b": b""})
    content = bytearray((tmp_path / "x").read_bytes())
    before = Parts(io.BytesIO(content), "x").digest("a")
    content[content.index(b"1234")] ^= 1
    assert Parts(io.BytesIO(content), "x").digest("a") != before
    with pytest.raises(ArchiveError, match="'a' is damaged"):
        Parts(io.BytesIO(content), "x").read("a")
