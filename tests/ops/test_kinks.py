"""Second derivatives where the first is a convention: the value that mathematics gives, or NaN, and no plausible number."""

import inspect
import math

import numpy as np
import pytest

import autonet
from autonet import activations, gradients, losses, ops, regularizers
from autonet.errors import NonFiniteError
from autonet.ops import kinks, spectra
from autonet.ops.image.sampling import grid_sample
from tests.ops.cases import Case, made, reals
from tests.ops.test_linalg import apart_symmetric, spread

NAN, INF = math.nan, math.inf


def nowhere(c):
    return kinks.bend(c, c, c, c, c, np.zeros(c.shape, bool), kind="jump", kept=None, tied=False)


def of_eigenvalues(x):
    values, vectors = ops.eigh(x)
    return spectra.from_eigenvalues(ops.cos(values), x, values, vectors)


def of_singular_values(x):
    u, s, vt = ops.svd(x, full_matrices=False)
    return spectra.from_singular_values(s**2, x, u, s, vt)


CASES = {
    "bend": Case(reals(), op=nowhere, numpy=lambda c: c),
    "_unsettled": Case(
        reals(), reals(), reals(), op=kinks._unsettled, shapes=[((3, 4),) * 3], settings={"axis": -1}, zero=True
    ),
    "times": Case(reals(0.5, 3), reals(), numpy=np.multiply),
    "from_eigenvalues": Case(
        made(apart_symmetric), op=of_eigenvalues, shapes=[((3, 3),), ((2, 2, 2),)], value_rtol=1e-8
    ),
    "from_singular_values": Case(
        made(spread), op=of_singular_values, shapes=[((3, 3),), ((4, 2),), ((2, 4),)], value_rtol=1e-8
    ),
    "_top": Case(reals(apart=True, min_dims=1), op=lambda x: ops.top_k(x, x.shape[-1])[0]),
}


def squared(f):
    return lambda x: ops.sum(f(x) ** 2)


def summed(f):
    return lambda x: ops.sum(f(x))


def norm(ord=None, axis=None):
    return lambda x: ops.norm(x, ord=ord, axis=axis)


def weighed(f):
    return lambda x: ops.sum(f(x) * np.arange(1.0, 4.0))


def pair(f):
    return lambda x: ops.sum(f(x[0], x[1]))


PICTURE = np.array([[0.0, 1, 2], [1, 3, 6], [3, 7, 9]]).reshape(1, 3, 3, 1)


def bilinear(x):
    row, column = (ops.reshape(x[k], (1, 1, 1)) for k in (0, 1))
    return ops.sum(grid_sample(PICTURE, row, column, order=1, fill_mode="nearest"))


def cell(x):
    return ops.sum(ops.image.map_coordinates(PICTURE[0, :, :, 0], x[:, None], order=1, fill_mode="nearest"))


Z1, Z2, Z3, ONES = np.zeros(1), np.zeros(2), np.zeros(3), np.ones(3)
TIED = np.array([1.0, 1.0, 0.0])
I2, I3, N2 = np.eye(2), np.eye(3), np.full((2, 2), NAN)
CENTRE = (np.eye(3) - 1 / 3) * 2 / 3
TOP_TIE = np.array([[NAN, NAN, 0], [NAN, NAN, 0], [0, 0, 0]])

