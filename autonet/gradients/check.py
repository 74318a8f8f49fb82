"""check_gradients: the derivatives of any function, held against differences of its values."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.common.trees import flatten, flatten_with_path, pack
from autonet.core import backward as walk
from autonet.core.state import Context, enable_grad, no_grad
from autonet.core.tape import Leaf
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import ArgumentError, GradientError
from autonet.gradients.blame import explain
from autonet.gradients.functional import spread
from autonet.variable import Variable

STEPS = (1e-5, 1e-4, 1e-6, 1e-3, 1e-7)  # the first decides, unless it disagrees: curvature, kinks, rounding


@filters_traceback
def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    variables: Iterable[Variable] | None = None,
    argnums: int | Sequence[int] | None = None,
    rtol: float = 1e-5,
    atol: float = 0.0,
    elements: int = 64,
    directions: int = 2,
    seed: int = 0,
) -> None:
    """Compare the derivatives of `f` with central differences; return silently if all agree.

    Everything is worked out in float64: float arguments and Variables are given to f as float64, and nothing in between
    is narrowed. A Variable among the arguments, or in their lists, stays itself and is changed wherever f meets it, so f
    may call the layer that it belongs to. Each call of f starts from the same state (moving averages, generators of dropout masks), and all
    Variables are afterwards as they were.

    First f is compared along random directions through all operands together, which see every element, then element by
    element. A result of several numbers counts as their sum with fixed random weights. The second derivative
    is checked as the derivative of the gradient along a random direction.

    Where f has a kink (relu at 0, max of equals), the two one-sided derivatives differ however small the step; then any
    derivative between the two is accepted, and higher derivatives, which do not exist, are not compared. A kink closer than
    1e-7 to the point counts as lying on it.

    Args:
        f: a function of arrays, or of trees of them, or a layer or model, whose trainable weights are then checked too.
        args: its arguments. Floats and float Variables are differentiated, everything else is passed on as it is.
        order: 1 for the gradient, 2 for its derivative too, and so on.
        variables: Variables that f uses and that are to be checked too, or an object with `trainable_weights`.
        argnums: positions of the arguments to differentiate; by default all.
        rtol, atol: allowed error, relative to the derivative and absolute.
        elements: at most so many elements of each operand are compared one by one, chosen at random.
        directions: how many random directions are tried.
        seed: where the random choices start.

    Raises: GradientError that names the operand, the index, both numbers, and the operation (or `custom_gradient`
        function) whose rule is wrong, found by checking those that f applies one by one; ArgumentError if there is
        nothing to differentiate, or f does not depend on an operand.

    >>> check_gradients(lambda x: (x**3).sum(), np.array([1.0, 2.0]))
    """
    if variables is None and hasattr(f, "trainable_weights"):
        _build(f, args)
        variables = f  # type: ignore[assignment]
    chosen = list(getattr(variables, "trainable_weights", variables) or ())
    for v in chosen:
        if not isinstance(v, Variable) or v.dtype.kind != "f":
            raise ArgumentError(f"check_gradients expects float Variables as `variables`; received {v!r}.")
    if argnums is not None:
        argnums, _ = spread(argnums, args)
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not 0 <= value < math.inf:
            raise ArgumentError(f"check_gradients expects {name} finite and not below 0; received {value!r}.")
    if elements < 1 and directions < 1:
        raise ArgumentError(
            f"check_gradients with elements={elements} and directions={directions} compares nothing: let one be above 0."
        )
    check = _Float64Check(f, args, argnums, chosen, np.random.default_rng(seed))
    if not check.names:
        raise ArgumentError(
            "check_gradients found no floats among the arguments, and no variables: there is nothing to differentiate. "
            "Pass float arrays, or variables=model.trainable_weights."
        )
    if order < 1:
        raise ArgumentError(f"check_gradients expects an order of at least 1; received {order}.")
    limits = _Limits(rtol, atol, elements, directions)
    with check.as_float64():
        check.choose_weights()
        check.check_dependence()
        for k in range(order):
            try:
                _check_order(check, k, limits)
            except _Disagreement as error:
                found = explain(lambda: check.run(check.start, True), _checker(k + 1, rtol, atol))
                raise GradientError(f"{error} {found}") from None


def _checker(order: int, rtol: float, atol: float) -> Callable[..., Any]:
    """The check of one operation alone."""

    def check_alone(f: Callable[..., Any], *xs: np.ndarray) -> None:
        check = _Float64Check(f, xs, None, [], np.random.default_rng(0))
        with check.as_float64():
            check.choose_weights()
            for k in range(order):
                _check_order(check, k, _Limits(rtol, atol, 8, 1))

    return check_alone


class _Disagreement(GradientError):
    """Rules and differences give two numbers."""


class _Limits(NamedTuple):
    """Arguments of `check_gradients`."""

    rtol: float
    atol: float
    elements: int
    directions: int

    def allowed(self, size: float) -> float:
        """By how much two derivatives of that size may differ."""
        return self.rtol * size + self.atol


def _build(f: Any, args: tuple[Any, ...]) -> None:
    """Make the weights of a layer or model that has none yet."""
    if not getattr(f, "built", True):
        with no_grad():
            f(*args)


class _WideFloats(Context):
    """Inside it no cast narrows floats, compiled functions run as they are written, and assignments are undone in the end."""

    eager = True

    def __init__(self) -> None:
        self._replaced: dict[Variable, np.ndarray] = {}

    def __exit__(self, *exc: object) -> None:
        for variable, array in self._replaced.items():
            variable._array = array
        super().__exit__(*exc)

    def assigns(self, variable: Variable, source: Any = None) -> None:
        self._replaced.setdefault(variable, variable._array)

    def casts(self, old: np.dtype[Any], new: Any) -> Any:
        return np.promote_types(old, new) if old.kind == "f" and np.dtype(new).kind == "f" else new


class _Float64Check:
    """f as a pure function of a list of float64 arrays: the float leaves of its arguments, then the Variables.

    Function number k, `weighted(k, xs)`, is one number: for k = 0 the weighted sum of f's results, for k > 0 the inner
    product of the gradient of number k - 1 with a fixed random direction.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        argnums: Sequence[int] | None,
        variables: list[Variable],
        rng: Any,
    ):
        self.f = f
        self.args = args
        self.rng = rng
        self.leaves = flatten(list(args))
        self.places: list[int] = []  # which leaves are differentiated
        self.names: list[str] = []
        self.start: list[np.ndarray] = []
        known: dict[int, tuple[Variable, str]] = {}
        for i, (path, leaf) in enumerate(flatten_with_path(list(args))):
            if not _is_float(leaf) or (argnums is not None and path[0] not in argnums):
                continue
            name = f"argument {path[0]}" + "".join(f"[{key!r}]" for key in path[1:])
            if isinstance(leaf, Variable):
                known.setdefault(id(leaf), (leaf, f"{name} (variable {leaf.path!r})"))
                continue
            self.places.append(i)
            self.names.append(name)
            self.start.append(np.array(_array(leaf), np.float64))
        for v in variables:
            known.setdefault(id(v), (v, f"variable {v.path!r}"))
        self.variables = [v for v, _ in known.values()]
        self.names += [name for _, name in known.values()]
        self.start += [np.array(v._array, np.float64) for v in self.variables]
        self.weights: list[np.ndarray] = []
        self.directions: list[list[np.ndarray]] = []
        self.heres: dict[int, float] = {}  # values at the start

    @contextmanager
    def as_float64(self) -> Iterator[None]:
        """Variables as float64 leaves of their own; everything put back at the end."""
        before = [(v, v._array, v._node) for v in self.variables]
        try:
            for v, x in zip(self.variables, self.start[len(self.places) :], strict=True):
                v._array, v._node = x, Leaf()
            with enable_grad(), np.errstate(all="ignore"):
                yield
        finally:
            for v, array, node in before:
                v._array, v._node = array, node

    def run(self, xs: list[np.ndarray], tracked: bool) -> tuple[list[Tensor], list[Any]]:
        """The float results of f at xs, and the nodes of the operands."""
        leaves = list(self.leaves)
        nodes: list[Any] = []
        for place, x in zip(self.places, xs):  # noqa: B905  # the rest of xs are Variables
            nodes.append(Leaf() if tracked else None)
            leaves[place] = wrap(x, nodes[-1])
        with _WideFloats():
            for v, x in zip(self.variables, xs[len(self.places) :], strict=True):
                v._array = x
                nodes.append(v._node)
            with enable_grad() if tracked else no_grad():
                results = [y for y in flatten(self.f(*pack(list(self.args), leaves))) if _is_float(y)]
        return [convert_to_tensor(y) for y in results], nodes

    def choose_weights(self) -> None:
        """Choose the weights and directions; refuse functions that cannot be checked."""
        ys, again = ([y._value for y in self.run(self.start, False)[0]] for _ in range(2))
        if not ys:
            raise ArgumentError("check_gradients expects a function with a float result; this one returned none.")
        for y, z in zip(ys, again, strict=True):
            if not np.all(np.isfinite(y)):
                raise GradientError("check_gradients: the function is nan or infinite at these arguments.")
            if not np.array_equal(y, z):
                raise GradientError(
                    "check_gradients: the function gave two results for the same arguments. Take its chance from a "
                    "SeedGenerator and keep its state in Variables, so that it can be repeated."
                )
        self.weights = [np.ones(y.shape) if len(ys) == y.size == 1 else self.rng.standard_normal(y.shape) for y in ys]

    def check_dependence(self) -> None:
        """Refuse an operand from which no record leads to the result and whose values make no difference to it."""
        ys, nodes = self.run(self.start, True)
        path, _ = walk.paths([y._node for y in ys if y._node is not None], nodes)
        rng = np.random.default_rng(0)
        for n, (name, node) in enumerate(zip(self.names, nodes, strict=True)):
            x = self.start[n]
            if node in path or not x.size:
                continue
            for size in (1.0, -1.0, 1e3, -1e3):
                other = x + size * rng.uniform(0.5, 1.5, x.shape)
                try:
                    changed, _ = self.run([*self.start[:n], other, *self.start[n + 1 :]], False)
                except Exception:  # of whatever kind the function raises: its values matter, then
                    break
                if any(not np.array_equal(y._value, z._value) for y, z in zip(ys, changed, strict=True)):
                    break
            else:
                raise ArgumentError(
                    f"check_gradients: the function does not depend on {name}, so nothing would be proved. Let it compute "
                    "with that very object, or leave it out (argnums, variables)."
                )

    def direction(self) -> list[np.ndarray]:
        return [self.rng.standard_normal(x.shape) for x in self.start]

    def weighted(self, k: int, xs: list[np.ndarray], tracked: bool = False) -> tuple[Tensor, list[Any]]:
        """The number described above at xs, and the nodes of the operands."""
        ys, nodes = self.run(xs, tracked or k > 0)
        total = _inner(ys, self.weights)
        for level in range(k):
            gradient = self._gradient(total, nodes, record=tracked or level < k - 1)
            total = _inner(gradient, self.directions[level])
        return total, nodes

    def _gradient(self, total: Tensor, nodes: list[Any], record: bool) -> list[Tensor]:
        if total._node is None:
            return [wrap(np.zeros(x.shape)) for x in self.start]
        one = wrap(np.ones(()))
        with _WideFloats():
            found = walk.gradients([(total, one)], nodes, record)
        return [wrap(np.zeros(x.shape)) if g is None else g for g, x in zip(found, self.start, strict=True)]

    def gradient(self, k: int) -> list[np.ndarray]:
        """By autonet's rules: the gradient of weighted(k, .) at the start."""
        total, nodes = self.weighted(k, self.start, tracked=True)
        return [np.asarray(g._value, np.float64) for g in self._gradient(total, nodes, record=False)]

    def derivatives(self, k: int, us: list[np.ndarray], relative: bool) -> "Iterator[_Differences]":
        """By differences along us, with steps of several sizes: in units of max(1, |x|), or of |x| if `relative`."""
        if k not in self.heres:
            self.heres[k] = float(self.weighted(k, self.start)[0]._value)
        here = self.heres[k]
        longest = max(float(np.max(np.abs(u), initial=0)) for u in us)
        sizes = np.concatenate([np.abs(x[u != 0]) for x, u in zip(self.start, us, strict=True)])
        if relative:
            size = min(float(np.min(sizes[sizes > 0], initial=1.0)), 1.0)
        else:
            size = min(max(float(np.max(sizes, initial=1.0)), 1.0), 1e3)
        for step in STEPS:
            h = step * size / max(longest, 1e-300)
            ahead, behind = (
                float(self.weighted(k, [x + s * u for x, u in zip(self.start, us, strict=True)])[0]._value)
                for s in (h, -h)
            )
            if math.isfinite(ahead) and math.isfinite(behind):
                rounding = 1e-13 * max(abs(ahead), abs(behind), abs(here), 1e-3) / h
                yield _Differences((ahead - behind) / (2 * h), (here - behind) / h, (ahead - here) / h, rounding)


