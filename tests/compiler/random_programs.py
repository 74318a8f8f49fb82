"""Random programs: operations, shapes, views, repeated uses, Variables assigned in place, draws.

A drawn `Script` is a list of steps over numbered values. `Script.run(world, *inputs)` applies it, with the world's own
Variables and generator, to Tensors; it can be captured, differentiated, and run again. Hypothesis draws a seed, from
which the steps follow one after the other, and their number: so it finds varied programs, and shrinks to a short one.
"""

import dataclasses
import math
import random as python_random
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autonet import gradients, ops, random
from autonet.core import Tensor
from autonet.core import backward as walk
from autonet.core.state import enable_grad
from autonet.core.tensor import wrap
from autonet.random import SeedGenerator
from autonet.variable import Variable

SIDES = (1, 1, 2, 3, 4, 7, 16, 40)


@dataclasses.dataclass
class World:
    """Variables and a generator: the state that steps read and change."""

    variables: list[Variable]
    generator: SeedGenerator

    def state(self) -> list[np.ndarray]:
        """Everything, as arrays: looked at, and as operations get it."""
        everything = (*self.variables, self.generator.state)
        return [v.numpy() for v in everything] + [v.value.numpy() for v in everything]


@dataclasses.dataclass
class Script:
    """A drawn program. `steps` take the world and the list of values, and append to that or change the world."""

    dtype: str
    shapes: list[tuple]
    first_values: list[np.ndarray]  # of the Variables
    steps: list[Callable]
    told: list[str]
    outputs: list[int]
    differentiated: list[int]  # values whose sum is differentiated
    along_variables: bool = False  # or along the inputs

    def world(self) -> World:
        """The state before the first run."""
        variables = [Variable(a, name=f"w{k}") for k, a in enumerate(self.first_values)]
        return World(variables, SeedGenerator(17))

    def inputs(self, seed: int) -> list[np.ndarray]:
        """Arrays to run on; their numbers are multiples of 1/8, so that sums and comparisons of them are exact."""
        rng = np.random.default_rng(seed)
        return [(rng.integers(-16, 17, shape) / 8).astype(self.dtype) for shape in self.shapes]

    def run(self, world: World, *inputs: Any) -> list[Any]:
        """The outputs, and the gradients if there are any."""
        if not self.differentiated:
            values = self._walk(world, list(inputs))
            return [ops.stop_gradient(values[k]) for k in self.outputs]
        kept: list[Any] = []

        def loss(*xs: Any) -> Any:
            values = self._walk(world, list(xs))
            kept.extend(values[k] for k in self.outputs)
            return sum([ops.sum(ops.tanh(values[k])) for k in self.differentiated])

        if self.along_variables:  # as a training step does it
            nodes = [v._node for v in world.variables]
            with enable_grad():
                value = loss(*inputs)
            found = []
            if value._node is not None:
                found = walk.gradients([(value, wrap(np.ones((), value.dtype)))], nodes, record=False)
        else:
            numbers = tuple(range(len(inputs)))
            value, found = gradients.value_and_grad(loss, argnums=numbers)(*inputs)
        return [ops.stop_gradient(k) for k in (*kept, value, *found) if k is not None]

    def _walk(self, world: World, values: list[Any]) -> list[Any]:
        for step in self.steps:
            step(world, values)
        return values

    def __repr__(self) -> str:
        lines = [f"Script of {self.dtype}, inputs {self.shapes}, variables {[a.shape for a in self.first_values]}"]
        lines += [f"  {k}: {text}" for k, text in enumerate(self.told, len(self.shapes))]
        return "\n".join([*lines, f"  -> {self.outputs}, gradient of {self.differentiated} {self.along_variables}"])


SMOOTH: dict[str, Callable] = {  # bounded slopes, so that rounding does not grow
    "tanh": ops.tanh,
    "sigmoid": ops.sigmoid,
    "exp": lambda x: ops.exp(ops.minimum(x, 1.0)),
    "log1p": lambda x: ops.log1p(ops.absolute(x)),
    "sqrt": lambda x: ops.sqrt(ops.square(x) + 1.0),
    "softplus": ops.softplus,
    "square": lambda x: ops.square(ops.tanh(x)),
    "erf": ops.erf,
    "reciprocal": lambda x: ops.reciprocal(ops.square(x) + 1.0),
    "rsqrt": lambda x: ops.rsqrt(ops.square(x) + 1.0),
    "expm1": lambda x: ops.expm1(-ops.absolute(x)),
    "sin": ops.sin,
    "power": lambda x: ops.power(ops.absolute(x) + 1.0, 0.7),
}
EXACT: dict[str, Callable] = {  # that give the same in C and in NumPy for numbers that are the same
    "negative": ops.negative,
    "absolute": ops.absolute,
    "relu": ops.relu,
    "leaky": lambda x: ops.leaky_relu(x, negative_slope=0.25),
    "clip": lambda x: ops.clip(x, -1.0, 0.75),
    "again": lambda x: x,
    "half": lambda x: x * 0.5,
}
JOINS: dict[str, Callable] = {
    "add": ops.add,
    "subtract": ops.subtract,
    "maximum": ops.maximum,
    "minimum": ops.minimum,
    "multiply": lambda a, b: ops.multiply(ops.tanh(a), b),
    "divide": lambda a, b: a / (ops.square(b) + 1.0),
}