# name: function, point, first derivative, Hessian (a number stands for all elements)
TABLE = {
    # lengths
    "abs": (summed(ops.abs), Z1, 0, NAN),
    "abs^2": (squared(ops.abs), Z1, 0, 2),
    "abs^2 by square": (lambda x: ops.sum(ops.square(ops.abs(x))), Z1, 0, 2),
    "abs * abs": (lambda x: ops.sum(ops.abs(x) * ops.abs(x)), Z1, 0, 2),
    "abs^3": (lambda x: ops.sum(ops.abs(x) ** 3), Z1, 0, 0),
    "abs^2 beside others": (squared(ops.abs), np.array([0.0, 2.0]), [0, 4], 2 * I2),
    "x abs": (lambda x: ops.sum(x * ops.abs(x)), Z1, 0, NAN),
    "x^2 abs": (lambda x: ops.sum(x * x * ops.abs(x)), Z1, 0, 0),
    "cos abs": (lambda x: ops.sum(ops.cos(ops.abs(x))), Z1, 0, -1),
    "(sum abs)^2": (lambda x: ops.sum(ops.abs(x)) ** 2, Z2, 0, N2),
    "norm": (norm(), Z2, 0, N2),
    "norm^2": (squared(norm()), Z2, 0, 2 * I2),
    "norm * norm": (lambda x: ops.norm(x) * ops.norm(x), Z2, 0, 2 * I2),
    "norm^3": (lambda x: ops.norm(x) ** 3, Z2, 0, 0),
    "norm^4": (lambda x: ops.norm(x) ** 4, Z2, 0, 0),
    "exp(-norm^2)": (lambda x: ops.exp(-(ops.norm(x) ** 2)), Z3, 0, -2 * I3),
    "sqrt(1 + norm^2)": (lambda x: ops.sqrt(1 + ops.norm(x) ** 2), Z2, 0, I2),
    "cosh norm": (lambda x: ops.cosh(ops.norm(x)), Z2, 0, I2),
    "norm times a direction": (lambda x: ops.norm(x) * x[0], Z2, 0, N2),
    "norm^2 times a field": (lambda x: ops.norm(x) ** 2 * ops.exp(x[0]), Z2, 0, 2 * I2),
    "norm^2 of rows": (squared(norm(axis=-1)), np.array([[0.0, 0.0], [3.0, 4.0]]), [[0, 0], [6, 8]], 2 * np.eye(4)),
    "(sum of norms^2)^2": (lambda x: ops.sum(ops.norm(x, axis=-1) ** 2) ** 2, np.zeros((2, 2)), 0, 0),
    "(sum of norms)^2": (lambda x: ops.sum(ops.norm(x, axis=-1)) ** 2, np.zeros((2, 1)), 0, N2),
    "hypot": (pair(ops.hypot), Z2, 0, N2),
    "hypot^2": (lambda x: ops.hypot(x[0], x[1]) ** 2, Z2, 0, 2 * I2),
    "hypot times x": (lambda x: ops.hypot(x[0], x[1]) * x[0], Z2, 0, N2),
    "cdist^2": (lambda x: ops.sum(ops.cdist(x, np.ones((1, 2))) ** 2), np.ones((1, 2)), 0, 2 * I2),
    "std": (ops.std, ONES, 0, np.full((3, 3), NAN)),
    "std^2": (squared(ops.std), ONES, 0, CENTRE),
    "nanstd^2": (squared(ops.nanstd), ONES, 0, CENTRE),
    "var": (ops.var, ONES, 0, CENTRE),
    "fro^2": (squared(norm("fro")), np.zeros((2, 2)), 0, 2 * np.eye(4)),
    **{f"norm {o}^2 of one": (squared(norm(o)), Z1, 0, 2) for o in (1, 1.5, 2, 3, INF, -INF)},
    **{f"norm {o}^2": (squared(norm(o)), Z2, 0, N2) for o in (1, 1.5, 3, INF)},
    **{f"norm {o}^3": (lambda x, o=o: ops.norm(x, ord=o) ** 3, Z2, 0, 0) for o in (1, 1.5, 3, INF)},
    **{f"norm {o}": (norm(o), Z2, 0, N2) for o in (1.5, 3)},
    "norm -1 beside a number": (norm(-1), np.array([0.0, 2.0]), 0, N2),
    "norm -1^3 beside a number": (lambda x: ops.norm(x, ord=-1) ** 3, np.array([0.0, 2.0]), 0, 0),
    # powers and poles
    "0^2": (pair(ops.power), np.array([0.0, 2.0]), [0, 0], [[2, 0], [0, 0]]),
    "0^1": (pair(ops.power), np.array([0.0, 1.0]), [1, 0], [[0, -INF], [NAN, NAN]]),
    "0^0.5": (pair(ops.power), np.array([0.0, 0.5]), [INF, 0], N2),
    "0^3": (pair(ops.power), np.array([0.0, 3.0]), 0, 0),
    "0^0": (pair(ops.power), np.array([0.0, 0.0]), [0, -INF], N2),
    "1^0": (pair(ops.power), np.array([1.0, 0.0]), [0, 0], [[0, 1], [1, 0]]),
    "(-2)^2": (pair(ops.power), np.array([-2.0, 2.0]), [-4, 0], [[2, NAN], [NAN, NAN]]),
    "sqrt": (summed(ops.sqrt), Z1, INF, -INF),
    "rsqrt": (summed(ops.rsqrt), Z1, -INF, INF),
    "log": (summed(ops.log), Z1, INF, -INF),
    "log1p": (summed(ops.log1p), -np.ones(1), INF, -INF),
    "reciprocal": (summed(ops.reciprocal), Z1, -INF, INF),
    "arcsin": (summed(ops.arcsin), np.ones(1), INF, INF),
    "arccos": (summed(ops.arccos), np.ones(1), -INF, -INF),
    "arccosh": (summed(ops.arccosh), np.ones(1), INF, -INF),
    "arctanh": (summed(ops.arctanh), np.ones(1), INF, NAN),
    "erfinv": (summed(ops.erfinv), np.ones(1), INF, INF),
    "arctan2": (pair(ops.arctan2), Z2, NAN, N2),
    "0 / 0": (pair(ops.divide), Z2, [INF, NAN], [[NAN, NAN], [-INF, NAN]]),
    "sinc": (summed(ops.sinc), Z1, 0, -(np.pi**2) / 3),
    "softplus, large": (summed(ops.softplus), np.array([1e3, -1e3]), [1, 0], 0),
    "log_cosh, large": (lambda x: ops.sum(losses.log_cosh(Z2, x)), np.array([1e3, -1e3]), [0.5, -0.5], 0),
    # sums of exponentials
    **{
        f"{name} {point}": (f, np.array(point), first, 0)
        for name, f in {"logsumexp": ops.logsumexp, "logaddexp": pair(ops.logaddexp)}.items()
        for point, first in {
            (1.0, -INF): [1, 0],
            (-INF, 1.0): [0, 1],
            (-INF, -INF): [0, 0],
            (1.0, INF): [0, 1],
            (INF, INF): [0.5, 0.5],
        }.items()
    },
    "logaddexp2": (pair(ops.logaddexp2), np.array([1.0, INF]), [0, 1], 0),
    # order
    "max": (ops.max, TIED, [0.5, 0.5, 0], TOP_TIE),
    "max^2": (squared(ops.max), TIED, [1, 1, 0], TOP_TIE),
    "max^3 at 0": (lambda x: ops.max(x) ** 3, Z2, 0, 0),
    "min": (lambda x: ops.min(-x), TIED, [-0.5, -0.5, 0], TOP_TIE),
    "maximum": (lambda x: ops.maximum(x[0], x[1]), Z2, 0.5, N2),
    "maximum(x, 0)^2": (lambda x: ops.sum(ops.maximum(x, 0.0) ** 2), Z1, 0, NAN),
    "sort^2": (squared(ops.sort), TIED, 2 * TIED, 2 * I3),
    "sort, weighed": (weighed(ops.sort), TIED, [2, 3, 1], TOP_TIE),
    "sort^2, weighed": (weighed(lambda x: ops.sort(x) ** 2), Z3 - [0, 0, 1], [0, 0, -2], TOP_TIE + np.diag([0, 0, 2])),
    "median": (ops.median, TIED, [1, 0, 0], TOP_TIE),
    "top_k": (lambda x: ops.sum(ops.top_k(x, 1)[0]), TIED, [1, 0, 0], TOP_TIE),
    "top_k of all": (squared(lambda x: ops.top_k(x, 3)[0]), TIED, 2 * TIED, 2 * I3),
    "top_k, weighed": (weighed(lambda x: ops.top_k(x, 3)[0]), ONES, [1, 2, 3], NAN),
    "sort, of three alike": (weighed(ops.sort), ONES, [1, 2, 3], NAN),
    "sort^2, by pairs": (lambda x: ops.sum(ops.sort(x) ** 2 * [2.0, 1, 1]), ONES, [4, 2, 2], NAN),
    "max_pool": (
        lambda x: ops.sum(ops.max_pool(x[None, :, None], 3) ** 2),
        TIED,
        [2, 0, 0],
        TOP_TIE,
    ),
    "max_pool of one peak": (lambda x: ops.sum(ops.max_pool(x[None, :, None], 3) ** 2), -TIED, 0, np.diag([0, 0, 2])),
    "max_pool of relu": (lambda x: ops.sum(ops.max_pool(ops.relu(x)[None, :, None], 3) ** 2), -ONES, 0, 0),
    "clip between tensors": (lambda x: ops.clip(x[0], x[1], x[2]), Z3, [1, 0, 0], NAN),
    "segment_max": (lambda x: ops.sum(ops.segment_max(x, [0, 0, 0], 1)), TIED, [0.5, 0.5, 0], TOP_TIE),
    # pieces
    "relu": (summed(ops.relu), Z1, 0, NAN),
    "relu^2": (squared(ops.relu), Z1, 0, NAN),
    "relu^3": (lambda x: ops.sum(ops.relu(x) ** 3), Z1, 0, 0),
    "huber": (lambda x: losses.huber(Z1, x), np.ones(1), 1, NAN),
    "squared hinge": (lambda x: losses.squared_hinge(np.ones(1), x), np.ones(1), 0, NAN),
    "L1": (regularizers.L1(0.5), Z1, 0, NAN),
    "L2": (regularizers.L2(0.5), Z1, 0, 1),
    "where takes a branch": (lambda x: ops.sum(ops.where(x > 0, x * x, 0.0)), Z1, 0, 0),
    "normalize": (summed(lambda x: ops.normalize(x, epsilon=0.5)), Z2, 2, 0),
    "cosine similarity": (lambda x: losses.cosine_similarity(np.ones(1), x), Z1, 0, 0),
    "kl divergence": (lambda x: losses.kl_divergence(x, np.full(2, 0.5)), Z2, 0, 0),
    "bilinear, at a pixel": (bilinear, np.array([1.0, 1.0]), [4, 3], N2),
    "bilinear, at a row": (bilinear, np.array([1.0, 0.5]), [3, 2], N2),
    "cell, at a pixel": (cell, np.array([1.0, 1.0]), [4, 3], N2),
    "cell, at a row": (cell, np.array([1.0, 0.5]), [3, 2], N2),
    "cell, between": (cell, np.array([0.5, 0.5]), [1.5, 1.5], [[0, 1], [1, 0]]),
    "cell, others at pixels": (
        lambda x: ops.sum(ops.image.map_coordinates([0.0, 1, 4, 9], x[None] ** 2, 1)),
        np.array([0.5, 1.0]),
        [1, 6],
        [[2, 0], [0, NAN]],
    ),
    "bilinear, between": (bilinear, np.array([0.5, 0.5]), [1.5, 1.5], [[0, 1], [1, 0]]),
    # products
    **{
        f"{name} of {list(x)}": (f, np.array(x), first, hessian)
        for name, f in {"prod": ops.prod, "segment_prod": lambda x: ops.sum(ops.segment_prod(x, [0, 0, 0], 1))}.items()
        for x, first, hessian in [
            ((0.0, 2.0, 3.0), [6, 0, 0], [[0, 3, 2], [3, 0, 0], [2, 0, 0]]),
            ((0.0, 0.0, 3.0), 0, [[0, 3, 0], [3, 0, 0], [0, 0, 0]]),
            ((0.0, 0.0, 0.0), 0, 0),
        ]
    },
    "cumprod": (summed(ops.cumprod), np.array([0.0, 0.0, 3.0]), [1, 0, 0], [[0, 4, 0], [4, 0, 0], [0, 0, 0]]),
    # values of matrices
    "eigenvalues^2": (squared(lambda x: ops.eigh(x)[0]), I2, 2 * I2, (np.eye(4) + np.eye(4)[[0, 2, 1, 3]])),
    "sum of eigenvalues": (lambda x: ops.sum(ops.eigh(x)[0]), I2, I2, 0),
    "largest eigenvalue": (
        lambda x: ops.eigh(x)[0][1] + x[0, 0],
        I2,
        [[1, 0], [0, 1]],
        NAN,
    ),
    "singular values^2": (squared(lambda x: ops.svd(x, compute_uv=False)), I2, 2 * I2, 2 * np.eye(4)),
    "singular values^2 of 0": (squared(lambda x: ops.svd(x, compute_uv=False)), np.zeros((2, 3)), 0, 2 * np.eye(6)),
    "singular values^2 by svd": (
        squared(lambda x: ops.svd(x, full_matrices=False)[1]),
        I3[:, :2],
        2 * I3[:, :2],
        2 * np.eye(6),
    ),
    "nuclear norm": (norm("nuc"), np.zeros((2, 2)), 0, NAN),
    "spectral norm": (norm(2), np.zeros((2, 2)), 0, NAN),
}


