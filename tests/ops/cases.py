"""Rows of the table of gradient checks: an op beside the domain where it is smooth.

    CASES = {
        "divide": Case(reals(-3, 3), reals(0.5, 3), numpy=np.divide),
        "logsumexp": Case(reals(-3, 3, min_dims=1), settings=axes("axis")),
        "where": Case(booleans(), reals(), reals(), numpy=np.where),
        "matmul": [Case(reals(), reals(), shapes=[((2, 3), (3, 4)), ((3,), (3,))])],
        "sign": Case(reals(away=(0,)), zero=True),
    }

A key is the name of a primitive (or any name, when the case brings its own `op`); the value is a case or a list of
them. `test_gradients.py` merges the tables of every room and asks each row the same questions. The shapes, layouts and
settings come from hypothesis and shrink; the numbers come from one drawn seed, so that they stay in the domain.

Operands arrive as float64 arrays that broadcast together, 0-d and empty ones included, sometimes transposed, reversed,
strided or with stride zero, and always read-only: an op that writes into its inputs fails at once.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autonet import core, gradients
from autonet.common import trees
from autonet.core.primitive import PRIMITIVES

LAYOUTS = ("plain", "transposed", "reversed", "strided", "repeated")


@dataclasses.dataclass(frozen=True)
class Domain:
    """Where one operand's numbers come from: uniform in [low, high], or whatever `make(shape, rng)` builds.

    `away` lists the kinks (no number comes closer than `margin` to one), `apart` keeps all numbers of the array apart
    from each other, for max and sort. An operand that is not `smooth` (indices, masks) is not differentiated.
    """

    low: float = -3.0
    high: float = 3.0
    away: tuple = ()
    margin: float = 0.05
    apart: bool = False
    dtype: str = "float64"
    smooth: bool = True
    min_dims: int = 0
    max_dims: int = 3
    min_side: int = 0
    max_side: int = 4
    make: Callable | None = None

    def fill(self, shape, rng):
        """An array of this shape from this domain."""
        if self.make is not None:
            return np.asarray(self.make(shape, rng), self.dtype)
        if self.dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if not self.smooth:
            return rng.integers(int(self.low), int(self.high), shape).astype(self.dtype)
        size = int(np.prod(shape))
        if self.apart:  # one number in each of `size` equal intervals, shuffled
            x = (rng.permutation(size) + rng.uniform(0.25, 0.75, size)) / max(size, 1)
        else:
            x = rng.uniform(0, 1, size)
        x = self.low + (self.high - self.low) * x
        for kink in self.away:
            close = np.abs(x - kink) < self.margin
            x = np.where(close, kink + np.where(x < kink, -1, 1) * (self.margin + np.abs(x - kink)), x)
        return x.reshape(shape)


def reals(low: float = -3.0, high: float = 3.0, **common: Any) -> Domain:
    """Numbers in [low, high]; see Domain for `away`, `apart`, `min_dims`, `min_side` and the rest."""
    return Domain(low, high, **common)


def integers(low: int, high: int, **common: Any) -> Domain:
    """Whole numbers in [low, high), int32: indices, labels. Not differentiated."""
    return Domain(low, high, smooth=False, **{"dtype": "int32", **common})


def booleans(**common: Any) -> Domain:
    """True and False. Not differentiated."""
    return Domain(dtype="bool", smooth=False, **common)


def made(make: Callable, **common: Any) -> Domain:
    """Whatever `make(shape, rng)` returns: symmetric matrices, probabilities, permutations."""
    return Domain(make=make, **common)


class Call(NamedTuple):
    """One drawn call: `f(*xs)` has the settings filled in; `smooth` are the positions to differentiate."""

    f: Callable
    xs: list
    smooth: tuple
    settings: dict


class Case:
    """An op beside its smooth domain, and what else is known of it.

    Args (all but the domains by name):
        op: what is called, with the operands as positional arguments and the settings by name; by default the
            primitive that the row is named after.
        shapes: strategy, or list of choices, of one shape per domain; by default shapes that broadcast together.
        settings: a dictionary, a list of them to choose from, or a function from the shapes to such a list or strategy.
        numpy: function of the same arrays and settings that gives the same values (`value_rtol` apart).
        zero: the slope is zero everywhere (declared so): the gradients must be zeros, or there must be none.
        order: how many derivatives are compared with differences.
        rtol: allowed relative error of a slope, in units of the size of its terms.
        half: whether float32 operands must give float32 (turn off where the result's dtype is a setting).
        contiguous: only plain layouts (for an op that takes no others).
    """

    def __init__(
        self,
        *domains: Domain,
        op: Callable | None = None,
        shapes: Any = None,
        settings: Any = None,
        numpy: Callable | None = None,
        zero: bool = False,
        order: int = 2,
        rtol: float = 1e-5,
        value_rtol: float = 1e-12,
        half: bool = True,
        contiguous: bool = False,
    ):
        self.domains, self.op, self.shapes, self.settings = domains, op, shapes, settings
        self.numpy, self.zero, self.order, self.rtol = numpy, zero, order, rtol
        self.value_rtol, self.half, self.contiguous = value_rtol, half, contiguous
        self.name = ""

    def named(self, name: str) -> "Case":
        """Itself, knowing the row that it stands in."""
        self.name = name
        if self.op is None:
            self.op = PRIMITIVES[name]
        return self

    def __repr__(self) -> str:
        return f"<case {self.name}>"

    def calls(self):
        """Strategy of Call."""
        return _calls(self)

    def listed(self, most: int = 24, seed: int = 20) -> "list[Call]":
        """A call for each shape and each of the settings that the row lists, so that none waits for being drawn."""
        rng = np.random.default_rng(seed)
        sides = (2, 3, 4)[: min((d.max_dims for d in self.domains), default=0)]
        shapes = [(sides,) * len(self.domains)] if self.shapes is None else list(self.shapes)
        known = [(some, self._settings(some)) for some in shapes]
        calls = []
        for k in range(min(most, sum(len(settings) for _, settings in known))):
            some, settings = known[k % len(known)]
            if settings:  # the next one each time, and another one for each shape when all have had their turn
                n = len(settings)
                calls.append(self.call(some, settings[(k + k // n) % n], rng))
        return calls

    def _settings(self, shapes: tuple) -> list[dict]:
        settings = self.settings(*shapes) if callable(self.settings) else self.settings or {}
        if isinstance(settings, st.SearchStrategy):
            return []  # too many to list
        settings = [settings] if isinstance(settings, dict) else list(settings)
        return [settings[k] for k in np.random.default_rng(22).permutation(len(settings))]

    def call(self, shapes: tuple, settings: dict, rng: np.random.Generator, layouts: Any = None) -> Call:
        """A call on operands of such shapes; `layouts` gives that of each domain (by default "plain")."""
        domains = self.domains if len(self.domains) == len(shapes) else self.domains[:1] * len(shapes)  # variadic
        xs = []
        for domain, shape in zip(domains, shapes, strict=True):
            layout = "plain" if layouts is None else layouts()
            if layout == "repeated" and (domain.apart or domain.make or not domain.smooth):
                layout = "plain"
            xs.append(laid_out(domain.fill(tuple(shape), rng), layout))
        smooth = tuple(i for i, domain in enumerate(domains) if domain.smooth)
        return Call(functools.partial(self.op, **settings), xs, smooth, settings)


@st.composite
def _calls(draw, case):
    shapes = draw(_choices(case.shapes)) if case.shapes is not None else draw(_broadcastable(case.domains))
    shapes = tuple(tuple(shape) for shape in shapes)
    settings = case.settings
    if callable(settings):
        settings = settings(*shapes)
    settings = draw(_choices(settings)) if settings is not None else {}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    layouts = st.sampled_from(LAYOUTS[:1] if case.contiguous else LAYOUTS)
    return case.call(shapes, settings, rng, lambda: draw(layouts))


def _choices(choices):
    if isinstance(choices, st.SearchStrategy):
        return choices
    if isinstance(choices, dict):
        return st.just(choices)
    return st.sampled_from(list(choices))


def _broadcastable(domains):
    """Strategy of shapes, one per domain, that broadcast together."""
    low = max((d.min_dims for d in domains), default=0)
    high = max(low, min((d.max_dims for d in domains), default=0))
    sides = {
        "min_side": max((d.min_side for d in domains), default=0),
        "max_side": min((d.max_side for d in domains), default=1),
    }
    if not domains:
        return st.just(())
    if len(domains) == 1:
        return st.tuples(hnp.array_shapes(min_dims=low, max_dims=high, **sides))
    together = hnp.mutually_broadcastable_shapes(num_shapes=len(domains), min_dims=low, max_dims=high, **sides)
    return together.map(lambda found: found.input_shapes)


def laid_out(x: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers in memory of another order ("repeated": the first row everywhere, by stride zero); read-only."""
    if layout == "transposed" and x.ndim:
        x = np.asfortranarray(x)
    elif layout == "reversed" and x.ndim:
        x = np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    elif layout == "strided" and x.ndim:
        wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.asarray(77).astype(x.dtype))
        wide[..., ::2] = x
        x = wide[..., ::2]
    elif layout == "repeated" and x.ndim and x.shape[0]:
        x = np.broadcast_to(x[:1], x.shape)
    x = x.view()
    x.flags.writeable = False
    return x


