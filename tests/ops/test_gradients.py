"""One table over every primitive: its slopes against differences, and the manners that all of them share.

The rows stand beside the other tests of each room, in dictionaries CASES; see `cases.py`.
"""

import importlib
import pathlib
import pkgutil
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet
from autonet import gradients
from autonet.common import trees
from autonet.core import PRIMITIVES, Tensor, backward, calls
from autonet.core.state import Observer, state
from autonet.core.tensor import convert_to_tensor
from tests.ops.cases import Case, check_vjp, merged, smooth_results
from tests.share import share

TESTS = pathlib.Path(__file__).resolve().parents[1]


def _tables():
    """Every CASES of a test module."""
    for path in sorted(TESTS.glob("**/test_*.py")):
        if re.search(r"^CASES\b", path.read_text(encoding="utf-8"), re.MULTILINE):
            name = ".".join(["tests", *path.relative_to(TESTS).with_suffix("").parts])
            table = importlib.import_module(name).CASES
            if isinstance(table, dict) and all(isinstance(row, (Case, list)) for row in table.values()):
                yield table


def _known():
    """Names of the primitives of the package, all of whose modules are imported first."""
    for module in pkgutil.walk_packages(autonet.__path__, "autonet."):
        if not module.name.endswith("__main__") and ".annexes" not in module.name:
            importlib.import_module(module.name)
    own = {name: p.__module__ for name, p in PRIMITIVES.items() if p.__module__.startswith("autonet.")}
    return {name for name, module in own.items() if ".annexes" not in module}


KNOWN = _known()  # before the tables: a row finds its primitive by name
ROWS = merged(*_tables())
SMOOTH = {name: case for name, case in ROWS.items() if not case.zero}
every_row = pytest.mark.parametrize("case", ROWS.values(), ids=list(ROWS))


def test_every_primitive_has_a_row():
    rows = {case.name for case in ROWS.values()}
    assert sorted(KNOWN - rows) == [], "primitives without a row in any CASES"


@pytest.mark.parametrize("case", SMOOTH.values(), ids=list(SMOOTH))
@share(2 / 3)
@given(data=st.data())
def test_gradient_is_the_slope(case, data):
    call = data.draw(case.calls())
    if not call.smooth:
        return
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    f = only(call)
    check_vjp(f, [call.xs[i] for i in call.smooth], rng, case.order, rtol=case.rtol)


@pytest.mark.parametrize("case", SMOOTH.values(), ids=list(SMOOTH))
def test_gradient_of_all_that_a_row_lists(case):
    rng = np.random.default_rng(21)
    for call in case.listed():
        if call.smooth:
            check_vjp(only(call), [call.xs[i] for i in call.smooth], rng, case.order, rtol=case.rtol)


@pytest.mark.parametrize("case", SMOOTH.values(), ids=list(SMOOTH))
def test_rules_give_the_same_bits_where_an_observer_looks(case):
    """Rules that look at values take another way while the compiler records, as a replay may meet other values."""
    rng = np.random.default_rng(23)
    for call in case.listed(6):
        if call.smooth:
            check_observed(only(call), [call.xs[i] for i in call.smooth], rng)


def check_observed(f, xs, rng):
    """The cotangents of operands, with and without an observer."""
    gs = tuple(rng.standard_normal(y.shape) for y in f(*xs))
    plain = gradients.vjp(f, *xs)[1](gs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "observer", Observer())
        observed = gradients.vjp(f, *xs)[1](gs)
    for a, b in zip(plain, observed, strict=True):
        np.testing.assert_array_equal(a, b)


