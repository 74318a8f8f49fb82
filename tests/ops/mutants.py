"""Mutants of the derivative rules: each rule of each primitive made wrong in one place, and whether the gradient checks see it.

    python -m tests.ops.mutants [--only divide,matmul] [--kinds sign,factor]

A mutant changes one place of the source of a rule, or of a function beside it that rules alone call: a sign is flipped, a
factor or divisor left out, two operands are swapped, a transposition, sum or other change of shape is left out, an axis is
another. It exists in memory alone. The checks are those of `test_gradients.py`, on the very calls that these tests make, where
an observer looks too; then the table of `test_kinks.py`, which holds what rules agree on at infinities, zeros and ties; then the
tests named in EDGES. Printed are survivors and one line of figures.
"""

import argparse
import ast
import collections
import contextlib
import copy
import functools
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import pytest

import tests.conftest  # noqa: F401 (the profile by which tests draw)
from autonet import ops
from autonet.core import PRIMITIVES
from autonet.core.primitive import Primitive
from tests.ops import test_ctc, test_kinks, test_nn, test_segments
from tests.ops import test_gradients as table

KINDS = ("sign", "factor", "operands", "shape", "axis")
PRODUCTS = {"multiply", "divide", "times", "matmul"}
ORDERED = {"matmul", "divide", "subtract", "power", "step", "solve", "greater", "less", "less_equal", "where", "take"}
SHAPING = set(
    "transpose matrix_transpose swapaxes moveaxis reshape expand_dims squeeze sum sum_to broadcast_to flip conj conjugate "
    "_spread _reshaped _turned".split()
)


# What leaves a rule true, or is met by nobody: parts of the mutant's line, and the reason; found by reading.
EQUIVALENT = {
    "x * 0": "over no segments there is nothing to be right or wrong about",
    "broadcast_to.x": "the engine sums over what was broadcast",
    "i + j -> i - j": "(-1)^(i - j) is (-1)^(i + j)",
    "operands, _hypot_rule(g, x": "g x1 / y is x1 g / y",
    "_absent', False)": "-False is as false, -True as true",
    "1 - np.eye": "what is doubled is the difference of a number and itself",
    "g[1]) * _off_diagonal(values) ->": "what is left out is 0 but for kinks, and the gaps there are infinite",
    "g[0] * strict -> g[0]": "a lower triangular factor passes on to its strict lower part nothing but that part",
    "g[0] * (1 - strict) -> g[0]": "likewise above",
    "1 - strict -> 1 + strict": "likewise above",
    "-(transpose(x, (x.ndim - 2, *range(x.ndim - 2)": "two such signs in one product",
    "-(x if x.shape == shape else reshape(x, shape))": "two such signs in one product",
    "-(concatenate([np.ones((*x.shape[:-1], 1), x.dtype)": "two such signs in one product",
    "-(total)": "two such signs in one product",
    "-(wrap(x) if isinstance(x, np.ndarray)": "two such signs in one product",
    "* rate -> x1 - x2": "the rate is 1",
    "* rate -> where(same, 0, x1) -": "the rate is 1",
    "-(g if g.shape == kept else": "two such signs in one quotient",
    "gr * triangle(n, r.dtype, lower=False)": "what follows takes the lower part of r gr^T, which gr's upper part makes",
    "expand_dims(y, -2) -> y": "a row of numbers, which broadcasting makes of it too",
    "-(zeros_like(": "-0 is 0",
    "pseudo_inverse ... 10 * max(x.shape": "what leaves nothing out takes the longer way, to the same sum",
    "grid_sample.rows ... 1 - axis -> 1 + axis": "the axis is 0",
    "grid_sample.rows ... absolute(x) + 0.5": "what takes the nearest pixel has no derivative along places",
    "grid_sample.columns ... absolute(x) + 0.5": "likewise",
    "x.size * count -> ": "both ways are right, and which is taken is a matter of memory",
    "simple_rnn_vjp ... np.split(d, len(drop)": "there is one gate, and so one part",
    "simple_rnn_vjp ... np.concatenate([_weight_gradient": "likewise",
    "a.reshape(-1, y.shape[-1]) -> a": "rows of rows are rows",
    "-(y * (g - g * y))": "of one number y is 1, and this 0",
    "y * (g - g * y) -> g - g * y": "likewise",
    "softmax_vjp.body ... factor, g * y -> g": "likewise",
}