def axes(*names: str, tuples: bool = False, none: bool = False, extra: dict | None = None) -> Callable:
    """For `settings=`: every axis of the first operand, negative ones too; for pairs of axes with `tuples`."""

    def choose(shape, *_):
        ndim = len(shape)
        options: list = [*range(-ndim, ndim)]
        if tuples:
            options += [(i, j - ndim) for i in range(ndim) for j in range(ndim) if i != j]
        if none or not options:
            options.append(None)
        known = {**dict.fromkeys(names, options), **(extra or {})}
        return [dict(zip(known, chosen, strict=True)) for chosen in itertools.product(*known.values())]

    return choose


# ---------------------------------------------------------------------------------------------------------------------
# Questions


def smooth_results(f: Callable) -> Callable:
    """The same function, giving the tuple of its float results."""

    @functools.wraps(f, assigned=())
    def results(*xs):
        y = f(*xs)
        return tuple(part for part in trees.flatten(y) if np.issubdtype(part.dtype, np.floating))

    return results


def inner(xs, ys) -> float:
    """Sum of all products."""
    return float(sum(np.sum(np.asarray(x, "float64") * np.asarray(y, "float64")) for x, y in zip(xs, ys, strict=True)))


def check_vjp(f: Callable, xs: list, rng, order: int = 2, h: float = 1e-5, rtol: float = 1e-5) -> None:
    """<vjp(g), u> is the central difference of <g, f> along u; then the same of the vjp, as a function of xs and g.

    `f` gives a tuple. The error is measured against the size of the terms that were added.
    """
    xs = [np.asarray(x) for x in xs]
    us = [rng.standard_normal(x.shape) for x in xs]
    y = f(*xs)
    gs = [rng.standard_normal(part.shape) for part in y]
    ahead, behind = (
        [np.asarray(part) for part in f(*[x + s * u for x, u in zip(xs, us, strict=True)])] for s in (h, -h)
    )
    terms = [g * (b - a) / (2 * h) for g, b, a in zip(gs, ahead, behind, strict=True)]
    slope = float(sum(np.sum(term) for term in terms))
    cotangents = gradients.vjp(f, *xs)[1](tuple(core.convert_to_tensor(g) for g in gs))
    for x, cotangent in zip(xs, cotangents, strict=True):
        assert cotangent.shape == x.shape, f"gradient of shape {cotangent.shape} for an operand of shape {x.shape}"
    found = inner(cotangents, us)
    size = 1 + sum(float(np.sum(np.abs(term))) for term in terms)
    assert abs(found - slope) <= rtol * size, f"slope {found!r}, by differences {slope!r} (order left: {order})"
    if order > 1:
        n = len(xs)

        def pulled(*xs_and_gs):
            return gradients.vjp(f, *xs_and_gs[:n])[1](tuple(xs_and_gs[n:]))

        check_vjp(pulled, [*xs, *gs], rng, order - 1, h, rtol * 10)


