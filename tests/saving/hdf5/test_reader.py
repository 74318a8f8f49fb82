"""What h5py writes is read, or refused by name; and no bytes make anything but a DataError, at once and in little memory."""

import io
import itertools
import random
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.errors import DataError
from autonet.saving.hdf5 import HDF5File, encode
from autonet.saving.hdf5.reader import GROWTH, MOST_DEPTH, SLACK
from tests.saving.hdf5.trees import NAME, contents, trees

pytestmark = pytest.mark.extra("keras")


def opened(content):
    return HDF5File(io.BytesIO(content), "x.h5")


def written(write, **options):
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        write(file)
    return buffer.getvalue()


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@st.composite
def storages(draw, array):
    """Arguments of `create_dataset`."""
    if not array.size or not array.ndim or draw(st.booleans()):
        return {}
    options = {"chunks": tuple(draw(st.integers(1, n)) for n in array.shape)}
    if draw(st.booleans()):
        options["maxshape"] = tuple(draw(st.sampled_from([None, n])) for n in array.shape)
    if draw(st.booleans()):
        options |= {"compression": "gzip", "compression_opts": draw(st.integers(0, 9))}
    return options | {"shuffle": draw(st.booleans()), "fletcher32": draw(st.booleans())}


@given(data=st.data(), tree=trees(max_size=7))
def test_what_h5py_writes(data, tree):
    """With eight members at most, more of which have no order in groups that are read."""
    import h5py

    texts = st.one_of(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.binary(max_size=4))
    numbers = st.one_of(st.integers(-9, 9), st.floats(allow_nan=False), st.just(np.arange(3.0)), st.booleans())
    marks = data.draw(
        st.dictionaries(NAME, st.one_of(texts, numbers, st.lists(st.sampled_from("abc"), min_size=1)), max_size=6)
    )
    marks = {k: v for k, v in marks.items() if not isinstance(v, bytes) or v and b"\0" not in v and v.isascii()}
    tree = {path: array for path, array in tree.items() if not path.startswith("marked")}

    def write(file):
        file.create_group("marked")
        for path, array in tree.items():
            little = data.draw(st.sampled_from("<>"))
            array = array.astype(array.dtype.newbyteorder(little))
            file.create_dataset(path, data=array, **data.draw(storages(array)))
        for name, value in marks.items():
            file["marked"].attrs[name] = value
        file["marked"].attrs["none"] = h5py.Empty("f4")

    content = written(write, track_order=data.draw(st.booleans()))
    file = opened(content)
    found = contents(file)
    assert found.keys() == tree.keys()
    assert all(same(found[k], a.astype(a.dtype.newbyteorder("="))) for k, a in tree.items())
    read = file.attributes("marked")
    assert read.pop("none") is None and read.keys() == marks.keys()
    for name, value in marks.items():
        expected = value.decode() if isinstance(value, bytes) else value
        assert np.array_equal(read[name], np.asarray(expected, object if isinstance(value, list) else None)), name
        assert isinstance(read[name], str) == isinstance(value, (str, bytes))


def test_many_links_and_deep_groups():
    def write(file):
        for n in range(3000):
            file[f"many/{n}"] = n
        file["/".join("a" * MOST_DEPTH)] = 1
        file["n" * 5000] = 2

    file = opened(written(write))
    assert all(int(file.array("many", str(n))) == n for n in range(0, 3000, 7)) and len(file.members["many"]) == 3000
    assert int(file.array("/".join("a" * (MOST_DEPTH - 1)), "a")) == 1 and int(file.array("", "n" * 5000)) == 2


def test_many_chunks():
    array = np.arange(60_000, dtype="i4").reshape(300, 200)
    assert np.array_equal(
        opened(written(lambda f: f.create_dataset("x", data=array, chunks=(3, 7)))).array("", "x"), array
    )


def test_newer_forms():
    """What libver="latest" writes is read as far as it goes without heaps and indices of chunks."""

    def write(file):
        for n in range(8):
            file[f"layers/dense/vars/{n}"] = np.full((2, n), n, "f4")
        file["layers/dense/vars"].attrs["name"] = "dense"

    for version in (("earliest", "v108"), ("v108", "v108"), ("v110", "v110"), ("v112", "v112"), "latest"):
        file = opened(written(write, libver=version))
        assert np.array_equal(file.array("layers/dense/vars", "5"), np.full((2, 5), 5))
        assert file.attributes("layers/dense/vars") == {"name": "dense"}

    single = {"data": np.arange(6.0), "chunks": (6,), "compression": "gzip", "shuffle": True}
    file = opened(written(lambda f: f.create_dataset("x", **single), libver=("v110", "v110")))
    assert np.array_equal(file.array("", "x"), np.arange(6.0))


