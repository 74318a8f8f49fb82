"""Elementary functions of the runtime against the same in higher precision."""

import ctypes
import math
import time

import numpy as np
import pytest

from .support import at, compiled, every_float, needs_compiler, ulps

pytestmark = needs_compiler

UNARY = ("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus", "erf", "sign")
BINARY = ("pow", "max", "min", "copysign")
SOURCE = "".join(
    f"AN_EXPORT void {f}_{kind}(const {t} *restrict x, {t} *restrict y, int64_t n) "
    f"{{ for (int64_t i = 0; i < n; i++) y[i] = an_{f}_{kind}(x[i]); }}\n"
    for f in UNARY
    for t, kind in (("float", "f32"), ("double", "f64"))
) + "".join(
    f"AN_EXPORT void {f}_{kind}(const {t} *restrict x, const {t} *restrict z, {t} *restrict y, int64_t n) "
    f"{{ for (int64_t i = 0; i < n; i++) y[i] = an_{f}_{kind}(x[i], z[i]); }}\n"
    for f in BINARY
    for t, kind in (("float", "f32"), ("double", "f64"))
)


def run(name, *operands):
    kind = "f32" if operands[0].dtype == np.float32 else "f64"
    operands = [np.ascontiguousarray(x) for x in operands]
    y = np.empty_like(operands[0])
    types = [ctypes.c_void_p] * (len(operands) + 1) + [ctypes.c_int64]
    compiled(SOURCE).function(f"{name}_{kind}", None, *types)(*map(at, operands), at(y), y.size)
    return y


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.where(x > 0, x, 0) + np.log1p(np.exp(-np.abs(x)))


def erf(x):
    return np.array([math.erf(v) for v in x])


REFERENCE = {"exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "tanh": np.tanh, "sigmoid": sigmoid,
             "softplus": softplus, "erf": erf}  # fmt: skip
LIMIT = {
    "exp": 1.01,
    "expm1": 2.0,
    "log": 1.01,
    "log1p": 1.01,
    "tanh": 2.6,
    "sigmoid": 2.4,
    "softplus": 1.7,
    "erf": 1.3,
}


@pytest.mark.parametrize("name", REFERENCE)
def test_float32_over_all_bit_patterns(name):
    x = every_float(step=200_003 if name == "erf" else 9973)
    with np.errstate(all="ignore"):
        want = REFERENCE[name](x.astype(np.float64))
    if name == "softplus":
        want[np.isnan(x)] = np.nan
    assert ulps(run(name, x), want).max() <= LIMIT[name]


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60, reason="no long double to compare with")
@pytest.mark.parametrize("name", [name for name in REFERENCE if name != "erf"])
def test_float64(name):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2**64, 60_000, dtype=np.uint64).view(np.float64)
    near = [rng.uniform(-s, s, 30_000) for s in (2, 50, 750)] + [10 ** rng.uniform(-12, 12, 30_000)]
    special = [0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 709.78, 709.79, -745.1, -745.2, 1.79e308]
    x = np.concatenate([special, x, *near])
    with np.errstate(all="ignore"):
        want = REFERENCE[name](x.astype(np.longdouble))
        if name == "softplus":
            want[np.isnan(x)] = np.nan
        assert ulps(run(name, x), want).max() <= LIMIT[name]


@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh", "erf"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_signed_zero_stays(name, dtype):
    assert np.signbit(run(name, np.array([-0.0, 0.0], dtype))).tolist() == [True, False]


def test_powers_of_all_special_values():
    special = [
        0,
        -0.0,
        1,
        -1,
        np.inf,
        -np.inf,
        np.nan,
        0.5,
        -0.5,
        2,
        -2,
        3,
        -3,
        2.5,
        -2.5,
        1e-45,
        -1e-45,
        3e38,
        16777217,
        5e9,
    ]
    x, z = (a.ravel() for a in np.meshgrid(*[np.array(special, np.float32)] * 2))
    with np.errstate(all="ignore"):
        want = np.power(x.astype(np.float64), z.astype(np.float64)).astype(np.float32)
    got = run("pow", x, z)
    np.testing.assert_array_equal(got, want)
    assert (np.signbit(got) == np.signbit(want))[~np.isnan(want)].all()


def test_powers_are_correctly_rounded():
    rng = np.random.default_rng(2)
    x, z = np.exp(rng.normal(size=50_000) * 5).astype(np.float32), (rng.normal(size=50_000) * 5).astype(np.float32)
    with np.errstate(all="ignore"):
        assert ulps(run("pow", x, z), np.power(x.astype(np.float64), z.astype(np.float64))).max() < 0.501


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "reference"), [("max", np.maximum), ("min", np.minimum), ("copysign", np.copysign)])
def test_selections_are_numpys(name, reference, dtype):
    special = np.array([0, 1, -1, np.inf, -np.inf, np.nan, 2], dtype)
    x, z = (a.ravel() for a in np.meshgrid(special, special))
    np.testing.assert_array_equal(run(name, x, z), reference(x, z))


def test_arithmetic_has_numpys_bits():
    source = (
        "AN_EXPORT void chain(const float *restrict x, const float *restrict z, float *restrict y, int64_t n) "
        "{ for (int64_t i = 0; i < n; i++) y[i] = (x[i] * z[i] + x[i]) / (z[i] - x[i] * x[i]) - sqrtf(x[i] * x[i]); }"
    )
    rng = np.random.default_rng(3)
    x, z = rng.normal(size=(2, 4099)).astype(np.float32)
    y = np.empty_like(x)
    compiled(source).function("chain", None, *[ctypes.c_void_p] * 3, ctypes.c_int64)(at(x), at(z), at(y), x.size)
    np.testing.assert_array_equal(y, (x * z + x) / (z - x * x) - np.sqrt(x * x))


def test_signs_are_numpys():
    x = np.array([-0.0, 0.0, 3, -4, np.inf, -np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(run("sign", x), np.sign(x))


def test_chains_are_vectorised():
    """A chain of selects and functions costs what vectors cost, not what the same loop costs one number at a time."""
    body = "y[i] = an_tanh_f32(x[i] > 0 ? an_log1p_f32(x[i]) : an_softplus_f32(x[i])) * an_sigmoid_f32(x[i]);"
    barrier = '__asm__ volatile("" ::: "memory");'
    source = "".join(
        f"AN_EXPORT void {name}(const float *restrict x, float *restrict y, int64_t n) "
        f"{{ for (int64_t i = 0; i < n; i++) {{ {inside} }} }}\n"
        for name, inside in (("vectors", body), ("scalars", barrier + body))
    )
    x = np.linspace(-5, 5, 1 << 14, dtype=np.float32)
    y = np.empty_like(x)

    def seconds(name):
        f, best = compiled(source).function(name, None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64), math.inf
        for _ in range(20):
            start = time.perf_counter()
            f(at(x), at(y), x.size)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds("vectors") < 0.6 * seconds("scalars")