@every_row
@share(2 / 3)
@given(data=st.data())
def test_values(case, data):
    """Inputs are not changed (they are read-only), memory order does not matter, NumPy agrees."""
    call = data.draw(case.calls())
    copies = [x.copy(order="C") for x in call.xs]
    results = [np.asarray(y) for y in trees.flatten(call.f(*call.xs))]
    for x, copy in zip(call.xs, copies, strict=True):
        np.testing.assert_array_equal(x, copy)
    for y, z in zip(results, trees.flatten(call.f(*copies)), strict=True):
        np.testing.assert_allclose(y, np.asarray(z), rtol=case.value_rtol, atol=case.value_rtol)
    if case.numpy is not None:
        expected = trees.flatten(case.numpy(*copies, **call.settings))
        for y, z in zip(results, expected, strict=True):
            assert y.shape == np.shape(z)
            np.testing.assert_allclose(y, z, rtol=case.value_rtol, atol=case.value_rtol)


@every_row
@share(1 / 3)
@given(data=st.data())
def test_float32_stays_float32(case, data):
    if not case.half:
        return
    call = data.draw(case.calls())
    xs = [x.astype(np.float32) if x.dtype == np.float64 else x for x in call.xs]
    call = call._replace(xs=xs)
    for y in trees.flatten(call.f(*xs)):
        assert y.dtype != np.float64, f"float32 operands gave {y.dtype}"
    if call.smooth and not case.zero:
        outputs, pullback = gradients.vjp(only(call), *[xs[i] for i in call.smooth])
        for g in pullback(outputs):
            assert g.dtype == np.float32, f"float32 operands have a gradient of {g.dtype}"


FLAT = {name: case for name, case in ROWS.items() if case.zero}


@pytest.mark.parametrize("case", FLAT.values(), ids=list(FLAT))
@given(data=st.data())
def test_zero_slope(case, data):
    """What is declared flat carries no record, or a gradient of zeros."""
    call = data.draw(case.calls())
    xs = [Tensor(x, requires_grad=i in call.smooth) for i, x in enumerate(call.xs)]
    for y in trees.flatten(call.f(*xs)):
        if y.requires_grad:
            y.backward(np.ones(y.shape))
    for x in xs:
        assert x.grad is None or not np.any(np.asarray(x.grad))


def only(call):
    """The drawn call as a function of its smooth operands, giving its float results."""
    f = smooth_results(call.f)

    def of_smooth(*smooth):
        xs = list(call.xs)
        for i, x in zip(call.smooth, smooth, strict=True):
            xs[i] = x
        return f(*xs)

    return of_smooth


QUICK = {name for name, primitive in PRIMITIVES.items() if primitive.pull_on_arrays is not None}
BARE = {name: case for name, case in ROWS.items() if case.name in QUICK}


@pytest.mark.parametrize("case", BARE.values(), ids=list(BARE))
@share(1 / 2)
@given(data=st.data())
def test_rules_on_arrays_are_the_rules(case, data):
    """A walk at which nobody looks gives the bits of one that is made of primitives."""
    call = data.draw(case.calls())
    chance = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    for dtype in ("float64", "float32"):
        xs = [x.astype(dtype) if x.dtype == np.float64 else x for x in call.xs]
        y = Tensor(call.f(*xs))
        g = chance.standard_normal(y.shape).astype(dtype)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backward, "_pull", without_copies(backward._pull))
            bare = pulled(call, xs, g)
        with pytest.MonkeyPatch.context() as patch:
            for primitive in PRIMITIVES.values():
                patch.setattr(primitive, "pull_on_arrays", None)
            by_primitives = pulled(call, xs, g)
        for a, b in zip(bare, by_primitives, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def without_copies(pull):
    """The walk's `_pull`, in which no array becomes a Tensor by a copy: of another layout, which BLAS meets in other bits."""

    def watched(*given):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(calls, "convert_to_tensor", refuse_arrays)
            return pull(*given)

    return watched


def refuse_arrays(x, dtype=None):
    assert not (isinstance(x, np.ndarray) and x.ndim), f"an array of shape {x.shape} is copied"
    return convert_to_tensor(x, dtype)


def pulled(call, xs, g):
    """What `backward` leaves at the smooth operands."""
    leaves = [Tensor(x, requires_grad=i in call.smooth) for i, x in enumerate(xs)]
    call.f(*leaves).backward(g)
    return [np.asarray(leaves[i].grad) for i in call.smooth]
