"""What Keras's operations answered to the calls in calls.py, autonet's answer too: values, shapes and dtypes."""

import json
import pathlib

import numpy as np
import pytest

from autonet import Tensor, jit, ops
from autonet.compiler.capture import CaptureError
from tests.ops.calls import ARRAYS as ARRAYS_OF_CALLS
from tests.ops.calls import CALLS, answer, used

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "golden" / "ops.npz")
ABOUT = json.loads(GOLDEN["about"].tobytes())

LOOSE = {  # where float32 loses digits on the way
    "corrcoef(a)": 1e-5,
    "det(mat)": 1e-5,
    "inv(stackspd)": 1e-5,
}


def _recorded():
    """Each call with its leaves: arrays and words."""
    places = dict.fromkeys(GOLDEN.files, 0)
    for call, leaves in ABOUT["calls"]:
        found = []
        for leaf in leaves:
            if isinstance(leaf, str):
                found.append(leaf)
                continue
            dtype, shape = leaf
            start, size = places[dtype], int(np.prod(shape))
            places[dtype] = start + size
            found.append(ARRAYS[dtype][start : start + size].reshape(shape))
        yield call, found


ARRAYS = {name: GOLDEN[name] for name in GOLDEN.files if name != "about"}
RECORDED = dict(_recorded())


def test_every_call_was_recorded():
    assert list(RECORDED) == CALLS, "run tests/golden/record_ops.py again"


@pytest.mark.parametrize("call", RECORDED)
def test_answers_as_keras_does(call):
    found, expected = answer(call, ops), RECORDED[call]
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        if isinstance(y, str):
            assert x == y
            continue
        assert x.shape == y.shape
        assert x.dtype == y.dtype
        tolerance = LOOSE.get(call, 2e-6) if y.dtype != np.float16 else 2e-3
        scale = max(1.0, float(np.max(np.abs(y[np.isfinite(y)]), initial=0))) if y.dtype.kind == "f" else 0
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * scale)


OPEN = ("nonzero", "unique", "bincount")  # whose results' shapes depend on values


def _changed(name):
    """Other numbers of the same kind, valid wherever the first ones are."""
    x = ARRAYS_OF_CALLS[name]
    if x.dtype.kind == "f":
        return np.where(np.isfinite(x), x * np.float32(0.9), x)
    return x[::-1].copy() if name in ("i", "j", "k", "m", "m2") else x


@pytest.mark.parametrize("call", [call for call in CALLS if used(call)])
def test_captured_answers_as_eager(call):
    """Replayed with other numbers, it gives what it gives when it simply runs: nothing was frozen on the way."""
    names = used(call)
    fast = jit(lambda **given: [x for x in answer(call, ops, given) if isinstance(x, Tensor)], native=False)
    try:
        fast(**{name: ARRAYS_OF_CALLS[name] for name in names})
    except CaptureError:
        assert call.startswith(OPEN)
        return
    other = {name: Tensor(_changed(name)) for name in names}
    expected = [x for x in answer(call, ops, other) if isinstance(x, Tensor)]
    for x, y in zip(fast(**other), expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)
