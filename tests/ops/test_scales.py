"""Laws over all operations: derivatives of float32 numbers of any size are float64's, and NaN stays NaN."""

import itertools

import numpy as np
import pytest

import autonet
from autonet import Tensor, activations, jit, ops

SCALES = [10.0**k for k in (-30, -20, -10, 0, 3, 8, 10, 20, 25, 30)]
NUMBERS = np.array([1.5, 0.7, 1.3, -0.4])
OTHERS = np.array([1.2, 0.9, -1.1, 0.3])
WEIGHTS = np.array([1.0, 0.5, 0.25, -0.125])

INEXACT = {
    "corrcoef": "is constant for one vector",
    "softsign": "a difference of two terms, exact to 1e-7 of them",
    "tanh_shrink": "a difference of two terms, exact to 1e-7 of them",
}
SHAPES = {"empty", "ones", "zeros"}  # whose operand is one
VISIBLE = {"layer_normalization", "rms_normalization"}  # NaN, not zeros, where squares are not representable


def _is_smooth(f, n):
    """Whether f takes n vectors of float32 to float32 and has a derivative."""
    try:
        y = f(*[Tensor(x.astype("float32")) for x in (NUMBERS, OTHERS)[:n]])
        if not isinstance(y, Tensor) or y.dtype != "float32":
            return False
        autonet.grad(lambda *xs: ops.sum(f(*xs)), argnums=tuple(range(n)))(*[Tensor(NUMBERS)] * n)
        return True
    except Exception:
        return False


def _operations():
    """Name, operation and number of operands, of all that take one or two vectors."""
    with np.errstate(all="ignore"):
        for room in (ops, activations):
            for name in sorted(dir(room)):
                f = getattr(room, name)
                if name[0] != "_" and name not in SHAPES and callable(f) and not isinstance(f, type):
                    n = next((n for n in (1, 2) if _is_smooth(f, n)), None)
                    if n is not None:
                        yield pytest.param(name, f, n, id=f"{room.__name__[8:]}.{name}")


OPERATIONS = list(_operations())


def _gradient(f, n):
    def weighted(*xs):
        y = f(*xs)
        return ops.sum(y * WEIGHTS.astype(y.dtype)) if y.shape == WEIGHTS.shape else ops.sum(y)

    return autonet.grad(weighted, argnums=tuple(range(n)))


def _check(name, gradient, exact, xs):
    with np.errstate(all="ignore"):
        found = gradient(*[Tensor(x) for x in xs])
        right = exact(*[Tensor(x.astype("float64")) for x in xs])
        for a, b in zip(found, right, strict=True):
            a, b = a.numpy().astype("float64"), b.numpy()
            least = max(1e-6 * np.abs(b).max(initial=0), 1e-37)  # of sums that cancel
            if not np.isfinite(b.astype("float32")).all() or (name in VISIBLE and np.isnan(a).any()):
                continue
            assert np.all(np.abs(a - b) <= 1e-3 * np.abs(b) + least), (name, xs, a, b)


@pytest.mark.parametrize("name, f, n", OPERATIONS)
def test_derivatives_of_large_and_small_float32_are_those_of_float64(name, f, n):
    if name in INEXACT:
        return
    for scale, sign in itertools.product(SCALES, (1, -1)):
        xs = [(x * scale * s).astype("float32") for x, s in zip((NUMBERS, OTHERS)[:n], (sign, 1), strict=False)]
        _check(name, _gradient(f, n), _gradient(f, n), xs)


LARGE = ["logsumexp", "logaddexp", "logaddexp2", "softmax", "log_softmax", "sparsemax", "softplus", "norm", "normalize"]
LARGE += ["squareplus", "gelu", "arcsinh", "arctan2", "hypot", "std", "layer_normalization", "rms_normalization"]


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("native", [True, False])
def test_plans_have_the_same_derivatives(name, native, monkeypatch):
    f = getattr(ops, name)
    n = 2 if name in ("logaddexp", "logaddexp2", "arctan2", "hypot") else 1
    gradient = jit(_gradient(f, n)) if native else jit(_gradient(f, n), native=False)
    for scale in (1e-30, 1.0, 1e8, 1e20, 1e30):
        _check(name, gradient, _gradient(f, n), [(x * scale).astype("float32") for x in (NUMBERS, OTHERS)[:n]])


@pytest.mark.parametrize("scale", [1.0, 1e5, 1e8, 1e20, 1e30])
@pytest.mark.parametrize("f", [ops.logaddexp, ops.logaddexp2])
def test_equal_operands_share_at_any_size(f, scale):
    x = Tensor(np.float32(scale))
    assert [g.item() for g in autonet.grad(f, argnums=(0, 1))(x, x)] == [0.5, 0.5]
    pair = Tensor(np.array([scale, scale], "float32"))
    assert autonet.grad(ops.logsumexp)(pair).tolist() == [0.5, 0.5]


# NaN

DROPS_NAN = {  # and so they say
    *("nan_to_num", "fmax", "fmin", "nancumsum", "nancumprod", "nansum", "nanprod", "nanmax", "nanmin", "nanmean"),
    *("nanmedian", "nanstd", "nanvar", "nanquantile", "nanpercentile"),
    *("zeros_like", "ones_like", "full_like", "empty_like", "imag"),  # do not read the numbers
    *("select",),
}


def _holds(name, f, n, run):
    x = np.array([np.nan, 0.7, -0.3, 0.2], "float32")
    y = run(f)(*[Tensor(x), Tensor(np.array([0.5, 1.0, 2.0, 0.3], "float32"))][:n])
    return np.isnan(y.numpy()).any()


@pytest.mark.parametrize("name, f, n", [p for p in OPERATIONS if p.values[0] not in DROPS_NAN])
def test_nan_stays(name, f, n):
    with np.errstate(all="ignore"):
        assert _holds(name, f, n, lambda f: f)


THRESHOLDS = {
    "relu": ops.relu,
    "relu6": ops.relu6,
    "leaky_relu": ops.leaky_relu,
    "elu": ops.elu,
    "threshold": lambda x: ops.threshold(x, 0.1, 2.0),
    "hard_shrink": ops.hard_shrink,
    "soft_shrink": ops.soft_shrink,
    "clip": lambda x: ops.clip(x, 0.0, 1.0),
    "maximum": lambda x: ops.maximum(x, 0.0),
    "minimum": lambda x: ops.minimum(0.0, x),
    "hard_tanh": ops.hard_tanh,
    "hard_sigmoid": ops.hard_sigmoid,
    "sparse_plus": ops.sparse_plus,
    "sparsemax": ops.sparsemax,
    "relu above a threshold": lambda x: activations.relu(x, threshold=0.1, max_value=3.0),
    "max": ops.max,
    "sign": ops.sign,
}


@pytest.mark.parametrize("name", list(THRESHOLDS))
@pytest.mark.parametrize("way", ["eager", "native", "numpy"])
def test_thresholds_keep_nan(name, way):
    runs = {"eager": lambda f: f, "native": jit, "numpy": lambda f: jit(f, native=False)}
    with np.errstate(all="ignore"):
        for size in (1, 2000):  # large arrays may take another path
            long = lambda x, f=THRESHOLDS[name], size=size: f(ops.tile(x, size))
            assert _holds(name, long, 1, runs[way])