class _Drawer:
    """Draws steps one after the other; runs each on a world of its own to know the shapes."""

    def __init__(self, chance: python_random.Random, dtype: str):
        self.chance = chance
        self.dtype = dtype
        self.steps: list[Callable] = []
        self.told: list[str] = []
        self.values: list[Any] = []
        self.exact: list[bool] = []
        self.floats: list[int] = []

    def pick(self, choices: Any) -> Any:
        return self.chance.choice(list(choices))

    def whole(self, low: int, high: int) -> int:
        return self.chance.randint(low, high)

    def shape(self, most: int = 3) -> tuple:
        return tuple([self.pick(SIDES) for _ in range(self.whole(0, most))])

    def add(self, told: str, f: Callable, *at: int, exact: bool = False) -> None:
        """A step that computes a value from those at the places `at`."""
        made = f(*[self.values[k] for k in at])
        for part in made if isinstance(made, (list, tuple)) else [made]:
            if part.size > 40_000:
                return
        self.told.append(f"{told}({', '.join(map(str, at))}) -> {getattr(made, 'shape', '...')}")

        def step(world: World, values: list) -> None:
            y = f(*[values[k] for k in at])
            values.extend(y if isinstance(y, (list, tuple)) else [y])

        self.steps.append(step)
        for part in made if isinstance(made, (list, tuple)) else [made]:
            self.values.append(part)
            self.exact.append(exact and all(self.exact[k] for k in at))
            if part.dtype.kind == "f":
                self.floats.append(len(self.values) - 1)

    def some(self, exact: bool = False, least: int = 0) -> int | None:
        """The place of a float value with at least so many axes."""
        fit = [k for k in self.floats if self.values[k].ndim >= least and (self.exact[k] or not exact)]
        if not fit:
            return None
        return self.pick(fit[-4:] if self.chance.random() < 0.6 else fit)


def _unary(d: _Drawer) -> None:
    exact = d.pick([True, False])
    table = EXACT if exact else SMOOTH
    name = d.pick(sorted(table))
    d.add(name, table[name], d.some(), exact=exact)


def _binary(d: _Drawer) -> None:
    a = d.some()
    shape = d.values[a].shape
    partners = [k for k in d.floats if d.values[k].dtype == d.values[a].dtype and _meets(shape, d.values[k].shape)]
    if not partners:
        return
    name = d.pick(sorted(JOINS))
    d.add(name, JOINS[name], a, d.pick(partners), exact=name in ("maximum", "minimum"))


def _meets(a: tuple, b: tuple) -> bool:
    try:
        return math.prod(np.broadcast_shapes(a, b)) <= 40_000
    except ValueError:
        return False


def _reduce(d: _Drawer) -> None:
    k = d.some(least=1)
    if k is None:
        return
    x = d.values[k]
    name = d.pick(["sum", "mean", "max", "min", "logsumexp", "var"])
    axes = [a - x.ndim * d.whole(0, 1) for a in d.chance.sample(range(x.ndim), d.whole(1, x.ndim))]
    axis = d.pick([tuple(axes), axes[0], None])
    keep = d.pick([True, False])
    f = getattr(ops, name)
    scale = 1.0 / max(math.sqrt(x.size), 1.0) if name == "sum" else 1.0
    if name in ("max", "min", "logsumexp") and not x.size:
        return
    d.add(f"{name} {axis} {keep}", lambda x: f(x, axis=axis, keepdims=keep) * scale, k, exact=name in ("max", "min"))