def spread_over(expected, shape):
    return np.broadcast_to(np.asarray(expected, np.float64), shape)


def check_special_point(f, x, first, hessian):
    """Returns: the Hessian."""
    g = np.asarray(gradients.grad(f)(x))
    h = np.asarray(gradients.hessian(f)(x)).reshape(x.size, x.size)
    np.testing.assert_allclose(g, spread_over(first, x.shape), atol=1e-12)
    np.testing.assert_allclose(h, spread_over(hessian, h.shape), atol=1e-12)
    return h


@pytest.mark.parametrize("f, x, first, hessian", TABLE.values(), ids=list(TABLE))
def test_derivatives_at_special_points(f, x, first, hessian):
    direction = np.arange(1.0, x.size + 1).reshape(x.shape)
    with np.errstate(all="ignore"):
        h = check_special_point(f, x, first, hessian)
        captured = np.asarray(autonet.jit(gradients.hessian(f))(x)).reshape(x.size, x.size)
        along = np.asarray(gradients.hvp(f, (x,), (direction,)))
    np.testing.assert_array_equal(captured, h)
    if np.all(np.isfinite(h)):
        np.testing.assert_allclose(along.reshape(-1), h @ direction.reshape(-1), atol=1e-12)
    else:
        assert not np.all(np.isfinite(along))