def test_arrays_that_were_not_written():
    def write(file):
        file.create_dataset("zero", (2, 3), "f4")
        file.create_dataset("filled", (2, 3), "i2", fillvalue=7)
        chunked = file.create_dataset("part", (5, 5), "f8", chunks=(2, 2), fillvalue=0.5)
        chunked[2:4, :2] = 1.0

    file = opened(written(write))
    part = np.full((5, 5), 0.5)
    part[2:4, :2] = 1
    assert not file.array("", "zero").any() and (file.array("", "filled") == 7).all()
    assert np.array_equal(file.array("", "part"), part)


def test_bfloat16():
    dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 is that of ml_dtypes")
    array = np.array([1.5, -2.0, 3e38], dtypes.bfloat16)

    def write(file):
        file["x"] = array
        file["x"].attrs["dtype"] = "bfloat16"  # which Keras says, as the type in the file only has two bytes

    file = opened(written(write))
    assert np.array_equal(file.array("", "x"), array.astype("f4")) and file.groups[""]["x"] == ((3,), np.dtype("f4"))
    with pytest.raises(DataError, match="holds opaque bytes"):
        opened(written(lambda file: file.__setitem__("x", array)))


def refused():
    """(what the error says, how to write it)"""
    import h5py

    ones = np.ones((3, 2), "f4")

    def some(name="x", **options):
        return lambda file: file.create_dataset(name, **options)

    def links(value):
        return lambda file: file.__setitem__("x", value)

    def virtual(file):
        layout = h5py.VirtualLayout((3, 2), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3, 2))
        file.create_virtual_dataset("x", layout)

    def cycle(file):
        file["a/b/c"] = 1
        file["a/b/loop"] = file["a"]

    def twice(file):
        file["a"] = ones
        file["b"] = file["a"]

    yield "leads to somewhere else", links(h5py.SoftLink("/y"))
    yield "leads to somewhere else", links(h5py.ExternalLink("/etc/passwd", "/"))
    yield "external storage", some(shape=(3, 2), dtype="f4", external=[("/etc/passwd", 0, 24)])
    yield "a virtual dataset", virtual
    yield "stands at several places", cycle
    yield "stands at several places", twice
    yield "too deep", lambda file: file.create_group("/".join("a" * 300))
    yield "neither a group nor an array", lambda file: file.__setitem__("x", np.dtype("f4"))
    yield "filter lzf", some(data=ones, compression="lzf")
    yield "filter scaleoffset", some(data=np.ones(9, "i4"), scaleoffset=0)
    yield "holds references", some(shape=(3,), dtype=h5py.ref_dtype)
    yield "holds lists", some(shape=(3,), dtype=h5py.vlen_dtype(np.dtype("f4")))
    yield "holds records", some(shape=(3,), dtype="f4,f4")
    yield "holds arrays", some(shape=(3,), dtype=np.dtype(("f4", (2,))))
    yield "holds opaque bytes", some(shape=(3,), dtype="V4")
    yield "holds words", some(shape=(3,), dtype=h5py.enum_dtype({"a": 0, "b": 1}, "i1"))
    yield "holds texts", some(data=np.array([b"a"]))
    yield "holds texts", some(data=["a", "b"])
    yield "of a form that no array here has", some(data=np.ones(2, "g"))
    yield "no array here has|complex numbers|holds records", some(data=np.ones(2, "c8"))
    yield "has no shape", some(data=h5py.Empty("f4"))
    yield "much more than its bytes", some(shape=(10**9, 10**4), dtype="f4", chunks=(1000, 1000))
    yield "much more than its bytes", some(shape=(10**12,), dtype="f4")
    yield "much more than its bytes", some(shape=(4,), maxshape=(None,), dtype="f4", chunks=(10**8,))
    yield "impossible shape", some(shape=(2**31, 2**31), dtype="f4", chunks=(1, 1))


@pytest.mark.parametrize("case", range(25))
def test_what_is_refused_by_name(case):
    said, write = list(refused())[case]
    with pytest.raises(DataError, match=rf"^x\.h5: .*{said}"):
        opened(written(write))
    assert len(list(refused())) == 25


def test_forms_that_are_refused_by_name():
    def many(file):
        for n in range(20):
            file[f"x/{n}"] = n

    def chunks(file):
        file.create_dataset("x", data=np.arange(100), chunks=(7,), maxshape=(None,))

    def marks(file):
        for n in range(20):
            file.attrs[str(n)] = n

    with pytest.raises(DataError, match="links stand in a heap"):
        opened(written(many, libver="latest"))
    with pytest.raises(DataError, match="links stand in a heap"):
        opened(written(lambda file: (file.create_group("x", track_order=True), many(file))))
    with pytest.raises(DataError, match="libver="):
        opened(written(chunks, libver="latest"))
    with pytest.raises(DataError, match="attributes that stand in a heap"):
        opened(written(marks, libver="latest")).attributes()
    with pytest.raises(DataError, match="does not begin at its first byte|is no HDF5 file"):
        opened(written(many, userblock_size=512))
    with pytest.raises(DataError, match="is no HDF5 file"):
        opened(b"")


