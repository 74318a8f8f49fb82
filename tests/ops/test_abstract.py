"""Shapes and dtypes are foretold as they come, for every primitive, and nothing is allocated to find out."""

import contextlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.common import trees
from autonet.core import no_grad
from autonet.core.primitive import PRIMITIVES
from autonet.errors import ShapeError
from autonet.ops.abstract import POINTWISE, RULES, VIEWS, AbstractTensor, Spec
from autonet.ops.shape_inference import infer_spec
from tests.ops.test_gradients import every_row
from tests.share import share


def spec(x, shape=None):
    """What stands for an array."""
    placeholder = AbstractTensor((), x.dtype)
    return Placeholder(x.shape if shape is None else shape, placeholder.dtype)


class Placeholder:
    _symbolic = None

    def __init__(self, shape, dtype="float32"):
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)


def told(f, *xs, **settings):
    return [(s.shape, np.dtype(s.dtype).name) for s in trees.flatten(infer_spec(f, xs, settings))]


def known(f, *xs):
    with no_grad():
        return [(y.shape, y.dtype.name) for y in trees.flatten(f(*xs))]


def test_rules_name_primitives():
    unknown = {*POINTWISE, *RULES, *VIEWS} - set(PRIMITIVES)
    assert not unknown, "renamed or gone"


@every_row
@share(1 / 3)
@given(data=st.data())
def test_foretold_as_they_come(case, data):
    call = data.draw(case.calls())
    assert told(call.f, *[spec(x) for x in call.xs]) == known(call.f, *call.xs)


@every_row
@share(1 / 3)
@given(data=st.data())
def test_one_length_unknown(case, data):
    """What is said of a result with one length of one operand left open holds for that operand."""
    call = data.draw(case.calls())
    places = [(i, axis) for i, x in enumerate(call.xs) for axis in range(np.ndim(x))]
    if not places or not all(np.size(x) for x in call.xs):
        return
    at, axis = data.draw(st.sampled_from(places))
    shape = [None if i == axis else n for i, n in enumerate(call.xs[at].shape)]
    operands = [spec(x, shape if i == at else None) for i, x in enumerate(call.xs)]
    try:
        found = told(call.f, *operands)
    except Exception:  # other operands, or settings, fix that length
        return
    for (said, said_dtype), (real, dtype) in zip(found, known(call.f, *call.xs), strict=True):
        assert said_dtype == dtype
        assert len(said) == len(real)
        assert all(n is None or n == m for n, m in zip(said, real, strict=True))


x = Placeholder((None, 4))
image = Placeholder((None, 32, None, 3))


@pytest.mark.parametrize("f, operands, shapes", [
    (lambda x: x[:, 0], [x], [(None,)]),
    (lambda x: x[:8], [x], [(None, 4)]),
    (lambda x: x[..., None, 1:3], [x], [(None, 1, 2)]),
    (lambda x: ops.reshape(x, (-1, 7)), [x], [(None, 7)]),
    (lambda x: ops.reshape(x, (-1, 2, 2)), [x], [(None, 2, 2)]),
    (lambda x: ops.split(x, 2, axis=1), [x], [(None, 2), (None, 2)]),
    (lambda x: ops.concatenate([x, x], 0), [x], [(None, 4)]),
    (lambda x: ops.stack([x, x]), [x], [(2, None, 4)]),
    (lambda x: ops.tile(x, (2, 3)), [x], [(None, 12)]),
    (lambda x, y: ops.einsum("bij,bjk->bik", x, y), [Placeholder((None, None, 4)), Placeholder((None, 4, None))],
     [(None, None, None)]),
    (lambda x: ops.conv(x, np.ones((3, 3, 3, 8), "float32"), 2, "same"), [image], [(None, 16, None, 8)]),
    (lambda x: ops.conv(x, np.ones((3, 3, 3, 8), "float32"), 2), [image], [(None, 15, None, 8)]),
    (lambda x: ops.max_pool(x, 3, 2), [image], [(None, 15, None, 3)]),
    (lambda x: ops.top_k(x, 2), [x], [(None, 2), (None, 2)]),
    (lambda x: ops.linalg.det(x), [Placeholder((None, 3, 3))], [(None,)]),    # by running it
    (lambda x: ops.moments(x, (0, 1, 2)), [image], [(3,), (3,)]),
    (lambda x: {"a": ops.sum(x, axis=0), "b": (x, 5)}, [x], [(4,), (None, 4), 5]),
])  # fmt: skip
def test_unknown_lengths(f, operands, shapes):
    found = trees.flatten(infer_spec(f, operands, {}))
    assert [s.shape if isinstance(s, Spec) else s for s in found] == shapes


