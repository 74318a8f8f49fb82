"""Shapes of results where lengths of operands are unknown: what is said is right, whichever axes are unknown."""

import itertools
import random
import re

import pytest

from autonet import KerasTensor, ops
from autonet.errors import AutonetError
from tests.ops.calls import ARRAYS, CALLS, answer, used

# Calls that need a number, or as many results as an axis is long, also where one axis alone is unknown.
REFUSED = ("size", "unstack(a, axis=1)", "fold(unfold", "cond", "cross")


def _specs(call, unknown):
    """What is foretold of a call whose arrays' axes (name, axis) have no known length."""
    given = {}
    for name in used(call):
        x = ARRAYS[name]
        shape = [None if (name, axis) in unknown else n for axis, n in enumerate(x.shape)]
        given[name] = KerasTensor(shape, dtype=x.dtype.name)
    return answer(call, ops, given)


def _subsets(axes):
    """Every axis alone, all of them, and a few others."""
    chosen = [(axis,) for axis in axes] + [tuple(axes)]
    rest = [s for n in range(2, len(axes)) for s in itertools.combinations(axes, n)]
    return chosen + random.Random(0).sample(rest, min(1, len(rest)))


@pytest.mark.parametrize("call", [call for call in CALLS if used(call)])
def test_every_call_with_unknown_lengths(call):
    """A length that is said is the real one; where several are unknown, nothing may be said at all."""
    real = answer(call, ops)
    axes = [(name, axis) for name in used(call) for axis in range(ARRAYS[name].ndim)]
    for unknown in _subsets(axes):
        try:
            found = _specs(call, unknown)
        except AutonetError as error:
            assert len(unknown) > 1 or call.startswith(REFUSED)
            assert not re.search("24|120|168|240", str(error)), "a length that was only tried"
            continue
        for x, y in zip(found, real, strict=True):
            if isinstance(x, KerasTensor):
                assert len(x.shape) == y.ndim, unknown
                assert x.dtype == y.dtype, unknown
                assert all(n is None or n == m for n, m in zip(x.shape, y.shape, strict=True)), unknown


K = KerasTensor


@pytest.mark.parametrize("f, shape", [
    (lambda: ops.where(K((None, 1), "bool"), K((2, 3)), K((2, None))), (2, 3)),
    (lambda: ops.add(K((None, 3)), K((2, 1))), (2, 3)),
    (lambda: ops.fmin(K((None, 3)), K((2, None))), (2, 3)),
    (lambda: ops.isclose(K((None, 3)), K((2, 3))), (2, 3)),
    (lambda: ops.gcd(K((None, 3)), K((2, 3))), (2, 3)),
    (lambda: ops.linspace(K((None, 3)), K((2, None)), 5), (5, 2, 3)),
    (lambda: ops.take_along_axis(K((None, 3)), K((2, 1), "int32"), 1), (2, 1)),
    (lambda: ops.cross(K((None, 3)), K((4, 3))), (4, 3)),
    (lambda: ops.psnr(K((None, 3)), K((2, None)), 1.0), ()),
    (lambda: ops.matmul(K((None, None)), K((None, None))), (None, None)),
    (lambda: ops.matmul(K((2, None)), K((3, None))), (2, None)),
    (lambda: ops.einsum("ij,jk->ik", K((None, 3)), K((None, 4))), (None, 4)),
    (lambda: ops.solve_triangular(K((None, None)), K((3, 2))), (3, 2)),
    (lambda: ops.det(K((None, None))), ()),
    (lambda: ops.eigh(K((2, None, None)))[1], (2, None, None)),
    (lambda: ops.segment_sum(K((None, 3)), K((5,), "int32"), 4), (4, 3)),
    (lambda: ops.segment_max(K((5, 3)), K((None,), "int32")), (None, 3)),
    (lambda: ops.bincount(K((5,), "int32"), minlength=3), (None,)),
    (lambda: ops.nonzero(K((2, 3)))[1], (None,)),
    (lambda: ops.unique(K((2, 3)), axis=1), (2, None)),
    (lambda: ops.broadcast_to(K((None, 1)), (2, 3)), (2, 3)),
    (lambda: ops.reshape(K((None, 3)), (3, 2)), (3, 2)),
    (lambda: ops.concatenate([K((None, 3)), K((2, 4))], 1), (2, 7)),
    (lambda: ops.concatenate([K((None, 3)), K((2, 3))], 0), (None, 3)),
    (lambda: ops.unstack(K((None, 3)), 2)[1], (3,)),
    (lambda: ops.correlate(K((None,)), K((None,))), (None,)),
    (lambda: ops.conv(K((None, None, None, 3)), K((None, None, 3, 4))), (None, None, None, 4)),
    (lambda: ops.layer_normalization(K((None, 3)), K((None,))), (None, 3)),
    (lambda: ops.corrcoef(K((None, 4))), (None, None)),
    (lambda: ops.image.extract_patches(K((None, None, 8, 3)), 2), (None, None, 4, 12)),
    (lambda: ops.while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, x * 2), (0, K((None, 3))))[1], (None, 3)),
    (lambda: ops.cond(K((), "bool"), lambda: ops.ones((2,)), lambda: ops.zeros((2,))), (2,)),
])  # fmt: skip
def test_unknown_fits_what_is_needed(f, shape):
    assert f().shape == shape


@pytest.mark.parametrize("f", [
    lambda: ops.add(K((None, 3)), K((2, 4))),
    lambda: ops.matmul(K((None, 3)), K((4, None))),
    lambda: ops.reshape(K((None, 3)), (4, 5)),
    lambda: ops.concatenate([K((None, 3)), K((2, 4))], 0),
    lambda: ops.stack([K((2, None)), K((3, 4))]),
    lambda: ops.take_along_axis(K((None, 3)), K((3,), "int32"), 0),
    lambda: ops.roll(K((None, 3)), 1, axis=5),
    lambda: ops.one_hot(K((None, 2), "int32"), 4, axis=5),
    lambda: ops.slice(K((2, 3)), (0, 0), (5, 2)),
    lambda: ops.slice(K((2, 3)), (0,), (1,)),
    lambda: ops.slice_update(K((2, 3)), (0,), K((1, 2))),
    lambda: ops.linspace(K((None, 3)), 1.0, num=-1),
    lambda: ops.image.resize(K((None, 8, 8, 3)), (0, 4)),
    lambda: ops.repeat(K((None, 3)), 2, axis=2),
    lambda: ops.cond(K((), "bool"), lambda: ops.ones((2,)), lambda: ops.zeros((3,))),
    lambda: ops.switch(K((), "int32"), [lambda x: x, lambda x: x[0]], ops.ones((2,))),
    *[
        lambda f=f, shape=shape: f(K(shape))
        for f in (ops.inv, ops.det, ops.cholesky, ops.slogdet, ops.eigh, ops.lu_factor, lambda a: ops.solve(a, K((3,))))
        for shape in ((2, 3), (None, 2, 3), (3,))
    ],
    lambda: ops.solve(K((3, 3)), K((4, 2))),
    lambda: ops.solve_triangular(K((None, 3, 3)), K((4,))),
])  # fmt: skip
def test_what_cannot_be_is_refused(f):
    with pytest.raises(ValueError) as caught:
        f()
    assert isinstance(caught.value, AutonetError)
    assert not re.search("24|120|168|240", str(caught.value))
