"""Primitive: a function on arrays with its derivative rules, applied to Tensors.

Whatever autonet computes passes through `Primitive.__call__`; there the tape, the compiler's capture and symbolic shapes
look in. A rule sees Tensors and is itself made of primitives, so derivatives have derivatives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType
from typing import Any

from autonet.common.bodies import VARARGS, check_parameters, guarded
from autonet.core import calls, rules
from autonet.core.tape import Node
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError

PRIMITIVES: dict[str, Primitive] = {}  # by name


class Primitive:
    """A differentiable operation.

    Positional parameters of `body` are operands (arrays), keyword-only ones are settings (static, hashable). Called with
    Tensors, arrays or numbers; extra positional arguments fill the settings in order.

    Args:
        body: function from arrays to an array, or to a tuple of arrays. It never changes its inputs: to one outside this
            package they are read-only.
        floating: integers and booleans are cast to the default float first.
        accumulates: float16 is cast to float32 first, and the results back, since sums of halves overflow.
        keep: names of operands that are left out of dtype promotion.
    """

    pure: bool = True  # whether its results depend on its operands alone, so that a plan may compute them once
    symbolic: Callable | None = None  # how placeholders pass through; ops.abstract sets it
    in_single: Callable  # how float16 passes through what accumulates; ops.half_precision sets it

    def __init__(self, body: Callable, floating: bool = False, keep: tuple[str, ...] = (), accumulates: bool = False):
        code = body.__code__
        names, first = code.co_varnames, code.co_argcount
        last = first + code.co_kwonlyargcount
        check_parameters(body)
        # arrays are values that others hold: what is not the package's own cannot change one
        self.body = body if f"{body.__module__}.".startswith("autonet.") else guarded(body)
        self.name = body.__name__
        self.__name__ = self.__qualname__ = body.__name__
        self.__doc__ = body.__doc__
        self.__module__ = body.__module__
        self.variadic = bool(code.co_flags & VARARGS)
        self.operand_names = (names[last],) if self.variadic else names[:first]
        self.setting_names = names[first:last]
        self.defaults = body.__kwdefaults__ or {}
        self.floating = floating
        self.accumulates = accumulates
        self.kept = tuple(name in keep for name in self.operand_names)
        self.rules: dict[str, Callable | None] = {}
        self.joint: Callable | None = None
        self.composition: Callable | None = None  # the same by small primitives, for compilers that join those
        self.saves: tuple[bool, ...] = (False,) * len(self.operand_names)
        self.saves_all = False
        self.saves_result = False
        self.zeros: tuple[bool, ...] = ()  # which operands have a derivative of zero, where some have
        self.open = False  # whether a rule may use tracked Tensors other than those it is given
        self.pull: rules.Pull = self._first_pull
        self.pull_on_arrays: rules.Pull | None = None  # without Tensors on the way, where `on_arrays` declares it
        if self.name in PRIMITIVES:
            raise ArgumentError(
                f"There is a primitive named {self.name!r} already, in {PRIMITIVES[self.name].__module__}."
            )
        PRIMITIVES[self.name] = self

    @property
    def __signature__(self) -> Any:
        from autonet.common import signatures  # late: it takes a tenth of the package's whole import

        return signatures.of_primitive(self, Tensor)

    def __get__(self, instance: Any, owner: type | None = None) -> Primitive:
        """Itself: not bound where it is an attribute of a class. That there is one makes it a routine for `help` and pdoc."""
        return self

    def refusal(self, operands: tuple, settings: dict) -> Exception:
        """The error for a call that does not fit."""
        from autonet.common import signatures

        return signatures.primitive_refusal(self, operands, settings)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple:
        return _named, (self.name,)

    # Declaring derivatives

    def vjp(self, **rules: Callable | None) -> None:
        """Give each operand its rule, from the result's cotangent `g` to the operand's; None is a derivative of zero.

        A rule's parameter names say what it needs, and so what the tape keeps: `g`; `y`, the result; operands; settings;
        `<operand>_shape`, `<operand>_dtype`. A variadic primitive has one rule, with the operand's number `i`, the
        operands under their common name, and `<name>_shapes`.
        """
        for name, rule in rules.items():
            if name not in self.operand_names:
                raise ArgumentError(f"{self.name} has operands {self.operand_names}; there is no {name!r}.")
            self.rules[name] = rule
        zeros = tuple([not self.rules.get(name, name) for name in self.operand_names])
        self.zeros = zeros if any(zeros) else ()
        self._plan_saving([r for r in self.rules.values() if r is not None])

    def joint_vjp(self, rule: Callable) -> None:
        """One rule for all operands, which returns a tuple of cotangents (None for zero): for shared work."""
        self.joint = rule
        self._plan_saving([rule])

    def pull_vjp(self, pull: rules.Pull) -> None:
        """A pull in the place of rules, for what depends on the record behind the operands; all of them are kept."""
        self.saves, self.saves_all = (True,) * len(self.operand_names), True
        self.pull = pull

    def _plan_saving(self, declared: list[Callable]) -> None:
        needed = {name for rule in declared for name in rules.parameters(rule)}
        self.saves = tuple(name in needed for name in self.operand_names)
        self.saves_all = all(self.saves)
        self.saves_result = "y" in needed
        self.open = any(not f"{rule.__module__}.".startswith("autonet.") for rule in declared)
        self.pull = self._first_pull

    def on_arrays(self) -> None:
        """Declare that the rules, run on arrays, give the same: made of + - * / and of primitives without settings.

        A walk that is neither recorded nor captured then runs them so, at half the cost. A test compares the bits.
        """
        self.pull_on_arrays = self._first_pull_on_arrays

    @property
    def body_alone(self) -> Any:
        """What stands for this primitive in a rule that runs on arrays."""
        return self if self.setting_names else self.body

    # Written out at the first use, when the rules stand. (A cached_property would give the object a dictionary, and so make
    # every attribute that a call reads slower.)

    def _first_pull(self, g: Any, node: Node, wanted: Any) -> list[tuple[Node, Any, Any]]:
        self.pull = rules.compile_pull(self)
        return self.pull(g, node, wanted)

    def _first_pull_on_arrays(self, g: Any, node: Node, wanted: Any) -> list[tuple[Node, Any, Any]]:
        self.pull_on_arrays = rules.compile_pull(self, on_arrays=True)
        return self.pull_on_arrays(g, node, wanted)

    # Applying

    __call__ = calls.compile_call()


def _named(name: str) -> Primitive:
    return PRIMITIVES[name]


def primitive(
    body: Callable | None = None, *, floating: bool = False, keep: tuple[str, ...] = (), accumulates: bool = False
) -> Any:
    """Decorator that makes a function on arrays a Primitive; see there.

    Positional parameters are operands, which have no defaults and are not changed in place; keyword-only ones are settings.
    A rule, `vjp(x=...)`, is given by the names of its parameters what it asks for: `g`, the gradient of what follows; `y`,
    the result; operands and settings by their own names. It is made of operations. `x=None`: the derivative is 0.

    >>> @primitive
    ... def cube(x):
    ...     return x**3
    >>> cube.vjp(x=lambda g, x: 3 * g * x * x)
    """

    def make(f: Callable) -> Primitive:
        f = getattr(f, "unguarded", f)
        return _kind(f.__code__, bool(keep))(f, floating, keep, accumulates)

    return make if body is None else make(body)


_NAMES = {1: ("x",), 2: ("x1", "x2")}  # by which the text of a call knows its operands, by their number


def _kind(code: CodeType, keep: bool) -> type[Primitive]:
    """The class for a body: one whose `__call__` is written out for its operands, where these are one or two."""
    given, settings = code.co_varnames[: code.co_argcount], bool(code.co_kwonlyargcount)
    names = _NAMES.get(len(given), ())
    named = settings or given == names  # without settings they are parameters, for callers to name
    return _written_out(names, settings) if names and named and not keep else Primitive


@functools.cache
def _written_out(names: tuple[str, ...], settings: bool) -> type[Primitive]:
    return type("Primitive", (Primitive,), {"__call__": calls.compile_call(names, settings)})