class _Differences(NamedTuple):
    """What a pair of differences says: the central derivative, the one-sided ones, how far rounding may have moved them."""

    central: float
    behind: float
    ahead: float
    rounding: float


class _Verdict(NamedTuple):
    """Whether the rules agree with the differences; both numbers; whether the differences agree with each other."""

    fine: bool
    derivative: float
    difference: float
    smooth: bool
    jumps: bool = False  # the differences grow as their steps shrink


def _judge(check: _Float64Check, k: int, gradient: list[np.ndarray], us: list[np.ndarray], limits: _Limits) -> _Verdict:
    """The derivative of function number k along us, by the gradient and by differences."""
    terms = [np.where(u == 0, 0.0, g * u) for g, u in zip(gradient, us, strict=True)]  # a NaN is its element's alone
    derivative = float(sum(np.sum(t) for t in terms))
    size = math.sqrt(sum(float(np.sum(np.square(t))) for t in terms))
    first = math.nan
    for relative in (False, True):
        tried = []
        for s in check.derivatives(k, us, relative):
            tried.append(s)
            scale = max(size, abs(s.central))
            if (
                s.rounding <= 0.01 * scale + limits.atol
                and abs(derivative - s.central) <= limits.allowed(scale) + s.rounding
            ):
                return _Verdict(True, derivative, s.central, True)
        if not tried:
            continue
        # where rounding drowns the derivative, the longest step says most
        best = min(tried, key=lambda s: s.rounding)
        if abs(derivative - best.central) <= limits.allowed(max(size, abs(best.central))) + best.rounding:
            return _Verdict(True, derivative, best.central, True)
        last = tried[-1] if tried[-1].rounding <= 0.01 * max(size, abs(tried[-1].central)) else best
        first = tried[0].central if math.isnan(first) else first
        # on a kink the one-sided derivatives differ at the smallest step too, and a gradient jumps
        allowed = limits.allowed(max(size, abs(last.central))) + last.rounding
        if min(last.behind, last.ahead) - allowed <= derivative <= max(last.behind, last.ahead) + allowed:
            return _Verdict(True, derivative, first, False)
        if len(tried) == len(STEPS):
            if abs(last.central) > 5 * abs(tried[2].central) > 25 * abs(tried[0].central):
                return _Verdict(k > 0, derivative, first, False, jumps=True)
            close = 0.01 * abs(last.central) + last.rounding
            if abs(last.central - tried[2].central) <= close and abs(last.ahead - last.behind) <= close:
                return _Verdict(False, derivative, first, True)
    # NaN says that there is no second derivative: right where the differences say so too
    return _Verdict(k > 0 and math.isnan(derivative) and not math.isnan(first), derivative, first, False)


