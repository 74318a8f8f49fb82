import os
import pickle
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.datasets.pickles import read_pickle
from autonet.errors import DataError

numbers = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
leaves = numbers | st.text() | st.binary()
keys = st.text(max_size=3) | st.binary(max_size=3) | st.integers()
values = st.recursive(
    leaves, lambda v: st.lists(v) | st.tuples(v, v) | st.tuples(v, v, v, v) | st.dictionaries(keys, v), max_leaves=20
)


@given(values, st.integers(0, 4))
def test_values_are_read_as_they_were_written(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i4", "i8", "f4", ">f8", "?", "O"])
@pytest.mark.parametrize("order", "CF")
def test_arrays(protocol, dtype, order):
    array = np.array(np.arange(6).reshape(2, 3), dtype, order=order)
    read = read_pickle(pickle.dumps({"a": array, "same": array}, protocol))
    assert read["a"] is read["same"]
    assert read["a"].dtype == pickle.loads(pickle.dumps(array)).dtype and np.array_equal(read["a"], array)


@pytest.mark.parametrize("protocol", range(5))
def test_lists_of_different_lengths(protocol):
    array = np.empty(3, object)
    array[:] = [[1, 2], [], [300, 70_000, 2**40]]
    assert read_pickle(pickle.dumps(array, protocol)).tolist() == array.tolist()


# As Python 2 wrote them: texts of bytes, in protocols 0 and 2
OLD = [
    (b"(dp0\nS'labels'\np1\n(lp2\nI6\naI9\nas.", {b"labels": [6, 9]}),
    (
        b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(K\x06K\tM\x2c\x01eU\x01aT\x02\x00\x00\x00bcu.",
        {
            b"labels": [6, 9, 300],
            b"a": b"bc",
        },
    ),
    (b"(lp0\nS'it\\'s\\x00\\n'\np1\naL12L\naF1.5\naI01\na.", [b"it's\0\n", 12, 1.5, True]),
    (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03(K\x01K\x02K\x03"
        b"\x86cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"U\x06abcdeftb.",
        np.frombuffer(b"abcdef", "u1").reshape(2, 3),
    ),
]


@pytest.mark.parametrize("content, value", OLD)
def test_pickles_of_python_2(content, value):
    assert (
        np.array_equal(read_pickle(content), value) if isinstance(value, np.ndarray) else read_pickle(content) == value
    )


class Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


HOSTILE = [
    Calls(os.system, "touch sprung"),
    Calls(eval, "open('sprung', 'w')"),
    Calls(subprocess.run, ["touch", "sprung"]),
    Calls(np.ndarray, (1 << 40,)),
    Calls(np.dtype, "i8,i8"),
    Calls(np.array, [1]),
    Calls(getattr, "", "join"),
    [1, {"deep": Calls(open, "sprung", "w")}],
    {1, 2},
    bytearray(3),
    np.array(["a"]),
    np.zeros(1, "i4,f4"),
    np.zeros(1, "m8[s]"),
    np.int64(3),
    os.system,
    np.ndarray,
]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", HOSTILE, ids=[f"{n}-{type(v).__name__}" for n, v in enumerate(HOSTILE)])
def test_nothing_of_a_file_is_run(value, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError):
        read_pickle(pickle.dumps(value, protocol))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"K\x01",
        b"K\x01K\x02.",
        b"B\xff\xff\xff\x7fab.",  # two gigabytes announced
        b"\x8e" + b"\xff" * 8 + b".",
        b"T\xff\xff\xff\xffab.",
        b"\x8b\xff\xff\xff\xffab.",
        b"h\x00.",
        b"]K\x01b.",
        b"K\x01K\x02e.",
        b"}]K\x01s.",  # a list as a key
        b"(K\x01a.",
        b"cnumpy\ndtype\n.",
        b"(cnumpy\ndtype\nl0K\x01cos\nsystem\n.",
        b"cos\nsystem\n(S'touch sprung'\ntR.",
        b"(S'touch sprung'\nios\nsystem\n.",
        b"cnumpy\nndarray\n}b.",
        b"cnumpy\nndarray\n)\x81.",
        b"S'no end.",
        b"Ione\n.",
    ],
)
def test_damaged_pickles_are_one_error(content):
    with pytest.raises(DataError, match="pickle"):
        read_pickle(content)


def test_arrays_whose_content_does_not_fit():
    whole = pickle.dumps(np.arange(6, dtype="u1").reshape(2, 3), 2)
    for old, new in [(b"K\x02K\x03\x86", b"K\x02K\x04\x86"), (b"K\x02K\x03\x86", b"K\x02J\xff\xff\xff\xff\x86")]:
        assert old in whole
        with pytest.raises(DataError, match="damaged"):
            read_pickle(whole.replace(old, new))


@given(st.data())
def test_bytes_that_were_changed_are_read_or_refused(data):
    array = np.empty(2, object)
    array[:] = [[1, 2], [3]]
    content = bytearray(pickle.dumps([array, np.arange(3.0), {b"a": "text"}], data.draw(st.integers(0, 4))))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_pickle(bytes(content))
    except DataError:
        pass
