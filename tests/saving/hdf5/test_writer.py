"""What is written reads back, here and in h5py."""

import io

import numpy as np
import pytest
from hypothesis import given

from autonet.errors import ArgumentError
from autonet.saving.hdf5 import HDF5File, encode
from tests.saving.hdf5.trees import attributes, contents, trees


def written(arrays, attributes=None):
    return b"".join(map(bytes, encode(arrays, attributes)))


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@given(tree=trees(), texts=attributes())
def test_there_and_back(tree, texts):
    texts = {group: found for group, found in texts.items() if not any(f"{group}/".startswith(f"{k}/") for k in tree)}
    content = written(tree, texts)
    file = HDF5File(io.BytesIO(b"before" + content + b"after"), "x", 6, len(content))
    found = contents(file)
    assert found.keys() == tree.keys() and all(same(found[k], a) for k, a in tree.items())
    assert file.nbytes == sum(a.nbytes for a in tree.values())
    assert all(file.attributes(group) == found for group, found in texts.items())
    assert all(len(set(names)) == len(names) for names in file.members.values())


@pytest.mark.extra("keras")
@given(tree=trees(), texts=attributes())
def test_h5py_reads_it(tree, texts):
    import h5py

    texts = {group: found for group, found in texts.items() if not any(f"{group}/".startswith(f"{k}/") for k in tree)}
    with h5py.File(io.BytesIO(written(tree, texts))) as file:
        found = {}
        file.visititems(lambda path, x: found.update({path: x} if isinstance(x, h5py.Dataset) else {}))
        assert found.keys() == tree.keys() and all(same(found[k][()], np.asarray(a)) for k, a in tree.items())
        assert all(dict(file[group or "/"].attrs) == given for group, given in texts.items())
        assert all(found[k].id.get_offset() or not a.size for k, a in tree.items())


@pytest.mark.extra("keras")
def test_h5py_goes_on_writing():
    import h5py

    buffer = io.BytesIO(written({"a/0": np.ones(3), **{f"b/{n}": np.array(n) for n in range(40)}}))
    with h5py.File(buffer, "a") as file:
        file["a/1"], file["c/d"] = np.zeros(2), 3
        file["b/x"] = np.arange(5)
        del file["b/7"]
        file["a"].attrs["name"] = "dense"
        file["a/0"][1] = 7
    with h5py.File(buffer) as file:
        assert len(file["b"]) == 40 and list(file["a/0"]) == [1, 7, 1] and file["a"].attrs["name"] == "dense"


@pytest.mark.extra("keras")
def test_large_groups_and_long_texts():
    import h5py

    tree = {f"group/{n:06}": np.array(n, "i4") for n in range(3000)}
    texts = {f"texts/{n}": {"name": f"t{n}" * (1 + 20_000 * (n == 3))} for n in range(1000)}
    content = written(tree, texts)
    file = HDF5File(io.BytesIO(content), "x")
    assert {k: int(a) for k, a in contents(file).items()} == {k: int(a) for k, a in tree.items()}
    with h5py.File(io.BytesIO(content)) as other:
        assert len(other["group"]) == 3000 and int(other["group/002999"][()]) == 2999
        assert all(other[group].attrs["name"] == given["name"] for group, given in texts.items())


def test_numbers_are_not_copied():
    array = np.ones((100, 100), "f4")
    head, numbers, _ = encode({"x": array})
    assert np.shares_memory(np.frombuffer(numbers, "f4"), array) and len(head) < 6000
    array[0, 0] = 5
    assert np.frombuffer(numbers, "f4")[0] == 5


@pytest.mark.parametrize("arrays, attributes, said", [
    ({"a": np.ones(1), "a/b": np.ones(1)}, {}, "both a group and an array"),
    ({"a/b": np.ones(1), "a": np.ones(1)}, {}, "both a group and an array"),
    ({"a": np.ones(1)}, {"a": {"name": "x"}}, "Attributes are those of groups"),
    ({"": np.ones(1)}, {}, "no place"),
    ({"a//b": np.ones(1)}, {}, "no place"),
    ({"a/../b": np.ones(1)}, {}, "no place"),
    ({"a\0b": np.ones(1)}, {}, "no place"),
    ({"x" * 70_000: np.ones(1)}, {}, "no place"),
    ({"\ud800": np.ones(1)}, {}, "no place"),
    ({"/".join("a" * 300): np.ones(1)}, {}, "too deep"),
    ({"a": np.ones(1, "c8")}, {}, "holds numbers; no array of weights has dtype complex64"),
    ({"a": np.array(["x"])}, {}, "holds numbers"),
])  # fmt: skip
def test_what_is_not_written(arrays, attributes, said):
    with pytest.raises(ArgumentError, match=said):
        encode(arrays, attributes)