def _check_order(check: _Float64Check, k: int, limits: _Limits) -> None:
    """Gradient of function number k against its differences."""
    found = check.gradient(k)
    for name, g, x in zip(check.names, found, check.start, strict=True):
        if g.shape != x.shape:
            raise GradientError(f"check_gradients: the gradient of {name} has shape {g.shape}, its operand {x.shape}.")

    def judge(us: list[np.ndarray]) -> _Verdict:
        return _judge(check, k, found, us, limits)

    for _ in range(limits.directions):
        us = check.direction()
        verdict = judge(us)
        if not verdict.fine:
            _blame(check, judge, us, verdict, k)
    for n, x in enumerate(check.start):
        some = (
            np.arange(x.size) if x.size <= limits.elements else check.rng.choice(x.size, limits.elements, replace=False)
        )
        for flat in some:
            verdict = judge(_unit(check, n, [int(flat)]))
            if not verdict.fine:
                raise _disagreement(check, n, int(flat), verdict, k)
    check.directions.append(check.direction())


def _unit(check: _Float64Check, n: int, places: Any, values: Any = 1.0) -> list[np.ndarray]:
    """Zeros but for some places of operand n."""
    us = [np.zeros(x.shape) for x in check.start]
    us[n].reshape(-1)[list(places)] = values
    return us