def same_derivatives(f: Callable, reference: Callable, xs: list, rng, order: int = 3, rtol: float = 1e-9) -> None:
    """Values, and derivatives up to `order`, of two functions agree: a large primitive against its composition."""
    for left, right in zip(trees.flatten(f(*xs)), trees.flatten(reference(*xs)), strict=True):
        np.testing.assert_allclose(np.asarray(left), np.asarray(right), rtol=rtol, atol=rtol)
    if order == 0:
        return
    n = len(xs)
    gs = [rng.standard_normal(y.shape) for y in smooth_results(f)(*xs)]

    def pull(function):
        return lambda *both: gradients.vjp(smooth_results(function), *both[:n])[1](tuple(both[n:]))

    same_derivatives(pull(f), pull(reference), [*xs, *gs], rng, order - 1, rtol * 10)


def merged(*tables: dict) -> dict:
    """Rows of several tables as one dictionary from "name" or "name-0", "name-1", ... to Case."""
    rows: dict = {}
    for table in tables:
        for name, cases in table.items():
            cases = cases if isinstance(cases, list) else [cases]
            for i, case in enumerate(cases):
                key = name if len(cases) == 1 else f"{name}-{i}"
                if key in rows:
                    raise KeyError(f"two rows are named {key!r}")
                rows[key] = case.named(name)
    return rows
