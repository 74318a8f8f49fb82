"""Numbers near the ends of float32, infinities and NaN go the same ways in native plans as in NumPy's."""

import random as python_random
import warnings

import numpy as np
import pytest
from hypothesis import Phase, given
from hypothesis import strategies as st

from autonet import gradients, jit, ops, optimizers
from autonet.common import trees
from autonet.compiler.facts import facts
from autonet.compiler.passes.fuse import Loop
from autonet.compiler.passes.pipeline import lower, optimize
from autonet.core.tensor import wrap
from autonet.errors import DataError
from autonet.variable import Variable
from tests.compiler.numpy.test_plan import plain, with_gradients
from tests.compiler.programs import captured, native_plan, needs_compiler, numpy_plan, quiet
from tests.ops.test_gradients import ROWS
from tests.share import share

pytestmark = needs_compiler

EXTREMES = (1e-38, 1e-20, 1e20, 1e30, -1e30, np.inf, -np.inf, np.nan, 0.0, -0.0)
WAYS = ("all", "one", "scaled")
# A fused product and sum may pass over an infinity of the product alone: then inf and NaN are not told apart.
PRODUCTS = {"matmul", "convolve", "convolve_input", "convolve_kernel", "attend", "attend_vjp"}
DIFFERENCES = {"batch_normalize", "batch_normalize_vjp", "attend", "attend_vjp"}  # what remains is rounding


def replaced(x, extreme, how, place):
    """`x` with an extreme number in all places or in one, or times it."""
    if how == "scaled" and np.isfinite(extreme):
        with np.errstate(all="ignore"):
            return x * np.float32(extreme)
    y = x.copy()
    y.reshape(-1)[slice(None) if how == "all" else place % x.size] = extreme
    return y