@pytest.mark.parametrize("f", [ops.segment_max, ops.segment_min])
@pytest.mark.parametrize("way", [lambda f: f, autonet.jit])
def test_ties_of_one_function_have_its_hessian(f, way):
    ids = [0, 0, 1]
    of_segments = lambda x: ops.sum(f(ops.take(x**2, ids), ids, 2))
    np.testing.assert_allclose(way(gradients.hessian(of_segments))(np.array([1.0, 2.0])), 2 * I2)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("f, x, first, hessian", TABLE.values(), ids=list(TABLE))
def test_debug_nans_finds_just_the_derivatives_that_are_nan(f, x, first, hessian, compiled):
    way = autonet.jit if compiled else lambda f: f
    with np.errstate(all="ignore"):
        found = np.asarray(gradients.hessian(f)(x))
        with autonet.config.debug_nans():
            if np.isfinite(found).all() and np.isfinite(np.asarray(first)).all():
                way(gradients.hessian(f))(x)
            elif np.isnan(found).any():
                with pytest.raises(NonFiniteError):
                    way(gradients.hessian(f))(x)


# Every function of one array, whoever wrote it, at the numbers where kinks like to be


def _functions():
    for room in (ops, activations):
        for name in sorted(dir(room)):
            f = getattr(room, name)
            if name.startswith("_") or not callable(f) or isinstance(f, type):
                continue
            needed = [
                p
                for p in inspect.signature(f).parameters.values()
                if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            ]
            if len(needed) == 1:
                yield f"{room.__name__.split('.')[-1]}.{name}", f