@pytest.mark.parametrize("f", [
    ops.unstack,
    lambda x: ops.unstack(ops.reshape(x, (-1, 7))),
    lambda x: [ops.sum(row) for row in x],
    lambda x: dict.fromkeys(range(x.shape[0]), x),
    lambda x: ops.unstack(x[::50]),    # one of the first two short lengths, as of the shortest
    lambda x: ops.reshape(x, (-1,) * (x.shape[0] % 100 == 24) + (4,) * (x.shape[0] % 100 != 24)),
])  # fmt: skip
def test_as_many_results_as_an_axis_of_unknown_length(f):
    """Refused, in no more steps than the short lengths take."""
    with pytest.raises(ShapeError), at_most(5_000):
        infer_spec(f, (x,), {})


@pytest.mark.parametrize("f", [
    lambda x: sum(ops.unstack(x)),
    lambda x: sum([row * 2 for row in x]),
    lambda x: ops.map(lambda row: row + 1, x)[0],
    lambda x: ops.scan(lambda carry, row: (carry + row, row), ops.zeros(4), x)[0],
])  # fmt: skip
def test_a_walk_along_an_axis_of_unknown_length(f):
    """Is taken at short lengths only, also where those fail for another reason."""
    with at_most(5_000):
        assert told(f, x) == [((4,), "float32")]
    with pytest.raises(ValueError, match="reshape"), at_most(10_000):
        infer_spec(lambda x: f(ops.reshape(ops.reshape(x, (-1, 7, 3))[..., :1], (-1, 4))), (x,), {})


@contextlib.contextmanager
def at_most(steps):
    """No more than so many operations on shapes."""
    taken = 0
    kept = AbstractTensor.__dict__["_symbolic"]

    def counted(*args):
        nonlocal taken
        taken += 1
        return kept.__func__(*args)

    AbstractTensor._symbolic = staticmethod(counted)
    try:
        yield
    finally:
        AbstractTensor._symbolic = kept
    assert taken <= steps


def test_nothing_is_allocated():
    """A hundred thousand squared: 40 GB of float32, and not a megabyte of it is touched."""
    huge = Placeholder((100_000, 100_000))
    wide = Placeholder((None, 100_000))

    def compute(x, y):
        z = ops.gelu(ops.matmul(x, ops.transpose(x)) * 2 + 1)
        z = ops.softmax(z - ops.mean(z, axis=-1, keepdims=True))
        z = ops.concatenate([z[:, ::2], ops.reshape(z, (50_000, -1))[:, :1000].reshape(100_000, -1)], axis=1)
        return ops.var(z), ops.einsum("ij,kj->ik", y, x), ops.where(x > 0, x, ops.zeros_like(x[:1])), ops.sort(x)

    tracemalloc.start()
    try:
        found = infer_spec(compute, (huge, wide), {})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [s.shape for s in found] == [(), (None, 100_000), (100_000, 100_000), (100_000, 100_000)]
    assert peak < 2**20


def test_errors_are_those_of_the_operation():
    with pytest.raises(ShapeError, match=r"matmul cannot take operands of shapes \(2, 3\), \(2, 3\)"):
        told(ops.matmul, Placeholder((2, 3)), Placeholder((2, 3)))
    with pytest.raises(ValueError, match="glu expects an even length"):
        told(ops.glu, Placeholder((None, 3)))


def test_dtypes():
    integers = Placeholder((None, 3), "int32")
    assert told(lambda x: (x * 2, x * 2.0, x / 2, x > 1, ops.mean(x), ops.cast(x, "float16")), integers) == [
        ((None, 3), "int32"), ((None, 3), "float32"), ((None, 3), "float32"), ((None, 3), "bool"), ((), "float32"),
        ((None, 3), "float16"),
    ]  # fmt: skip
