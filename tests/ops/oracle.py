"""Derivatives to third order of every primitive, held against Taylor coefficients of its values, which no rule makes.

    python -m tests.ops.oracle [--points 1000] [--only erf,matmul] [--seconds 600]

At a drawn point x, with random directions u and weights w, the first three derivatives of t -> <w, f(x + t u)> are asked of the
rules, and of the values alone:

- by Cauchy's integral over a circle in the complex plane where the body takes complex arrays and is analytic there (its Laurent
  coefficients of negative order vanish), which loses nothing to cancellation;
- else by interpolation at Chebyshev's points in extended precision (NumPy's longdouble), or in double;

each on two circles (or intervals), which have to agree with each other, ten times better than is asked of the rules, and with
the value at x itself. Asked of the rules is 1e-7, relative to the largest of the three, terms added without their signs. Tensors
of derivatives that differ agree along random directions with probability zero, so these are full Jacobians. Points on kinks are
not drawn (`test_kinks.py` has their table); a primitive for which there is no oracle fails. One line of figures.
"""

import argparse
import collections
import sys
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

import tests.conftest  # noqa: F401 (the profile by which tests draw)
from autonet import gradients, ops
from autonet.common import trees
from autonet.core import PRIMITIVES, Tensor
from autonet.core.state import no_grad
from tests.ops import test_gradients as table
from tests.ops.cases import Call, Case

ORDERS = 3
RTOL = 1e-7
CIRCLE, DEGREE = 32, 14
ROUND = 100  # points of each primitive, before the next hundred of each
RADII = {"complex": (0.04, 0.02, 0.005), "longdouble": (0.04, 0.02, 0.01), "float64": (0.3, 0.2, 0.1, 0.04, 0.02)}


def differentiable(name: str) -> bool:
    """Whether a primitive has a derivative that is not zero everywhere."""
    p = PRIMITIVES[name]
    return bool(p.joint or any(p.rules.values()) or p.pull.__module__.startswith("autonet.ops."))


DIFFERENTIABLE = {name for name in table.KNOWN if differentiable(name)}


class Line(NamedTuple):
    """The numbers f(x + t u), weighed by w: at t an array of times of any dtype, a row for each."""

    call: Call
    us: list
    ws: list
    body: Callable | None  # of the primitive alone, for dtypes that Tensors do not have

    def values(self, ts: np.ndarray) -> np.ndarray:
        """Shape (times, terms)."""
        rows = []
        for t in ts:
            xs = list(self.call.xs)
            for i, u in zip(self.call.smooth, self.us, strict=True):
                xs[i] = xs[i].astype(ts.dtype) + t * u.astype(ts.dtype)
            if ts.dtype == np.float64:
                with no_grad():
                    ys = trees.flatten(self.call.f(*xs))
            elif self.body is None:
                raise TypeError
            else:
                ys = self.body(*xs, **self.call.settings)
                ys = ys if isinstance(ys, tuple) else (ys,)
            ys = [np.asarray(y) for y in ys]
            parts = [y for y in ys if y.dtype.kind in "fc"]
            if ts.dtype != np.float64 and any(y.dtype != ts.dtype for y in parts):
                raise TypeError
            if ts.dtype == np.longdouble and all(np.array_equal(y, y.astype(np.float64)) for y in parts):
                raise TypeError  # what it computed with inside was float64
            rows.append(np.concatenate([np.ravel(w * y) for w, y in zip(self.ws, parts, strict=True)]))
        return np.array(rows)