# Tests, beside the table of kinks, of what differences do not see.
EDGES: dict[str, Callable[[], Any]] = {
    "ctc_cost": lambda: [test_ctc.test_derivatives_of_half_precision(n, np.random.default_rng(1)) for n in (2, 4)],
    "segment_extreme": lambda: [
        _with_monkeypatch(test_segments.test_second_derivatives_of_extremes_too_large_for_a_table, ops.segment_max),
        test_segments.test_derivatives_beside_an_empty_segment(ops.segment_max, -1),
        test_segments.test_derivatives_beside_an_empty_segment(ops.segment_min, 1),
    ],
    "sparsemax": lambda: [
        test_nn.test_sparsemax_has_no_second_derivative_at_the_edge_of_its_support(axis) for axis in (0, 1)
    ],
}


def _with_monkeypatch(test: Callable, *args: Any) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        test(*args, monkeypatch)


class Mutant(NamedTuple):
    """A wrong rule: of which primitive and operand, what was changed where, and the function to put in its place."""

    primitive: str
    operand: str
    kind: str
    change: str
    line: int
    rule: Callable

    @property
    def equivalent(self) -> bool:
        """Whether it is one of those that change nothing."""
        return any(all(part in str(self) for part in line.split(" ... ")) for line in EQUIVALENT)

    def __str__(self) -> str:
        return f"{self.primitive}.{self.operand} line {self.line}: {self.kind}, {self.change}"


# Changes of one place


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Kinds of change, and what stands in the place of the expression `node` then."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=x) if not isinstance(x, ast.Constant):
            yield "sign", x
        case ast.BinOp(left=a, op=ast.Add(), right=b):
            yield "sign", ast.BinOp(a, ast.Sub(), b)
        case ast.BinOp(left=a, op=ast.Sub(), right=b):
            yield "sign", ast.BinOp(a, ast.Add(), b)
        case ast.BinOp(left=a, op=ast.Mult(), right=b):
            yield "factor", a
            yield "factor", b
        case ast.BinOp(left=a, op=(ast.Div() | ast.Pow() | ast.MatMult()) as op, right=b):
            yield "factor", a
            yield "operands", ast.BinOp(b, op, a)
        case ast.Call(func=f, args=[a, *rest], keywords=keywords):
            name = f.id if isinstance(f, ast.Name) else f.attr if isinstance(f, ast.Attribute) else ""
            if name in PRODUCTS and rest:
                yield "factor", a
                yield "factor", rest[0]
            if (name in ORDERED or name.startswith("_")) and rest and ast.dump(a) != ast.dump(rest[0]):
                yield "operands", ast.Call(f, [rest[0], a, *rest[1:]], keywords)
            if name in SHAPING:
                yield "shape", a if isinstance(f, ast.Name) else f.value
            for k, word in enumerate(keywords):
                if word.arg in ("axis", "axes"):
                    for other in _other_axes(word.value):
                        changed = ast.keyword(word.arg, ast.Constant(other))
                        yield "axis", ast.Call(f, node.args, [*keywords[:k], changed, *keywords[k + 1 :]])


def _other_axes(axis: ast.expr) -> tuple[int, ...]:
    try:
        known = ast.literal_eval(axis)
    except ValueError:  # what the caller says
        return 0, -1
    return (known - 1 if known else 1,) if isinstance(known, int) else (0,)


def _negated(result: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), result)


def _mutations(function: ast.Lambda | ast.FunctionDef) -> Iterator[tuple[str, str, int, Any]]:
    """Kind, description, line, and the changed copy of a function, for each change of each of its places."""
    if isinstance(function, ast.Lambda):
        results = [function.body]
    else:
        results = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
    for result in results:
        for part in result.elts if isinstance(result, ast.Tuple) else [result]:
            if not isinstance(part, ast.Constant | ast.Lambda | ast.UnaryOp | ast.Starred):
                yield "sign", f"-({ast.unparse(part)})", part.lineno, _with(function, part, _negated(part))
    for node in _places(function):
        if isinstance(node, ast.expr):
            for kind, other in _changes(node):
                yield kind, f"{ast.unparse(node)} -> {ast.unparse(other)}", node.lineno, _with(function, node, other)


