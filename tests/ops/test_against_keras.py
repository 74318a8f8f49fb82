"""What Keras's operations answered to the calls in calls.py, autonet's answer too: values, shapes and dtypes."""

import json
import pathlib

import numpy as np
import pytest

from autonet import ops
from tests.ops.calls import CALLS, answer

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
