"""Generated copies: side by side, and among zeros, from arrays of any strides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.compiler import jit
from autonet.ops.indexing import _putitem
from autonet.ops.shaping import _within
from tests.compiler.c.runtime.support import needs_compiler
from tests.share import share

pytestmark = needs_compiler


def same(f, *xs, words=("concatenate", "_putitem", "_within", "_pad")):
    """Native equals eager bit for bit, and did not step out to NumPy."""
    compiled = jit(f)
    compiled(*xs)
    received = compiled(*xs)
    plan = compiled.last.plan
    assert plan.kind == "native" and not any(f"{word}_" in plan.source for word in words), plan.source
    np.testing.assert_array_equal(received, f(*[ops.convert_to_tensor(x) for x in xs]))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool", "int64"])
def test_side_by_side(axis, dtype, rng):
    xs = [(rng.standard_normal((3, 4, 5)) * 9).astype(dtype) for _ in range(3)]
    same(lambda *xs: ops.concatenate(xs, axis), *xs)
    same(lambda a, b, c: ops.concatenate([a[:, ::-1], ops.swapaxes(b[:, :3], 0, 1)[:, :2], c[:, 1:]], 1)[:, 2:], *xs)


@share(1 / 2)
@given(seed=st.integers(0, 2**32 - 1))
def test_parts_of_drawn_lengths(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 4, 3)
    axis = int(rng.integers(0, 3))
    xs = []
    for n in lengths:
        shape = [3, 2, 4]
        shape[axis] = n
        xs.append(rng.standard_normal(shape).astype("float32"))
    same(lambda *xs: ops.concatenate(xs, axis), *xs)


@pytest.mark.parametrize(
    "key, shape",
    [
        ((1,), (4, 5)),
        ((("slice", None, None, -2), ("slice", 1, 3, None)), (2, 2, 5)),
        ((Ellipsis, -1), (3, 4)),
        ((2, 3, 4), ()),
        ((None, 0), (1, 4, 5)),
    ],
)
def test_among_zeros(key, shape, rng):
    x = np.asarray(rng.standard_normal(shape), "float32")
    same(lambda x: _putitem(x, key=key, shape=(3, 4, 5)) + 1, x)


def test_along_one_axis_and_in_a_frame(rng):
    x = rng.standard_normal((3, 4)).astype("float32")
    same(lambda x: _within(x, start=2, length=9, axis=-1), x)
    same(lambda x: _within(ops.transpose(x), start=0, length=4, axis=0), x)
    same(lambda x: ops.pad(x[::-1], ((1, 0), (2, 3))), x)