def _blame(check: _Float64Check, judge: Callable[..., Any], us: list[np.ndarray], verdict: _Verdict, k: int) -> None:
    """Halve the direction that disagrees until one element is left, and raise for that.

    Where only the whole disagrees and none of its parts, it crosses several kinks at once: that is no error.
    """
    parts = [_unit(check, n, np.flatnonzero(u), u[u != 0]) for n, u in enumerate(us)]
    while True:
        wrong = [(part, v) for part in parts if not (v := judge(part)).fine]
        if not wrong:
            break
        part, verdict = wrong[0]
        n, places = next((n, np.flatnonzero(u)) for n, u in enumerate(part) if np.any(u))
        if places.size == 1:
            raise _disagreement(check, n, int(places[0]), judge(_unit(check, n, places)), k)
        values = part[n].reshape(-1)
        halves = (places[: places.size // 2], places[places.size // 2 :])
        parts = [_unit(check, n, half, values[half]) for half in halves]
    if verdict.smooth:
        raise _Disagreement(
            f"check_gradients: along a random direction the derivative is {verdict.derivative!r} by the rules and "
            f"{verdict.difference!r} by differences ({_derivative(k)}), a little for each of many elements."
        )


def _derivative(k: int) -> str:
    return "the gradient" if k == 0 else f"derivative number {k + 1}, along random directions"


def _disagreement(check: _Float64Check, n: int, flat: int, verdict: _Verdict, k: int) -> GradientError:
    shape = check.start[n].shape
    index = tuple(int(i) for i in np.unravel_index(flat, shape)) if shape else ()
    where = f"check_gradients: {check.names[n]}, index {index}"
    if math.isnan(verdict.difference):
        return GradientError(f"{where}: the function is nan or infinite next to it, so it has no derivative there.")
    if verdict.jumps:
        return GradientError(
            f"{where}: the function jumps there (the smaller the step, the larger the differences), so it has no derivative "
            f"that they could confirm; by the rules it is {verdict.derivative!r}. Check it at other arguments."
        )
    return _Disagreement(
        f"{where}: the derivative is {verdict.derivative!r} by the rules and {verdict.difference!r} by differences "
        f"({_derivative(k)})."
    )


def _inner(xs: list[Tensor], weights: list[np.ndarray]) -> Tensor:
    from autonet.ops.pointwise import multiply
    from autonet.ops.reduction import sum as total

    result: Any = wrap(np.zeros(()))
    for x, w in zip(xs, weights, strict=True):
        result = result + total(multiply(x, wrap(w)))
    return result


def _array(x: Any) -> np.ndarray:
    return x._value if isinstance(x, Tensor) else np.asarray(x)


def _is_float(x: Any) -> bool:
    if isinstance(x, (Tensor, np.ndarray, np.generic)):
        return x.dtype.kind == "f"
    return isinstance(x, float)
