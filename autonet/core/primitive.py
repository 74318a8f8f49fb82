"""Primitive: a function on arrays with its derivative rules, applied to Tensors.

Whatever autonet computes passes through `Primitive.__call__`; there the tape, the compiler's capture and symbolic shapes
look in. A rule sees Tensors and is itself made of primitives, so derivatives have derivatives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.common import dtypes
from autonet.common.lines import shorten
from autonet.core import calls, refusals, rules
from autonet.core.halves import HALF, converted
from autonet.core.settings import PLAIN, freeze
from autonet.core.state import state
from autonet.core.tape import Node, Pick
from autonet.core.tensor import Tensor, WeakScalar, convert_to_tensor, wrap
from autonet.errors import ArgumentError, AutonetError, DtypeError, SignatureError

PRIMITIVES: dict[str, Primitive] = {}  # by name

_VARARGS, _VARKEYWORDS = 4, 8  # flags of code objects with *args, **kwargs
_new = object.__new__
ndarray = np.ndarray


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

    symbolic: Callable | None = None  # how placeholders pass through; the layers' floor sets it

    def __init__(self, body: Callable, floating: bool = False, keep: tuple[str, ...] = (), accumulates: bool = False):
        code = body.__code__
        names = code.co_varnames
        positional = code.co_argcount
        _check_parameters(body)
        # arrays are values that others hold: what is not the package's own cannot change one
        self.body = body if f"{body.__module__}.".startswith("autonet.") else _guarded(body)
        self.name = body.__name__
        self.__name__ = self.__qualname__ = body.__name__
        self.__doc__ = body.__doc__
        self.__module__ = body.__module__
        self.variadic = bool(code.co_flags & _VARARGS)
        self.setting_names = names[positional : positional + code.co_kwonlyargcount]
        self.operand_names: tuple[str, ...]
        if self.variadic:
            self.operand_names = (names[positional + code.co_kwonlyargcount],)
        else:
            self.operand_names = names[:positional]
        self.defaults = body.__kwdefaults__ or {}
        # what the one comparison at the start of a call tests: nothing to bind
        self.arity = -1 if self.variadic or self.setting_names else positional
        self.floating = floating
        self.accumulates = accumulates
        self.kept = tuple(name in keep for name in self.operand_names)
        self.mixed = any(self.kept)
        self.rules: dict[str, Callable | None] = {}
        self.joint: Callable | None = None
        self.composition: Callable | None = None  # the same by small primitives, for compilers that join those
        self.saves: tuple[bool, ...] = (False,) * len(self.operand_names)
        self.saves_all = False
        self.saves_result = False
        self.flat = False  # every operand has a derivative of zero
        self.open = False  # whether a rule may use tracked Tensors other than those it is given
        self.pull: rules.Pull = self._first_pull
        self.pull_on_arrays: rules.Pull | None = (
            None  # the same without Tensors on the way, where `on_arrays` declares it
        )
        if self.name in PRIMITIVES:
            raise ArgumentError(
                f"There is a primitive named {self.name!r} already, in {PRIMITIVES[self.name].__module__}."
            )
        PRIMITIVES[self.name] = self

    @property
    def __signature__(self) -> Any:
        from autonet.core import signatures  # late: it takes a tenth of the package's whole import

        return signatures.of_primitive(self)

    @property
    def _usage(self) -> str:
        from autonet.core import signatures

        return self.name + signatures.usage(self)

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
        self.flat = not any(self.rules.values())
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

    def _first_pull_on_arrays(self, g: Any, node: Node, wanted: Any) -> list[tuple[Node, Any, Any]]:
        self.pull_on_arrays = rules.compile_pull(self, on_arrays=True)
        return self.pull_on_arrays(g, node, wanted)

    def _first_pull(self, g: Any, node: Node, wanted: Any) -> list[tuple[Node, Any, Any]]:
        self.pull = rules.build_pull(self)
        return self.pull(g, node, wanted)

    # Applying

    def __call__(self, *operands: Any, **settings: Any) -> Any:
        try:
            way, operands, values, settings = self._prepare(operands, settings)
            return way(operands, values, settings)
        except Exception as error:
            shorten(error)
            raise

    def _prepare(self, operands: tuple, settings: dict) -> tuple[Callable, tuple, tuple, dict]:
        """From any call that Python allows: the way to go, operands of one dtype, their arrays, the full settings."""
        if len(operands) != self.arity or settings:
            operands, settings = self._bind(operands, settings)
        if Primitive.symbolic is not None and any(hasattr(x, "_symbolic") for x in operands):
            return self._symbolically, operands, (), settings
        if self.mixed or not self._is_uniform(operands):
            operands = self._convert(operands)
        values = tuple([x._value for x in operands])
        if self.accumulates and any(v.dtype is HALF for v in values):
            return self._in_single, operands, values, settings
        return self._apply, operands, values, settings

    def _is_uniform(self, operands: tuple) -> bool:
        """Whether all are Tensors of one dtype, which the body takes."""
        dtypes = {x._value.dtype if type(x) is Tensor else None for x in operands}
        return len(dtypes) == 1 and (dtype := dtypes.pop()) is not None and not (self.floating and dtype.kind != "f")

    def _apply(self, operands: tuple, values: tuple, settings: dict) -> Any:
        """Run the body, and leave a node where derivatives are recorded: all operations come by here."""
        try:
            result = self.body(*values, **settings) if settings else self.body(*values)
        except AutonetError:
            raise
        except (ValueError, IndexError, TypeError) as error:
            raise refusals.explanation(self, error, values, settings) from None
        if type(result) is not ndarray:
            if type(result) is tuple:
                return self._wrap_many(operands, settings, result)
            result = np.asarray(result)
        tensor = _new(Tensor)
        tensor._value = result
        tensor._node = None
        if state.recording and not self.flat and result.dtype.kind == "f":
            for x in operands:
                if x._node is not None:
                    tensor._node = self._record(operands, settings, result)
                    break
        if state.observer is not None:
            state.observer.record(self, operands, settings, (tensor,))
        return tensor

    def _symbolically(self, operands: tuple, values: tuple, settings: dict) -> Any:
        return Primitive.symbolic(self, operands, settings)  # type: ignore[misc]

    def _in_single(self, operands: tuple, values: tuple, settings: dict) -> Any:
        """Apply to float16 operands as float32, and round the results to float16 (or to the dtype asked for)."""
        asked = settings.get("dtype")
        if asked is not None and dtypes.as_dtype(asked) == HALF:
            settings, asked = {**settings, "dtype": None}, None
        wide = [PRIMITIVES["cast"](x, dtype="float32") if x._value.dtype is HALF else x for x in operands]
        result = self(*wide, **settings)
        return converted(result, "float32", "float16") if asked is None else result

    def _record(self, operands: tuple, settings: dict, result: Any) -> Node | None:
        """The node of this application; None where every tracked operand has a derivative of zero."""
        parents = tuple([x._node for x in operands])
        saves = self.saves * len(operands) if self.variadic else self.saves
        if self.rules and not self.variadic:
            derivatives = [self.rules.get(name, name) for name in self.operand_names]
            if not any(p is not None and rule for p, rule in zip(parents, derivatives, strict=True)):
                return None
        saved = tuple([x if s else (x._value.shape, x._value.dtype) for x, s in zip(operands, saves, strict=True)])
        return Node(self, parents, saved, settings, result if self.saves_result else None)

    def _wrap_many(self, operands: tuple, settings: dict, result: tuple) -> tuple[Tensor, ...]:
        arrays = tuple([np.asarray(r) for r in result])
        tensors = tuple([wrap(a) for a in arrays])
        if state.recording and any(x._node is not None for x in operands):
            node = self._record(operands, settings, arrays)
            if node is not None:
                if node.result is None:  # the walk needs their number, shapes and dtypes for missing cotangents
                    node.result = tuple([(a.shape, a.dtype) for a in arrays])
                for i, t in enumerate(tensors):
                    if t._value.dtype.kind == "f":
                        t._node = Pick(node, i)
        if state.observer is not None:
            state.observer.record(self, operands, settings, tensors)
        return tensors

    def _bind(self, args: tuple, settings: dict) -> tuple[tuple, dict]:
        """Operands and the full set of settings, from any of the spellings that Python allows."""
        names = self.operand_names
        operands = args
        if not self.variadic and len(args) != len(names):
            n = len(names)
            operands, extra = args[:n], args[n:]
            if len(operands) < n:
                try:
                    operands += tuple([settings.pop(name) for name in names[len(operands) :]])
                except KeyError as error:
                    for name in settings.keys() - {*names, *self.setting_names}:
                        raise _no_argument(self, name) from None
                    raise TypeError(f"{self.name}() is missing its operand {error}.") from None
            if len(extra) > len(self.setting_names):
                raise TypeError(f"{self._usage} received {len(args)} positional arguments.")
            settings = {**dict(zip(self.setting_names, extra, strict=False)), **settings}
        full = {**self.defaults, **settings} if self.defaults else settings
        if len(full) != len(self.setting_names):
            for name in full:
                if name not in self.setting_names:
                    raise _no_argument(self, name)
            missing = [name for name in self.setting_names if name not in full]
            raise TypeError(f"{self._usage} is missing {missing[0]!r}.")
        for name, value in full.items():
            if value.__class__ not in PLAIN:
                full[name] = freeze(value, self.name, name)
        return operands, full

    def _convert(self, operands: tuple) -> tuple:
        """Operands as Tensors of one dtype, but for those named in `keep`."""
        default = dtypes.floatx()
        kept = self.kept * len(operands) if self.variadic else self.kept
        common = None
        weak = []
        tensors: list[Any] = []
        for x, keep in zip(operands, kept, strict=True):
            kind = type(x)
            if not keep and kind in _WEAK:
                weak.append(x.kind if kind is WeakScalar else kind)
                tensors.append(x)
                continue
            x = convert_to_tensor(x).snapshot()
            tensors.append(x)
            if not keep:
                common = x._value.dtype if common is None else dtypes.promote(common, x._value.dtype, default)
        if weak and common is None:
            common = dtypes.as_dtype(dtypes.result_type(*weak))
            if common.kind == "i" and any(_is_long(x) for x in tensors):
                common = np.dtype("int64")
        for kind in weak:
            common = dtypes.weaken(kind, common)  # type: ignore[arg-type]
        if common is not None and self.floating and common.kind != "f":
            common = dtypes.as_dtype(default)
        for i, x in enumerate(tensors):
            if kept[i]:
                continue
            if type(x) is WeakScalar:
                tensors[i] = x.to_strong(common)
            elif not isinstance(x, Tensor):
                tensors[i] = wrap(np.array(x, common))
            elif x._value.dtype != common:
                tensors[i] = PRIMITIVES["cast"](x, dtype=common.name)  # type: ignore[union-attr]
        return tuple(tensors)


def _check_parameters(body: Callable) -> None:
    """Refuse parameters of which a call could not say what they are.

    Raises: ArgumentError.
    """
    code, name = body.__code__, body.__name__
    if body.__defaults__:  # type: ignore[attr-defined]
        last = code.co_varnames[code.co_argcount - 1]
        raise ArgumentError(
            f"Operands of a primitive have no defaults, as {last!r} of {name} has. Make it a setting, as in "
            f"def {name}(x, *, {last}=...), or leave the default out."
        )
    if code.co_flags & _VARKEYWORDS:
        raise ArgumentError(
            f"A primitive names its settings; {name} takes **settings. Write def {name}(x, *, setting)."
        )
    if code.co_flags & _VARARGS and code.co_argcount:
        raise ArgumentError(
            f"A primitive has named operands or any number of them; {name} has both. Write def {name}(*xs)."
        )


def _guarded(body: Callable) -> Callable:
    """A body that sees its operands, but cannot change them, and whose results are arrays."""

    @functools.wraps(body)
    def guarded(*values: np.ndarray, **settings: Any) -> Any:
        views = [v.view() for v in values]
        for view in views:
            view.flags.writeable = False
        try:
            result = body(*views, **settings)
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            raise ArgumentError(
                f"{body.__name__} changes an operand in place, which others hold. Let it make a new array, as with "
                "x = x + 1 for x += 1, or work on x.copy()."
            ) from None
        for r in result if type(result) is tuple else (result,):
            if r is None or np.asarray(r).dtype.kind not in "biuf":
                what = "nothing: let it return" if r is None else f"{type(r).__name__} {r!r:.60}; it must return"
                raise DtypeError(f"{body.__name__} returns {what} an array of numbers, or a tuple of such.")
        return result

    guarded.unguarded = body  # type: ignore[attr-defined]
    return guarded


def _named(name: str) -> Primitive:
    return PRIMITIVES[name]


class _Unary(Primitive):
    """A primitive of one operand `x` and no settings."""

    __call__ = calls.compile_method(("x",), settings=False)


class _UnaryWith(Primitive):
    """A primitive of one operand `x` and settings."""

    __call__ = calls.compile_method(("x",), settings=True)


class _Binary(Primitive):
    """A primitive of two operands `x1` and `x2` and no settings."""

    __call__ = calls.compile_method(("x1", "x2"), settings=False)


_WEAK = (bool, int, float, WeakScalar)


def _is_long(x: Any) -> bool:
    """Whether a number does not fit 32 bits."""
    if type(x) is WeakScalar:
        return x.kind is int and abs(int(x._value)) >= 2**31
    return type(x) is int and abs(x) >= 2**31


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
        code = f.__code__
        operands = code.co_varnames[: code.co_argcount]
        kind: Any = Primitive
        if operands == ("x",) and not keep and not code.co_flags & _VARARGS:
            kind = _UnaryWith if code.co_kwonlyargcount else _Unary
        elif operands == ("x1", "x2") and not (code.co_kwonlyargcount or code.co_flags & _VARARGS or keep):
            kind = _Binary
        return kind(f, floating, keep, accumulates)

    return make if body is None else make(body)


def _no_argument(op: Primitive, name: str) -> SignatureError:
    from autonet.common.signatures import no_argument  # loaded when it is needed: `inspect` takes its time

    return no_argument(op.name, name, [*op.operand_names, *op.setting_names])