def _slope(f, x):
    return float(np.asarray(gradients.grad(f)(np.array([x])))[0])


POINTS = (-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0)
FUNCTIONS = dict(_functions())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_plausible_second_derivative_at_a_kink(name):
    """Where the slope jumps the second derivative is not finite; where it bends neither; elsewhere it is the slope's slope."""
    f = FUNCTIONS[name]
    try:
        y = f(np.array([0.3]))
        slope = _slope(f, 0.3)
    except Exception:
        return  # takes something else, or has no derivative
    if not isinstance(y, autonet.Tensor) or y.size != 1 or not slope:
        return
    step = 1e-5
    for outer in (lambda y: y, ops.square):
        whole = lambda x, outer=outer: ops.sum(outer(f(x)))
        for x in POINTS:
            with np.errstate(all="ignore"):
                values = [whole(np.array([x + k * step])).item() for k in (-1, 1)]
                slopes = [_slope(whole, x + k * step) for k in (-2, -1, 1, 2)]
                second = float(np.asarray(gradients.hessian(whole)(np.array([x]))).item())
            jumps = abs(values[1] - values[0]) > 1 or max(map(abs, slopes)) > 1e3
            if jumps or not np.all(np.isfinite([*values, *slopes])):
                continue  # no continuous function, close to a pole, or beyond the domain
            left, right = (slopes[1] - slopes[0]) / step, (slopes[3] - slopes[2]) / step
            kink = abs(slopes[2] - slopes[1]) > 0.02 + 4 * step * max(abs(left), abs(right))
            size = 1 + max(abs(left), abs(right))
            if kink or abs(left - right) > 0.05 * size:
                assert not np.isfinite(second), (name, x, second, slopes)
            else:
                assert np.isnan(second) or abs(second - left) < 0.05 * size, (name, x, second, left, right)