def circle(line: Line, radius: float) -> np.ndarray:
    """Derivatives 1 to ORDERS of each term, by Cauchy's integral. Raises: TypeError where the body is not analytic."""
    turns = np.exp(2j * np.pi * np.arange(CIRCLE) / CIRCLE)
    coefficients = np.fft.fft(line.values(radius * turns), axis=0) / CIRCLE
    size = np.max(np.abs(coefficients), initial=1e-30)
    if not np.all(np.abs(coefficients[CIRCLE // 2 :]) <= 1e-13 * size):
        raise TypeError
    factorials = np.cumprod(np.arange(1, ORDERS + 1))[:, None]
    powers = radius ** np.arange(1.0, ORDERS + 1)[:, None]
    _meets(line, coefficients[0].real)
    return (coefficients[1 : ORDERS + 1] * factorials / powers).real


def _meets(line: Line, values: np.ndarray) -> None:
    """Whether a body that was given other numbers computed the same. Raises: TypeError if not."""
    if not np.allclose(values.astype(np.float64), line.values(np.zeros(1))[0], rtol=1e-9, atol=1e-9):
        raise TypeError


def interval(line: Line, radius: float, dtype: type) -> np.ndarray:
    """Likewise by interpolation at Chebyshev's points in [-radius, radius]."""
    n = DEGREE + 1
    angles = np.pi * (np.arange(n, dtype=dtype) + dtype(0.5)) / n
    values = line.values(dtype(radius) * np.cos(angles))
    basis = np.cos(np.arange(n, dtype=dtype)[:, None] * angles) * dtype(2) / n
    coefficients = basis @ values
    coefficients[0] /= 2
    _meets(line, chebyshev.chebval(0.0, coefficients))
    found = [chebyshev.chebval(0.0, chebyshev.chebder(coefficients, k)) / radius**k for k in range(1, ORDERS + 1)]
    return np.array(found, dtype=np.float64)


METHODS = {
    "complex": circle,
    "longdouble": lambda line, radius: interval(line, radius, np.longdouble),
    "float64": lambda line, radius: interval(line, radius, np.float64),
}


class Oracle(NamedTuple):
    """What values alone say: sums of the terms' derivatives, their sizes, which orders are known, and how."""

    derivatives: np.ndarray
    sizes: np.ndarray
    known: np.ndarray
    how: str


def ask(line: Line) -> Oracle | None:
    """The derivatives by the first method that agrees with itself, or None; fewer orders only where no method knows more."""
    best = None
    for how, method in METHODS.items():
        previous = None
        for radius in RADII[how]:
            try:
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("error", np.exceptions.ComplexWarning)
                    found = method(line, radius)
            except Exception:  # of whatever kind: the body has no such numbers, or leaves its domain
                previous = None
                continue
            if previous is not None:
                sizes = np.full(ORDERS, max(float(np.abs(found).sum(axis=1).max()), 1e-30))
                apart = np.abs(found - previous).sum(axis=1)
                known = apart <= 0.1 * RTOL * sizes
                if known[0] and (best is None or known.sum() > best.known.sum()):
                    best = Oracle(found.sum(axis=1), sizes, known, how)
                    if known.all():
                        return best
            previous = found
    return best


def by_rules(line: Line, orders: int) -> np.ndarray:
    """The same derivatives by autonet's rules: of a function of the one number t."""
    f = table.only(line.call)
    starts = [line.call.xs[i] for i in line.call.smooth]

    def along(t):
        ys = f(*[x + t * u for x, u in zip(starts, line.us, strict=True)])
        return sum([ops.sum(w * y) for w, y in zip(line.ws, ys, strict=True)])

    found: list[Tensor] = []

    def noting(g):
        def noted(t):
            slope = g(t)
            found.append(ops.stop_gradient(slope))
            return slope

        return noted

    g = along
    for _ in range(orders):
        g = noting(gradients.grad(g))
    g(np.float64(0.0))  # which asks for the lower ones on its way
    return np.array([float(slope) for slope in found])


def line_of(case: Case, call: Call, rng: np.random.Generator) -> Line:
    """Random directions and weights at a call's point."""
    us = [rng.standard_normal(call.xs[i].shape) for i in call.smooth]
    us = [u / max(1.0, float(np.max(np.abs(u), initial=0.0))) for u in us]
    with no_grad():
        ws = [rng.standard_normal(y.shape) for y in table.only(call)(*[call.xs[i] for i in call.smooth])]
    own = PRIMITIVES.get(case.name)
    return Line(call, us, ws, own.body if case.op is own else None)


def judge(case: Case, call: Call, rng: np.random.Generator) -> tuple[str, str]:
    """How the oracle was asked ("" if it does not know), with the orders it knows, and what is wrong ("" if nothing is)."""
    line = line_of(case, call, rng)
    oracle = ask(line)
    if oracle is None:
        return "", ""
    orders = int(np.flatnonzero(oracle.known)[-1]) + 1
    with np.errstate(all="ignore"):
        ours = by_rules(line, orders)
    apart = np.abs(ours - oracle.derivatives[:orders]) / oracle.sizes[:orders]
    wrong = oracle.known[:orders] & ~(apart <= RTOL)
    if not wrong.any():
        return f"{oracle.how} {oracle.known.sum()}", ""
    k = int(np.flatnonzero(wrong)[0])
    shapes = [x.shape for x in call.xs]
    return oracle.how, (
        f"{case.name} of {shapes} {call.settings}: derivative {k + 1} is {ours[k]!r} by the rules and "
        f"{oracle.derivatives[k]!r} by {oracle.how} values, {apart[k]:.1e} apart"
    )


def points(case: Case, count: int, seed: int) -> list[Call]:
    """So many calls of a row that have something to differentiate: what it lists, again and again with other numbers."""
    found: list[Call] = []
    for turn in range(count):
        calls = [c for c in case.listed(seed=seed + turn) if c.smooth and sum(c.xs[i].size for i in c.smooth)]
        found += calls
        if not calls or len(found) >= count:
            break
    return found[:count]


def rows() -> dict[str, list[Case]]:
    """The rows of each primitive that has derivatives."""
    found: dict[str, list[Case]] = {name: [] for name in sorted(DIFFERENTIABLE)}
    for case in table.SMOOTH.values():
        if case.name in found:
            found[case.name].append(case)
    return found


def main() -> int:
    """Ask, and print what is wrong and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1000, help="for each primitive, over its rows")
    parser.add_argument("--after", type=int, default=0, help="points of each that another run has asked")
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=1e9)
    options = parser.parse_args()
    chosen = {name: cases for name, cases in rows().items() if not options.only or name in options.only.split(",")}
    began, asked, lies = time.monotonic(), 0, 0
    hows = {name: collections.Counter[str]() for name in chosen}
    for turn in range(options.after // ROUND, -(-options.points // ROUND)):
        for name, cases in chosen.items():
            most = min(ROUND, options.points - turn * ROUND)
            for case in cases:
                rng = np.random.default_rng((5, turn))
                for call in points(case, -(-most // len(cases)), 1000 * (turn + 1)):
                    if time.monotonic() - began > options.seconds:
                        break
                    how, wrong = judge(case, call, rng)
                    hows[name][how] += 1
                    asked += 1
                    if wrong:
                        lies += 1
                        print(wrong, flush=True)
    for name, mine in hows.items():
        print(f"{name}: {dict(mine)}", flush=True)
    without = [name for name, mine in hows.items() if not any(mine[how] for how in mine if how)]
    total = sum(hows.values(), collections.Counter())
    print(f"{asked} points of {len(chosen)} primitives, {lies} lies; by {dict(total)}; without an oracle: {without}")
    return bool(lies or without)


if __name__ == "__main__":
    sys.exit(main())