def _view(d: _Drawer) -> None:
    k = d.some(least=1)
    if k is None:
        return
    x = d.values[k]
    kind = d.pick(
        ["transpose", "reshape", "slice", "flip", "expand", "part", "element", "broadcast", "split", "squeeze"]
    )
    f: Callable
    if kind == "transpose":
        order = tuple(d.chance.sample(range(x.ndim), x.ndim))
        f = lambda x: ops.transpose(x, order)
    elif kind == "reshape":
        cut = d.whole(0, x.ndim - 1)
        shape = (*x.shape[:cut], math.prod(x.shape[cut:])) if d.pick([True, False]) else (x.size,)
        f = lambda x: ops.reshape(x, shape)
    elif kind == "slice":
        step = d.pick([1, 2, -1, -2])
        start = d.pick([None, 0, 1, -1])
        f = lambda x: x[..., start::step]
        if not f(x).size:
            return
    elif kind == "flip":
        axis = d.whole(0, x.ndim - 1)
        f = lambda x: ops.flip(x, axis=axis)
    elif kind == "expand":
        axis = d.whole(0, x.ndim)
        f = lambda x: ops.expand_dims(x, axis)
    elif kind == "part":
        stop = d.whole(1, max(x.shape[0], 1))
        f = lambda x: x[:stop]
    elif kind == "element":
        at = tuple([d.whole(0, max(n - 1, 0)) for n in x.shape])
        if not x.size:
            return
        f = lambda x: x[at]
    elif kind == "broadcast":
        f = lambda x: ops.broadcast_to(x, (3, *x.shape))
    elif kind == "split":
        cut = d.whole(min(1, x.shape[0]), x.shape[0])
        f = lambda x: ops.split(x, [cut], axis=0)
    else:
        f = lambda x: ops.squeeze(x)
    d.add(kind, f, k, exact=True)


def _copy(d: _Drawer) -> None:
    k = d.some(least=1)
    if k is None:
        return
    x = d.values[k]
    kind = d.pick(["concatenate", "pad", "roll", "take", "cumsum", "repeat", "stack"])
    axis = d.whole(0, x.ndim - 1)
    f: Callable
    if kind == "concatenate":
        f = lambda x: ops.concatenate([x, x * 2.0, x], axis=axis)
    elif kind == "pad":
        f = lambda x: ops.pad(x, [(1, 0)] * x.ndim)
    elif kind == "roll":
        f = lambda x: ops.roll(x, 1, axis=axis)
    elif kind == "take":
        if not x.shape[axis]:
            return
        at = np.array([d.whole(-x.shape[axis], x.shape[axis] - 1) for _ in range(d.whole(0, 4))], np.int32)
        f = lambda x: ops.take(x, at, axis=axis)
    elif kind == "cumsum":
        f = lambda x: ops.cumsum(x, axis=axis) * (1.0 / max(x.shape[axis], 1))
    elif kind == "repeat":
        f = lambda x: ops.repeat(x, 2, axis=axis)
    else:
        f = lambda x: ops.stack([x, -x], axis=axis)
    d.add(f"{kind} {axis}", f, k, exact=kind != "cumsum")


def _along(d: _Drawer) -> None:
    k = d.some(least=1)
    if k is None:
        return
    x = d.values[k]
    axis = d.whole(-x.ndim, x.ndim - 1)
    if not x.size:
        return
    name = d.pick(["softmax", "log_softmax", "standardize", "batch"])
    f: Callable
    if name == "standardize":
        f = lambda x: ops.layer_normalization(x, axis=axis, epsilon=0.1)
    elif name == "batch":
        n = x.shape[axis]
        one = np.linspace(0.5, 1.5, n).astype(x.dtype)
        f = lambda x: list(ops.batch_normalize(x, one, one * 0.25, axis=axis, epsilon=0.1))
    else:
        f = lambda x: getattr(ops, name)(x, axis=axis)
    d.add(f"{name} {axis}", f, k)


def _product(d: _Drawer) -> None:
    k = d.some(least=1)
    if k is None:
        return
    x = d.values[k]
    inner, columns = x.shape[-1], d.pick([1, 2, 5, 33])
    w = (np.cos(np.arange(inner * columns)) / math.sqrt(max(inner, 1))).reshape(inner, columns).astype(x.dtype)
    kind = d.pick(["right", "own", "left"])
    if kind == "right":
        d.add("matmul", lambda x: ops.matmul(x, w), k)
    elif kind == "left" and x.ndim == 2:
        d.add("matmul of transposes", lambda x: ops.matmul(w.T, ops.transpose(x)), k)
    elif x.ndim >= 2:
        swap = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)
        scale = 1.0 / max(inner, 1)
        d.add("x @ x.T", lambda x: ops.matmul(x, ops.transpose(x, swap)) * scale, k)


def _discrete(d: _Drawer) -> None:
    k = d.some(exact=True)
    if k is None:
        return
    x = d.values[k]
    kind = d.pick(["where", "greater", "argmax", "one_hot", "round", "cast", "mask"])
    if kind == "where":
        others = [j for j in d.floats if d.values[j].dtype == x.dtype and _meets(x.shape, d.values[j].shape)]
        if not others:
            return
        other = d.pick(others)
        d.add(kind, lambda x, y: ops.where(x > 0.25, x, y), k, other, exact=True)
    elif kind == "greater":
        d.add(kind, lambda x: ops.cast(ops.greater(x, 0.0), x.dtype), k, exact=True)
    elif kind == "argmax" and x.ndim and x.size:
        d.add(kind, lambda x: ops.argmax(x, axis=-1), k, exact=True)
    elif kind == "one_hot" and x.ndim < 3:
        d.add(kind, lambda x: ops.one_hot(ops.cast(ops.round(x), "int32"), 4, dtype=x.dtype), k, exact=True)
    elif kind == "round":
        d.add(kind, lambda x: ops.floor(x) - ops.ceil(x) + ops.sign(x), k, exact=True)
    elif kind == "cast":
        other = "float64" if x.dtype == "float32" else "float32"
        d.add(kind, lambda x: ops.cast(x, other), k, exact=True)
    elif kind == "mask":
        d.add(kind, lambda x: ops.cast(ops.logical_and(x > -0.5, ops.isfinite(x)), "int32"), k, exact=True)


