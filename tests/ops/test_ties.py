"""Second derivatives of every row of the table of gradient checks, where numbers are equal, or whole: true, or not finite."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import autonet
from autonet import gradients, ops
from tests.ops.cases import inner
from tests.ops.test_gradients import SMOOTH, only

# What gives the slopes of others is marked where it is used; what spectra do at equal values stands in the table above;
# where a matrix loses its rank, its pseudo-inverse is not continuous.
APART = {"gate", "leak", "pick_max", "unpool_max", "pseudo_inverse", "times", "bend"}
ALIKE = {
    name: case
    for name, case in SMOOTH.items()
    if case.name not in APART and any(d.smooth for d in case.domains) and not any(d.make for d in case.domains)
}


def _along(f, xs, us, step):
    """Slopes of f, a function of several arrays, at four points along a direction."""
    slopes = []
    for k in (-2, -1, 1, 2):
        cotangents = gradients.vjp(f, *[x + k * step * u for x, u in zip(xs, us, strict=True)])[1](np.ones(()))
        slopes.append(inner(cotangents, us))
    return slopes


def _jumps(f, xs, us, step):
    """Whether the values of f do."""
    sides = [[np.asarray(y) for y in f(*[x + k * u for x, u in zip(xs, us, strict=True)])] for k in (-step, step)]
    return any(np.any(np.abs(a - b) > 1e-4) for a, b in zip(*sides, strict=True))


def _bends(f, xs, us, size):
    """Whether the slope's own slopes differ on the two sides, and not less so nearby."""
    apart = []
    for step in (1e-9, 1e-10):
        s = _along(f, xs, us, step)
        apart.append(abs((s[1] - s[0]) - (s[3] - s[2])) / step)
    return min(apart) > 0.05 * size and apart[1] > 0.5 * apart[0]


@pytest.mark.parametrize("name", ALIKE)
@settings(max_examples=2, deadline=None, phases=[Phase.generate], derandomize=True)
@given(data=st.data())
def test_no_plausible_second_derivative_where_numbers_are_equal(name, data):
    call = data.draw(ALIKE[name].calls())
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    results = only(call)
    for how in (np.round, np.zeros_like, np.ones_like):
        xs = [np.array(how(call.xs[i])) for i in call.smooth]
        us = [rng.integers(-2, 3, x.shape) * rng.integers(0, 2, x.shape).astype(float) for x in xs]
        with np.errstate(all="ignore"):
            try:
                ys = results(*xs)
            except autonet.errors.DataError:
                continue  # out of its domain
            weights = [rng.integers(1, 3, y.shape).astype(float) for y in ys]
            for power in (1, 2):

                def whole(*xs, weights=weights, power=power):
                    return sum(ops.sum(w * y**power) for w, y in zip(weights, results(*xs), strict=True))

                _compare(name, whole, results, xs, us)


def _compare(name, whole, results, xs, us, step=1e-9):
    slopes = _along(whole, xs, us, step)
    if not np.all(np.isfinite(slopes)) or max(map(abs, slopes)) > 1e4 or _jumps(results, xs, us, step):
        return  # a pole, or no continuous function

    def slope(*xs):
        cotangents = gradients.vjp(whole, *xs)[1](np.ones(()))
        return sum(ops.sum(c * u) for c, u in zip(cotangents, us, strict=True))

    second = inner(gradients.vjp(slope, *xs)[1](np.ones(())), us)
    left, right = (slopes[1] - slopes[0]) / step, (slopes[3] - slopes[2]) / step
    size = 1 + max(abs(left), abs(right))
    jump = abs(slopes[2] - slopes[1]) > 0.02 + 4 * step * max(abs(left), abs(right))
    if jump or _bends(whole, xs, us, size):
        assert not np.isfinite(second), (name, second, slopes, xs, us)
    else:
        middle = (slopes[2] - slopes[1]) / (2 * step)
        assert np.isnan(second) or abs(second - middle) < 0.05 * size, (name, second, middle, xs, us)