def test_third_derivatives_pass_kinks():
    third = gradients.jacobian(gradients.hessian(lambda x: ops.sum(ops.abs(x) ** 2)))
    assert np.asarray(third(np.array([0.0, 1.0]))).tolist() == np.zeros((2, 2, 2)).tolist()


def test_windows_whose_cells_move_together_have_no_kink():
    f = lambda x: ops.sum(ops.max_pool((x * ONES)[None, :, None], 3) ** 2)
    assert np.asarray(gradients.hessian(f)(np.ones(1))).item() == 2


def test_first_forward_derivatives_keep_the_convention():
    for f, slope in ((ops.abs, 0), (ops.relu, 0), (lambda x: ops.clip(x, 0, 1), 1), (ops.elu, 1), (ops.norm, 0)):
        assert np.all(np.asarray(gradients.jvp(f, (Z2,), (np.ones(2),))[1]) == slope)


def test_weights_behind_a_kink_that_plays_no_part_are_differentiated():
    """A critic's slope, penalised: rows in the interior are not touched by kinks elsewhere that their cotangents miss."""
    w = np.array([[0.0, 1.0], [0.0, -1.0]])

    def penalty(w):
        slope = gradients.grad(lambda x: ops.sum(ops.relu(x @ w)[:, 1]))(np.array([[1.0, 0.5]]))
        return ops.sum(slope**2)

    assert np.all(np.isfinite(np.asarray(gradients.grad(penalty)(w))))