def _chance(d: _Drawer, world: World) -> None:
    shape = d.shape(2)
    kind = d.pick(["uniform", "dropout", "normal"])
    k = d.some()
    dtype = d.dtype
    d.told.append(f"{kind} of {shape if kind != 'dropout' else k}")

    def step(world: World, values: list) -> None:
        if kind == "uniform":
            values.append(random.uniform(shape, dtype=dtype, seed=world.generator))
        elif kind == "normal":
            values.append(random.normal(shape, dtype=dtype, seed=world.generator))
        else:
            values.append(random.dropout(values[k], 0.25, seed=world.generator))

    d.steps.append(step)
    step(world, d.values)
    d.exact.append(kind == "uniform")
    d.floats.append(len(d.values) - 1)


def _state(d: _Drawer, world: World) -> None:
    """Read a Variable, or give it a value: a computed one, an input, a view, another Variable's, its own."""
    n = d.whole(0, len(world.variables) - 1)
    kind = d.pick(["read", "read", "assign", "assign", "add", "copy", "swap", "transposed"])
    shape, dtype = world.variables[n].shape, world.variables[n].dtype
    others = [m for m, v in enumerate(world.variables) if v.shape == shape and v.dtype == dtype]
    fits = [k for k in d.floats if d.values[k].shape == shape and d.values[k].dtype == dtype]
    m, k = d.pick(others), d.pick(fits) if fits else None

    def step(world: World, values: list) -> None:
        w = world.variables[n]
        if kind == "read":
            values.append(w.value)
        elif kind == "assign" and k is not None:
            w.assign(values[k])
        elif kind == "add" and k is not None:
            w.assign_add(ops.tanh(values[k]))
        elif kind == "copy":
            w.assign(world.variables[m])
        elif kind == "swap":
            old = w.value
            w.assign(world.variables[m])
            world.variables[m].assign(old)
        elif kind == "transposed" and len(shape) == 2 and shape[0] == shape[1]:
            w.assign(ops.transpose(w))

    d.told.append(f"{kind} variable {n} ({m}, {k})")
    d.steps.append(step)
    step(world, d.values)
    if kind == "read":
        d.exact.append(False)
        d.floats.append(len(d.values) - 1)


KINDS = (_unary, _unary, _binary, _binary, _reduce, _view, _view, _copy, _along, _product, _discrete)


def make(seed: int, length: int, differentiated: bool) -> Script:
    """The script of so many steps that a seed stands for; with gradients if asked for."""
    chance = python_random.Random(seed)
    dtype = chance.choice(["float32", "float32", "float64"])
    d = _Drawer(chance, dtype)
    shapes = [d.shape() for _ in range(d.whole(1, 3))]
    sizes = [d.pick([*shapes, d.shape(2), (3, 3)]) for _ in range(d.whole(1, 3))]
    rng = np.random.default_rng(5)
    first = [(rng.integers(-8, 9, s) / 8).astype(dtype) for s in sizes]
    script = Script(dtype, shapes, first, d.steps, d.told, [], [])
    world = script.world()
    for a in script.inputs(0):
        d.values.append(wrap(a))
        d.exact.append(True)
        d.floats.append(len(d.values) - 1)
    for _ in range(length):
        kind = d.pick([*KINDS, _chance, _state, _state, _state])
        if kind in (_chance, _state):
            kind(d, world)
        else:
            kind(d)
    everything = range(len(d.values))
    script.outputs = [d.pick(everything) for _ in range(d.whole(0, 3))] + [len(d.values) - 1]
    if differentiated:
        script.along_variables = d.pick([True, False])
        script.differentiated = [d.pick(d.floats) for _ in range(d.whole(1, 3))]
    return script


def scripts(differentiated: bool = False, most: int = 16) -> st.SearchStrategy[Script]:
    """Drawn Scripts."""
    return st.builds(make, st.integers(0, 2**32 - 1), st.integers(1, most), st.just(differentiated))


def tensors(arrays: list[np.ndarray]) -> list[Tensor]:
    """Arrays as Tensors."""
    return [Tensor(a) for a in arrays]
