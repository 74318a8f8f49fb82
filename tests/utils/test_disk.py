"""Arrays on disk read as those in memory do; data sets of them share rows out and lose none."""

import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.errors import ArgumentError, DataError
from autonet.utils import DiskArray, DiskDataset
from autonet.utils import disk as disk_module

DTYPES = ["float32", "float64", "int64", "uint8", "bool", ">f4", "<U5"]


def drawn(n, width, dtype, seed=0):
    numbers = np.random.default_rng(seed).integers(0, 100, (n, *width))
    return numbers.astype(dtype)


def opened(kind, array, folder):
    path = folder / f"a.{kind}"
    if kind == "npy":
        np.save(path, array)
        return DiskArray(path)
    if kind == "npz":
        np.savez(path, other=np.arange(3), x=array)
        return DiskArray(path, "x")
    np.save(folder / "m.npy", array)
    return disk_module.on_disk(np.load(folder / "m.npy", mmap_mode="r"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("disk")


@pytest.mark.parametrize("kind", ["npy", "npz", "memmap"])
@given(
    n=st.integers(1, 40),
    width=st.sampled_from([(), (1,), (3,), (2, 3), (0,)]),
    dtype=st.sampled_from(DTYPES),
    data=st.data(),
)
def test_rows_are_those_of_the_array(kind, n, width, dtype, data, folder):
    array = drawn(n, width, dtype)
    found = opened(kind, array, folder)
    rows = st.integers(-n, n - 1)
    at = data.draw(
        st.one_of(rows, st.slices(n), st.lists(rows, max_size=9).map(lambda r: np.array(r, np.int64))), "rows"
    )
    for one, other in ((found, array), (found.part(1, n - 1), array[1 : n - 1])):
        if one.shape[0] == n or isinstance(at, slice):
            expected = other[at]
            assert one[at].dtype == expected.dtype and np.array_equal(one[at], expected)
        assert (one.shape, one.dtype, len(one), one.ndim) == (other.shape, other.dtype, len(other), other.ndim)
        assert np.array_equal(np.asarray(one), other)
    mask = np.arange(n) % 3 == 0
    assert np.array_equal(found[mask], array[mask])
    if dtype != "<U5":
        assert np.array_equal(found.astype("float32")[at], array.astype("float32")[at])
        assert np.array_equal(pickle.loads(pickle.dumps(found))[at], array[at])


def test_systems_without_preadv_read_the_same(tmp_path, monkeypatch):
    array = drawn(50, (3,), "float32")
    np.save(tmp_path / "a.npy", array)
    monkeypatch.delattr(os, "preadv", raising=False)
    found = DiskArray(tmp_path / "a.npy")
    assert np.array_equal(found[[5, 2, 40]], array[[5, 2, 40]]) and np.array_equal(found[3:9], array[3:9])


def test_large_reads_are_made_in_parts(tmp_path, monkeypatch):
    array = drawn(50, (3,), "float32")
    np.save(tmp_path / "a.npy", array)
    monkeypatch.setattr(disk_module, "_MOST", 7)
    assert np.array_equal(DiskArray(tmp_path / "a.npy")[:], array)


def test_what_cannot_be_read_row_by_row_is_refused(tmp_path):
    a = np.arange(12.0).reshape(6, 2)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(a))
    np.save(tmp_path / "objects.npy", np.array([1, "a"], object), allow_pickle=True)
    np.save(tmp_path / "single.npy", np.float32(1))
    np.savez_compressed(tmp_path / "compressed.npz", x=a)
    np.savez(tmp_path / "two.npz", x=a, y=a)
    np.save(tmp_path / "a.npy", a)
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "short.npy").write_bytes(whole[:-1])
    (tmp_path / "text.npy").write_bytes(b"hello")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "torn.npz").write_bytes((tmp_path / "two.npz").read_bytes()[:100])
    for name, member, message in (
        ("fortran.npy", None, "Fortran's order"),
        ("objects.npy", None, "holds objects"),
        ("single.npy", None, "an axis for the samples"),
        ("compressed.npz", "x", "np.savez"),
        ("two.npz", None, r"holds x, y: say which, as DiskArray\(path, 'x'\)"),
        ("two.npz", "z", "holds x, y"),
        ("a.npy", "x", "is no .npz"),
        ("short.npy", None, "ends too soon"),
        ("text.npy", None, "no .npy file"),
        ("empty.npy", None, "no .npy file"),
        ("torn.npz", "x", "no whole archive"),
        ("absent.npy", None, "cannot be opened"),
    ):
        with pytest.raises(DataError, match=message):
            DiskArray(tmp_path / name, member)


