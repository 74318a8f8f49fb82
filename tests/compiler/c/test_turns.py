"""sin and cos in C, against NumPy in double."""

import numpy as np
import pytest

from autonet import jit, ops

NUMBERS = np.concatenate(
    [
        np.linspace(-30, 30, 40_001),
        np.arange(-2000, 2000) * (np.pi / 4),
        np.ldexp(1.0, np.arange(-148, 128)),
        -np.geomspace(1e-40, 3e38, 5000),
        [0.0, -0.0, np.inf, -np.inf, np.nan, 1e6, np.nextafter(np.float32(1e6), np.float32(2e6))],
    ]
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_turns(name, dtype):
    x = NUMBERS.astype(dtype)
    f = jit(getattr(ops, name))
    with np.errstate(invalid="ignore"):
        expected = getattr(np, name)(x.astype("float64"))
        for _ in range(2):
            y = f(x).numpy()
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_allclose(y, expected, rtol=2e-7 if dtype == "float32" else 1e-14, atol=1e-45)
    assert np.array_equal(np.signbit(y[x == 0]), np.signbit(expected[x == 0]))
    if f.last.plan.kind == "native":
        assert not f.last.plan.stepped_out
