"""Arguments for which there is no sensible answer: one error, a ValueError or TypeError as Keras's, before any number."""

import inspect

import numpy as np
import pytest

from autonet import ops
from autonet.errors import AutonetError

X = np.ones((2, 3), "float32")

WRONG = [
    (ops.average, (X,), {"weights": [1.0, 2.0, 3.0]}),
    (ops.ctc_loss, ([[1, 2]], np.zeros((1, 5, 4), "float32"), [[2]], [5]), {}),
    (ops.depth_to_space, (np.zeros((1, 2, 2, 4)), 1), {}),
    (ops.geomspace, (1.0, 8.0, -1), {}),
    (ops.image.resize, (np.zeros((8, 8, 3), "float32"), (0, 4)), {}),
    (ops.istft, ((np.ones(3), np.ones(3)), 2, 1, 4), {}),
    (ops.image.resize, (np.zeros((8, 8, 3), "float32"), (4.5, 4)), {}),
    (ops.linspace, (0.0, 1.0, -1), {}),
    (ops.linspace, (0.0, 1.0, 2.5), {}),
    (ops.logspace, (0.0, 1.0, -4), {}),
    (ops.maximum, (np.ones(3, "uint8"), -1), {}),
    (ops.one_hot, ([[0, 1]], 3), {"axis": 3}),
    (ops.one_hot, ([0], -1), {}),
    (ops.one_hot, ([0], 2.0), {}),
    (ops.repeat, (X, -1), {}),
    (ops.repeat, (X, 2), {"axis": 2}),
    (ops.repeat, (X, [1, 2, 3]), {"axis": 0}),
    (ops.rfft, (X, -1), {}),
    (ops.rot90, (X,), {"axes": (0, 5)}),
    (ops.slice, (X, (0,), (1,)), {}),
    (ops.slice, (X, (0, 0), (-2, 1)), {}),
    (ops.slice_update, (X, (0,), X), {}),
    (ops.split, (X, 0), {}),
    (ops.split, (X, [2, 1]), {}),
    (ops.split, (X, [9]), {}),
    (ops.space_to_depth, (np.zeros((1, 2, 2, 4)), 1), {}),
    (ops.switch, (True, [lambda: 1, lambda: 2]), {}),
    (ops.tensordot, (X, X), {"axes": -1}),
    (ops.tri, (-1,), {}),
    (ops.vectorize, (3,), {}),
    (ops.zeros, ((-1,),), {}),
]


@pytest.mark.parametrize("f, args, kwargs", WRONG, ids=[f"{f.__name__}-{i}" for i, (f, _, _) in enumerate(WRONG)])
def test_refused(f, args, kwargs):
    with pytest.raises((ValueError, TypeError)) as caught:
        f(*args, **kwargs)
    assert isinstance(caught.value, AutonetError)


def _with_axis():
    """Each function that takes `axis`, on arrays (or, where that is what it takes, on a list, a function, a number first)."""
    for name in sorted(dir(ops)):
        f = getattr(ops, name)
        if name.startswith("_") or not callable(f) or isinstance(f, type):
            continue
        parameters = inspect.signature(f).parameters
        if "axis" in parameters:
            plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            needed = [
                p.name for p in parameters.values() if p.default is p.empty and p.kind in plain and p.name != "axis"
            ]
            yield name, [GIVEN.get(p, X) for p in needed]


GIVEN = {
    "f": np.add,
    "xs": [X, X],
    "arrays": [X, X],
    "indices_or_sections": 1,
    "repeats": 1,
    "shift": 1,
    "num_classes": 3,
}
WITH_AXIS = dict(_with_axis())


@pytest.mark.parametrize("name", WITH_AXIS)
def test_no_such_axis(name):
    for axis in (5, -4):
        with pytest.raises((ValueError, TypeError)) as caught:
            getattr(ops, name)(*WITH_AXIS[name], axis=axis)
        assert isinstance(caught.value, AutonetError)


@pytest.mark.parametrize("name", ["eig", "polar", "view_as_complex"])
def test_complex_numbers(name):
    with pytest.raises(AttributeError, match="real and imaginary parts"):
        getattr(ops, name)


def test_slices_to_the_end():
    assert ops.slice(X, (1, 1), (-1, -1)).shape == (1, 2)
    assert ops.slice(np.arange(5), [1], [-1]).tolist() == [1, 2, 3, 4]


def test_correlation_with_the_longer_one_second():
    for m, n in ((2, 3), (2, 4), (3, 4), (3, 5)):
        x, y = np.arange(1.0, m + 1), np.arange(2.0, n + 2)
        for mode in ("valid", "same", "full"):
            np.testing.assert_allclose(ops.correlate(x, y, mode), np.correlate(x, y, mode))


def test_powers_of_ten_are_exact_to_rounding():
    found = ops.logspace(-5.0, 30.0, 36).numpy()
    np.testing.assert_allclose(found, np.logspace(-5.0, 30.0, 36), rtol=3e-7)
    ends = np.array([-5.0, 3.25], "float32"), np.array([30.0, 21.5], "float32")
    for axis in (0, -1):
        np.testing.assert_allclose(ops.logspace(*ends, 9, axis=axis), np.logspace(*ends, 9, axis=axis), rtol=2e-7)
    assert ops.logspace(0, 3, 4, dtype="int32").tolist() == [1, 10, 100, 1000]