# Damage


def sound():
    """Files of every form, by name."""
    tree = {f"layers/dense_{n}/vars/{i}": np.arange(n + i, dtype="f4") for n in range(3) for i in range(3)}

    def write(file):
        for path, array in tree.items():
            file[path] = array
            file[path.rpartition("/")[0]].attrs["name"] = "a name"
        more = {"chunks": (3, 2), "shuffle": True, "fletcher32": True, "compression": "gzip"}
        file.create_dataset("chunked", data=np.arange(30).reshape(6, 5), **more)
        file["flags"] = np.array([True, False])

    return {
        "here": b"".join(map(bytes, encode(tree, {"layers/dense_0/vars": {"name": "a name"}}))),
        "older": written(write),
        "newer": written(write, libver=("v108", "v108")),
        "tracked": written(write, track_order=True),
    }


def read_all(content):
    """Everything in a file, unless a DataError says why not."""
    try:
        file = opened(content)
        found = contents(file)
        for path in file.members:
            file.attributes(path)
        return found
    except DataError as error:
        assert str(error).startswith("x.h5: ") and len(str(error)) < 900
        return None


def damaged(content, rng, count):
    """The content with some bytes changed, mostly where there are any; lengths and addresses grow, shrink, and move."""
    used = [i for i, byte in enumerate(content) if byte] or [0]
    for _ in range(count):
        changed = bytearray(content)
        for _ in range(rng.choice([1, 1, 1, 2, 8])):
            at = min(rng.choice(used) if rng.random() < 0.8 else rng.randrange(len(content)), len(changed) - 1)
            how = rng.randrange(5)
            if how == 0:
                changed[at] ^= 1 << rng.randrange(8)
            elif how == 1:
                changed[at] = rng.choice([0, 1, 2, 127, 128, 255])
            elif how == 2:  # another address or length
                number = rng.choice([*used, 2**63, 2**64 - 1, 2**32, len(content), len(content) - 1])
                changed[at : at + 8] = number.to_bytes(8, "little")
            elif how == 3:  # a structure at another place
                other, size = rng.choice(used), rng.choice([1, 4, 8, 16, 40, 200])
                changed[at : at + size] = content[other : other + size]
            else:
                del changed[at : at + rng.choice([1, 8, 100])]
        yield bytes(changed)


@pytest.mark.parametrize("form", ["here", "older", "newer", "tracked"])
def test_damage_is_a_data_error(form):
    content, start = sound()[form], time.process_time()
    assert read_all(content)
    refused = 0
    for changed in damaged(content, random.Random(7), 1500):
        refused += read_all(changed) is None
    assert refused > 300 and time.process_time() - start < 60


@pytest.mark.parametrize("form", ["here", "older", "newer", "tracked"])
def test_truncation_is_a_data_error(form):
    content = sound()[form]
    for n in itertools.chain(range(200), range(200, len(content), 37), range(len(content) - 20, len(content))):
        assert read_all(content[:n]) is None


@given(content=st.binary(max_size=200))
def test_other_bytes(content):
    assert read_all(content) is None
    assert read_all(b"\x89HDF\r\n\x1a\n" + content) is None


def test_memory_and_time_stay_in_proportion():
    """Trees that lead back to themselves, names that share their bytes, and bombs take no more than a few times the file."""
    import h5py

    many = written(lambda f: [f.__setitem__(f"g/{n}", n) for n in range(2000)])
    one = bytearray(many)
    leaf = many.index(b"SNOD")
    for at in range(many.index(b"TREE"), len(many) - 8, 8):  # all nodes of the trees lead to one leaf
        if many[int.from_bytes(many[at : at + 8], "little") :][:4] == b"SNOD":
            one[at : at + 8] = leaf.to_bytes(8, "little")
    zeros = {"data": np.zeros(8_000_000, "f4"), "chunks": (1_000_000,), "compression": "gzip", "compression_opts": 9}
    bomb = written(lambda f: [f.create_dataset(str(n), **zeros) for n in range(2)])
    texts = written(lambda f: f.attrs.create("x", ["a" * 60_000] + [""] * 3000, dtype=h5py.string_dtype()))
    first, shared = texts.index((60_000).to_bytes(4, "little")), bytearray(texts)
    shared[first : first + 16 * 3001] = texts[first : first + 16] * 3001  # a hundred and eighty megabytes
    for content, kept in ((bytes(one), 0), (bomb, 0), (bytes(shared), 0), (many, 1)):
        tracemalloc.start()
        start = time.process_time()
        found = read_all(content)
        seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert bool(found) == kept
        assert seconds < 20 and peak < (GROWTH + 2) * len(content) + SLACK