def _places(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree but for what tells `at_kinks` where kinks are."""
    yield node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "at_kinks":
        yield from _places(node.args[0])
        return
    for child in ast.iter_child_nodes(node):
        yield from _places(child)


def _with(function: Any, old: ast.AST, new: ast.AST) -> Any:
    """A copy of `function` with `new` in the place of `old`."""
    return ast.fix_missing_locations(copy.deepcopy(function, {id(old): new}))


# From functions to their sources and back


@functools.cache
def _parsed(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))


def _source(f: FunctionType) -> Any:
    """The syntax tree of a function: of lambdas on one line the one whose result stands where that of `f` does."""
    code, found = f.__code__, []
    for node in ast.walk(_parsed(f.__module__)):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            if code.co_firstlineno in (node.lineno, *[d.lineno for d in node.decorator_list]):
                return node
        elif isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            found.append(node)
    spots = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
    known = [n for n in found if (n.body.lineno, n.body.col_offset) <= min(spots)]
    node = max(known, key=lambda n: n.body.col_offset)
    return node


def _names(code: Any) -> set[str]:
    return {*code.co_names}.union(*[_names(c) for c in code.co_consts if hasattr(c, "co_names")])


def _reached(f: FunctionType) -> list[FunctionType]:
    """The functions of the package that `f` calls by name, and those that they call; itself first."""
    found = {f: None}
    todo = [f]
    while todo:
        g = todo.pop()
        for name in sorted(_names(g.__code__)):
            other = g.__globals__.get(name)
            if type(other) is FunctionType and other.__module__.startswith("autonet.") and other not in found:
                found[other] = None
                todo.append(other)
    return list(found)


def _rebuilt(root: FunctionType, target: FunctionType, tree: Any) -> FunctionType:
    """`root` as it would be if `target`, which it reaches, had another source; the modules stay as they are."""
    reached = _reached(root)
    spaces: dict[str, dict] = {f.__module__: dict(f.__globals__) for f in reached}
    for space in spaces.values():
        if "LARGE" in space:
            space["LARGE"] = 8  # so that the rows' arrays take the ways of large ones too
    made: dict[FunctionType, FunctionType] = {}
    for f in reached:
        space = spaces[f.__module__]
        if f is not target:
            made[f] = FunctionType(f.__code__, space, f.__name__, f.__defaults__, f.__closure__)
            made[f].__kwdefaults__ = f.__kwdefaults__
        elif isinstance(tree, ast.Lambda):
            made[f] = eval(compile(ast.Expression(tree), f.__code__.co_filename, "eval"), space)
        else:
            plain = copy.copy(tree)
            plain.decorator_list, plain.returns = [], None
            local: dict[str, Any] = {}
            exec(compile(ast.Module([plain], []), f.__code__.co_filename, "exec"), space, local)
            made[f] = local[f.__name__]
        made[f].__module__ = f.__module__
    for space in spaces.values():
        space.update({name: made[v] for name, v in space.items() if type(v) is FunctionType and v in made})
    return made[root]


def _roots(p: Primitive) -> Iterator[tuple[str, FunctionType]]:
    """The rules of a primitive, by operand; "*" is one for all, "body" what another's rule applies where nobody records."""
    for name, rule in p.rules.items():
        if rule is not None:
            yield name, rule
    if p.joint is not None:
        yield "*", p.joint
    if p.name.endswith("_vjp"):
        yield "body", p.body


@functools.cache
def _forward() -> frozenset[FunctionType]:
    """Functions that the values of primitives are computed by, which no rule has for itself."""
    bodies = [PRIMITIVES[n].body for n in table.KNOWN if not n.endswith("_vjp")]
    return frozenset(g for b in bodies if type(b) is FunctionType for g in _reached(b))


def mutants(p: Primitive, kinds: tuple[str, ...] = KINDS, alone: bool = False) -> Iterator[Mutant]:
    """All mutants of the rules of a primitive, and, unless `alone`, of the private functions that only rules call."""
    for operand, root in _roots(p):
        for f in [root] if alone else _reached(root):
            private = f.__name__.startswith("_") and f.__module__ == root.__module__ and f not in _forward()
            if f is root or private:
                for kind, change, line, tree in _mutations(_source(f)):
                    if kind in kinds:
                        yield Mutant(p.name, operand, kind, change, line, _rebuilt(root, f, tree))


@contextlib.contextmanager
def in_place(mutant: Mutant) -> Iterator[None]:
    """Inside it the primitive has the wrong rule."""
    p = PRIMITIVES[mutant.primitive]
    kept = p.rules, p.joint, p.body, p.pull, p.pull_on_arrays
    match mutant.operand:
        case "body":
            p.body = mutant.rule
        case "*":
            p.joint, p.pull = mutant.rule, p._first_pull
        case operand:
            p.rules, p.pull = {**p.rules, operand: mutant.rule}, p._first_pull
    p.pull_on_arrays = p.pull_on_arrays and p._first_pull_on_arrays
    try:
        yield
    finally:
        p.rules, p.joint, p.body, p.pull, p.pull_on_arrays = kept


# The checks


class Check(NamedTuple):
    """Arguments of one call of `check_vjp`, as a test made it."""

    f: Callable
    xs: list
    rng: np.random.Generator
    order: int
    rtol: float

    def passes(self) -> bool:
        """Whether the derivatives are the differences; a rule that raises or warns is seen too."""
        try:
            with np.errstate(all="ignore"):
                table.check_vjp(self.f, self.xs, copy.deepcopy(self.rng), self.order, rtol=self.rtol)
                table.check_observed(self.f, self.xs, copy.deepcopy(self.rng))
        except Exception:
            return False
        return True


@functools.cache
def checks(name: str, drawn: bool) -> list[Check]:
    """All that the tests of gradients try for the rows of a primitive: what they list, or what is drawn for them."""
    found: list[Check] = []

    def note(f: Callable, xs: list, rng: np.random.Generator, order: int, rtol: float) -> None:
        found.append(Check(f, xs, copy.deepcopy(rng), order, rtol))

    known, table.check_vjp = table.check_vjp, note
    try:
        for case in table.SMOOTH.values():
            if case.name == name:
                (table.test_gradient_is_the_slope if drawn else table.test_gradient_of_all_that_a_row_lists)(case)
    finally:
        table.check_vjp = known
    return found


@functools.cache
def _users(name: str) -> list[str]:
    """The primitives whose rules apply that of this name."""
    found = []
    for other in sorted(table.KNOWN):
        rules = [root for operand, root in _roots(PRIMITIVES[other]) if operand != "body"]
        if any(name in _names(f.__code__) for root in rules for f in _reached(root)):
            found.append(other)
    return found


def passes_edges(name: str) -> bool:
    """Whether a primitive's derivatives are right where differences say nothing."""
    try:
        with np.errstate(all="ignore"):
            EDGES.get(name, bool)()
            for f, x, first, hessian in test_kinks.TABLE.values():
                test_kinks.check_special_point(f, x, first, hessian)
    except Exception:
        return False
    return True


def seen(mutant: Mutant) -> bool:
    """Whether some check of its primitive fails."""
    names = _users(mutant.primitive) if mutant.operand == "body" else [mutant.primitive]
    with in_place(mutant):
        slopes = all(check.passes() for drawn in (False, True) for name in names for check in checks(name, drawn))
        return not slopes or not passes_edges(mutant.primitive)


def main() -> None:
    """Make mutants, print survivors and figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="primitives, with commas between")
    parser.add_argument("--kinds", default=",".join(KINDS))
    options = parser.parse_args()
    names = options.only.split(",") if options.only else sorted(table.KNOWN)
    equivalent = 0
    total, killed, began = collections.Counter(), collections.Counter(), time.process_time()
    for name in names:
        for mutant in mutants(PRIMITIVES[name], tuple(options.kinds.split(","))):
            if mutant.equivalent:
                equivalent += 1
                continue
            total[name] += 1
            if seen(mutant):
                killed[name] += 1
            else:
                print(f"survives: {mutant}", flush=True)
        if total[name]:
            print(f"{name}: {killed[name]} of {total[name]}", flush=True)
    print(
        f"{killed.total()} of {total.total()} mutants of {len(total)} primitives seen, {equivalent} others change nothing; "
        f"{time.process_time() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