def apart(ours, theirs, used, operands):
    """Where two results are of other kinds, or differ by more than rounding; None if they agree."""
    if theirs.dtype.kind != "f":
        return None if np.array_equal(ours, theirs) else f"{ours} is not {theirs}"
    both = np.isfinite(ours) & np.isfinite(theirs)
    if used & PRODUCTS:
        alike = both | (~np.isfinite(ours) & ~np.isfinite(theirs))
    else:
        alike = both | (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    top = float(np.max(np.abs(theirs), initial=1e-37, where=both))
    if used & DIFFERENCES:
        top = max([top, *[float(np.max(np.abs(x), initial=0, where=np.isfinite(x))) for x in operands]])
    alike &= ~both | (np.abs(ours.astype(float) - theirs) <= 2e-4 * top)
    return None if alike.all() else f"{ours[~alike][:3]} is not {theirs[~alike][:3]}"


def native_part(f, xs):
    """The operations of a lowered program, None if one of them is NumPy's own."""
    program, _ = captured(f, *xs)
    used = set()
    for i in lower(optimize(program)).instructions:
        if not (isinstance(i, Loop) or facts(i).c_kernel or facts(i).view):
            return None
        used.add(i.op)
    return used


def accepts(f, xs, k):
    """Whether the operand k may have any number: labels may not."""
    try:
        for extreme in EXTREMES:
            f(*[np.full_like(x, extreme) if i == k else x for i, x in enumerate(xs)])
    except DataError:
        return False
    return True


def _groups(size=30):
    names = [name for name in ROWS if name != "bits_as"]  # which is for float64
    python_random.Random(2).shuffle(names)
    return [names[k : k + size] for k in range(0, len(names), size)]


@pytest.mark.parametrize("names", _groups(), ids=lambda names: f"{names[0]}+{len(names) - 1}")
@share(1 / 15, phases=[Phase.generate])
@given(data=st.data())
def test_extremes_go_the_same_ways(names, data):
    rows = []
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            call = data.draw(ROWS[name].calls())
            xs = [x.astype(np.float32) if x.dtype == np.float64 else x for x in call.xs]
            places = [k for k, x in enumerate(xs) if x.dtype == np.float32 and x.size]
            f = with_gradients(call, ROWS[name].zero)
            if places and (used := native_part(f, xs)) is not None:
                if "bounded" in used:
                    places = [k for k in places if accepts(f, xs, k)]
                if places:
                    rows.append((name, f, xs, places, used))
        if not rows:
            return
        check(rows, data.draw(st.integers(0, 1000)))


def check(rows, place):
    """All rows in one program, an extreme number in one operand of each at a time."""
    told = []

    def f(*given):
        results, k = [], 0
        for n, (_, part, xs, _, _) in enumerate(rows):
            made = trees.flatten(part(*given[k : k + len(xs)]))
            told.extend([n] * len(made))
            results += made
            k += len(xs)
        return results

    flat = [x for _, _, xs, _, _ in rows for x in xs]
    program, eager = captured(f, *flat)
    del told[len(eager) :]
    native, reference = native_plan(program), numpy_plan(program)
    for turn in range(max(len(row[3]) for row in rows)):
        for extreme in EXTREMES:
            for how in WAYS:
                given = []
                for _, _, xs, places, _ in rows:
                    at = places[turn % len(places)]
                    given.append([replaced(x, extreme, how, place) if k == at else x for k, x in enumerate(xs)])
                whole = [x for xs in given for x in xs]
                theirs = [np.array(y) for y in reference.run([x.copy() for x in whole])]
                ours = [np.array(y) for y in native.run([x.copy() for x in whole])]
                for n, a, b in zip(told, ours, theirs, strict=True):
                    name, _, _, places, used = rows[n]
                    difference = apart(a, b, used, given[n])
                    assert difference is None, (
                        f"{name}, operand {places[turn % len(places)]} {how} {extreme}: {difference}"
                    )


@pytest.mark.parametrize("shape", [(300, 5), (5000, 40), (3, 700)], ids=str)
@pytest.mark.parametrize("extreme", [x for x in EXTREMES if x])
def test_batch_normalization_of_many_rows(shape, extreme):
    """Blocks of rows, and pieces of them for the threads, are joined."""
    one = np.linspace(0.5, 1.5, shape[1], dtype=np.float32)
    program, _ = captured(lambda x: ops.batch_normalize(x, one, one * 0.25, axis=-1, epsilon=1e-3), plain(*shape))
    native, reference = native_plan(program), numpy_plan(program)
    for how in WAYS:
        x = replaced(plain(*shape), extreme, how, 17)
        with np.errstate(all="ignore"):
            for a, b in zip(native.run([x.copy()]), reference.run([x.copy()]), strict=True):
                if how == "all":  # what is left of equal numbers is rounding, which may be large
                    assert np.array_equal(np.isfinite(a), np.isfinite(b)) and np.array_equal(np.isnan(a), np.isnan(b))
                else:
                    assert apart(np.array(a), np.array(b), {"batch_normalize"}, [x]) is None


GEOMETRIES = [
    {"padding": "same"},
    {"padding": "valid"},
    {"padding": "same", "strides": 2},
    {"padding": "valid", "strides": (2, 1)},
    {"padding": "same", "dilation_rate": 2},
]


@pytest.mark.parametrize("channels", [1, 3, 20])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("op", ["conv", "depthwise_conv", "conv_transpose"])
def test_convolutions_of_what_is_not_finite(op, geometry, channels):
    """Infinite or NaN images, kernels and cotangents: native and NumPy's results are of one kind at the same places.

    Beside the image there are zeros where windows are taken up, and nothing where they are laid down.
    """
    if (op == "depthwise_conv" and geometry.get("strides") == (2, 1)) or (
        op == "conv_transpose" and "dilation_rate" in geometry
    ):
        return  # which these do not take

    def f(x, kernel, g):
        y, pullback = gradients.vjp(lambda x, kernel: getattr(ops, op)(x, kernel, **geometry), x, kernel)
        return [y, *pullback(g)]

    shape = {"conv": (channels, 4), "depthwise_conv": (channels, 2), "conv_transpose": (4, channels)}[op]
    x, kernel = plain(3, 9, 8, channels), plain(3, 3, *shape, seed=1)
    g = plain(*getattr(ops, op)(x, kernel, **geometry).shape, seed=2)
    program, _ = captured(f, x, kernel, g)
    native, reference = native_plan(program), numpy_plan(program)
    for extreme in (np.inf, -np.inf, np.nan):
        for place in (0, 5, -1):
            for which in range(3):
                arrays = [x, kernel, g]
                arrays[which] = replaced(arrays[which], extreme, "one", place)
                with np.errstate(all="ignore"):
                    results = zip(native.run(list(arrays)), reference.run(list(arrays)), strict=True)
                    for a, b in [(np.array(a), np.array(b)) for a, b in results]:
                        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
                        finite = np.isfinite(b)
                        np.testing.assert_array_equal(a[~finite], b[~finite])
                        assert np.allclose(a[finite], b[finite], rtol=1e-4, atol=1e-4)


CLASSES = {n: c for n, c in vars(optimizers).items() if isinstance(c, type) and issubclass(c, optimizers.Optimizer)}
NAMES = [  # those that step by gradients; the others search, by values of a loss
    name
    for name in sorted(CLASSES.keys() - {"LossScaleOptimizer", "MultiOptimizer", "Optimizer"})
    if not CLASSES[name].needs_function
]


def steps(name, extreme, which, monkeypatch, native):
    """What one update leaves of a weight and its slots, after one of ordinary numbers, for each way to place an extreme."""
    monkeypatch.setenv("AUTONET_NATIVE", str(int(native)))
    w = Variable(plain(40, 30))
    optimizer = getattr(optimizers, name)(0.1)
    optimizer.build([w])
    update = jit(lambda g: optimizer.apply([g], [w]))
    start = [v.numpy() for v in optimizer.variables]
    for how in (None, "all", "one"):
        for v, value in zip(optimizer.variables, start, strict=True):
            v.assign(value)
        w.assign(plain(40, 30))
        update(wrap(plain(40, 30, seed=1)))
        g = plain(40, 30, seed=2)
        if how is not None:
            if which == "w":
                w.assign(replaced(w.numpy(), extreme, how, 17))
            else:
                g = replaced(g, extreme, how, 17)
        update(wrap(g))
        yield from [v.numpy() for v in (w, *optimizer.variables) if v.dtype == "float32"]


@pytest.mark.parametrize("which", ["w", "g"])
@pytest.mark.parametrize("name", NAMES)
def test_updates_of_extremes(name, which, monkeypatch):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for extreme in (1e-38, 1e20, 1e30, np.inf, np.nan):
            both = [steps(name, extreme, which, monkeypatch, native) for native in (True, False)]
            for ours, theirs in zip(*[list(part) for part in both], strict=True):
                assert apart(ours, theirs, set(), []) is None, extreme