def test_headers_that_are_none(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(9))
    np.savez(tmp_path / "x.npz", x=np.arange(9))
    whole = (tmp_path / "x.npy").read_bytes()
    for head in (b"(((", b"{'descr': '<i8', 'fortran_order': False, 'shape': (", b"{1: 2}", b"\0", b"[" * 90):
        (tmp_path / "x.npy").write_bytes(whole[:10] + head.ljust(len(whole) - 10 - 72) + whole[-72:])
        with pytest.raises(DataError, match="no .npy file of numbers"):
            DiskArray(tmp_path / "x.npy")
    content = bytearray((tmp_path / "x.npz").read_bytes())
    end = content.index(b"PK\5\6")
    content[end + 16 : end + 20] = (2**31).to_bytes(4, "little")  # where its directory is said to be
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match="no whole archive"):
        DiskArray(tmp_path / "x.npz", "x")


def test_a_file_that_is_cut_later_is_noticed(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(1000.0))
    found = DiskArray(tmp_path / "a.npy")
    os.truncate(tmp_path / "a.npy", 4000)
    assert found[3] == 3
    with pytest.raises(DataError, match="has been cut"):
        found[990:]


@pytest.mark.parametrize("at", [10, -11, [3, 10], 1.5, "a", np.zeros(3, bool)])
def test_rows_that_are_not_there_are_refused(at, tmp_path):
    np.save(tmp_path / "a.npy", np.arange(10))
    with pytest.raises(IndexError):
        DiskArray(tmp_path / "a.npy")[at]


def test_members_whose_local_header_is_longer_are_found(tmp_path):
    a = np.arange(6.0)
    np.save(tmp_path / "a.npy", a)
    with zipfile.ZipFile(tmp_path / "z.npz", "w") as archive:
        info = zipfile.ZipInfo("a.npy")
        info.extra = b"\xfe\xca\x04\x00abcd"
        archive.writestr("first.txt", "text")
        archive.writestr(info, (tmp_path / "a.npy").read_bytes())
    assert np.array_equal(DiskArray(tmp_path / "z.npz", "a")[:], a)


@pytest.mark.parametrize("shuffle", [False, True])
@given(n=st.integers(1, 60), batch=st.integers(1, 20), size=st.integers(1, 5))
def test_processes_share_every_batch(shuffle, n, batch, size, folder):
    array = drawn(n, (2,), "int64", 1)
    np.save(folder / "x.npy", array)
    options = {"batch_size": batch, "shuffle": shuffle, "seed": 3}
    parts = [DiskDataset(folder / "x.npy", np.arange(n), rank=r, size=size, **options) for r in range(size)]
    (whole,) = [DiskDataset(folder / "x.npy", np.arange(n), rank=0, size=1, **options)]
    orders = []
    for _ in range(2):
        order = []
        for i, (x, y) in enumerate(whole):
            assert np.array_equal(np.concatenate([part[i][0] for part in parts]), x)
            assert np.array_equal(array[y], x)
            order += y.tolist()
        assert sorted(order) == list(range(n)) and len(whole) == -(-n // batch)
        orders.append(order)
        for part in (whole, *parts):
            part.on_epoch_end()
    assert (orders[0] == list(range(n))) >= (not shuffle) and (orders[0] == orders[1]) >= (not shuffle)


def test_data_sets_say_what_does_not_fit(tmp_path):
    for options, message in (
        ({"batch_size": 0}, "batch_size to be a whole number of at least 1"),
        ({"rank": 2, "size": 2}, "0 <= rank < size"),
    ):
        with pytest.raises(ArgumentError, match=message):
            DiskDataset(np.arange(4), **options)
    with pytest.raises(DataError, match="one length"):
        DiskDataset(np.arange(4), np.arange(5))
    with pytest.raises(IndexError):
        DiskDataset(np.arange(4))[1]
