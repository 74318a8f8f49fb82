"""Derivative rules at work: from what a rule's parameter names ask for to one function that the walk calls.

A pull is a function of (g, node, wanted): the cotangent of a result, the node of the record, the parents that are wanted
(None: all). It gives triples of tracked parent, its operand, its cotangent.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from autonet.core.tape import Node, Pick
from autonet.core.tensor import wrap
from autonet.errors import ArgumentError, GradientError, ShapeError

Pull = Callable[[Any, Node, Any], list[tuple[Node, Any, Any]]]


def build_pull(primitive: Any) -> Pull:
    """The pull of a primitive, from its rules."""
    if primitive.joint is not None:
        return _of_joint_rule(primitive)
    return _of_variadic(primitive) if primitive.variadic else compile_pull(primitive)


def compile_pull(primitive: Any, on_arrays: bool = False) -> Pull:
    """The pull that calls each operand's rule: written out, since every step of every walk runs one.

    (A closure that looks up what each rule asks for takes 1.4 times as long, for a product of small arrays.)

    With `on_arrays` the rules see arrays: the same code, which finds the bodies of primitives under their names.
    """
    known: dict[str, Any] = dict(_LOOKS)
    lines = ["def pull(g, n, wanted):", "    pulled = []", "    operands = n.operands"]
    lines.append(f"    {', '.join(f'p{i}' for i in range(len(primitive.operand_names)))}, = n.parents")
    for i, name in enumerate(primitive.operand_names):
        rule = primitive.rules.get(name, _missing(primitive.name, name))
        if rule is None:
            continue
        known[f"rule{i}"] = _on_arrays(rule) if on_arrays else rule
        lines.append(f"    if p{i} is not None and (wanted is None or p{i} in wanted):")
        lines.append(f"        c = rule{i}({_arguments(primitive, rule, on_arrays)})")
        if on_arrays:
            lines.append("        if type(c) is ndarray: c = wrap(c)")
        if primitive.open:
            known[f"none{i}"] = _returns_none(primitive.name, name)
            lines.append(f"        if c is None: none{i}()")
        lines.append(f"        if c is not None: pulled.append((p{i}, operands[{i}], c))")
    exec("\n".join([*lines, "    return pulled"]), known)
    return known["pull"]


def _of_joint_rule(primitive: Any) -> Pull:
    details = _arguments(primitive, primitive.joint)
    cotangents = eval(f"lambda g, n: rule({details})", {"rule": primitive.joint, **_LOOKS})

    def pull(g: Any, n: Node, wanted: Any) -> list[tuple[Node, Any, Any]]:
        triples = zip(n.parents, n.operands, cotangents(g, n), strict=True)  # type: ignore[arg-type]
        return [t for t in triples if t[0] is not None and t[2] is not None and (wanted is None or t[0] in wanted)]

    return pull


def _of_variadic(primitive: Any) -> Pull:
    name = primitive.operand_names[0]
    rule = primitive.rules.get(name, _missing(primitive.name, name))
    if rule is None:
        return lambda g, n, wanted: []
    cotangent = eval(f"lambda g, n, i: rule({_arguments(primitive, rule)})", {"rule": rule, **_LOOKS})

    def pull(g: Any, n: Node, wanted: Any) -> list[tuple[Node, Any, Any]]:
        pulled = [
            (p, n.operands[i], cotangent(g, n, i))  # type: ignore[index]
            for i, p in enumerate(n.parents)
            if p is not None and (wanted is None or p in wanted)
        ]
        return [t for t in pulled if t[2] is not None]

    return pull


def parameters(rule: Callable) -> tuple[str, ...]:
    """Names of a rule's parameters."""
    code = rule.__code__
    return code.co_varnames[: code.co_argcount]


def _arguments(primitive: Any, rule: Callable, on_arrays: bool = False) -> str:
    """What a rule is called with, as expressions of g, the node n, and the operand's number i of a variadic one."""
    names = primitive.operand_names
    value = "._value" if on_arrays else ""
    terms = []
    for p in parameters(rule):
        operand, _, aspect = p.rpartition("_")
        if p == "g":
            terms.append("g" + value)
        elif p == "i":
            terms.append(p)
        elif p == "y":
            terms.append("n.result" if on_arrays else "result(n)")
        elif primitive.variadic and p == names[0]:
            terms.append("n.operands")
        elif primitive.variadic and p == names[0] + "_shapes":
            terms.append("[shape(o) for o in n.operands]")
        elif p in names:
            terms.append(f"n.operands[{names.index(p)}]{value}")
        elif p in primitive.setting_names:
            terms.append(f"n.settings[{p!r}]")
        elif operand in names and aspect in ("shape", "dtype"):
            terms.append(f"{aspect}(n.operands[{names.index(operand)}])")
        else:
            raise ArgumentError(f"A rule of {primitive.name} asks for {p!r}, which is no operand, setting, g or y.")
    return ", ".join(terms)


def _on_arrays(rule: Callable) -> Callable:
    known = {name: rule.__globals__[name] for name in rule.__code__.co_names if name in rule.__globals__}
    return FunctionType(rule.__code__, {k: getattr(v, "body_alone", v) for k, v in known.items()})


def _returns_none(name: str, operand: str) -> Callable:
    def refuse() -> None:
        raise GradientError(
            f"The rule of {name} for its operand {operand!r} returns nothing. Let it return the cotangent; where that is "
            f"zero, declare {name}.vjp({operand}=None)."
        )

    return refuse


def misfit(node: Node, parent: Node, shape: tuple[int, ...], received: tuple[int, ...]) -> ShapeError:
    """The error for a rule whose cotangent of shape `received` does not fit its operand's shape."""
    primitive: Any = node.primitive
    place = [p is parent for p in node.parents].index(True)
    names = getattr(primitive, "operand_names", ())
    which = repr(names[place]) if len(names) == len(node.parents) else str(place)
    return ShapeError(
        f"The rule of {primitive.name} for its operand {which} gave a cotangent of shape {received}; the operand has shape "
        f"{shape}. Return one of that shape, or one to which the operand broadcasts."
    )


def _missing(name: str, operand: str) -> Callable:
    def missing() -> Any:
        raise GradientError(
            f"{name} has no derivative with respect to its operand {operand!r}. "
            "Cut it off with ops.stop_gradient if it is to be constant."
        )

    return missing


def shape_of(operand: Any) -> tuple[int, ...]:
    """The shape of an operand, of which a node may know no more than shape and dtype."""
    return operand[0] if type(operand) is tuple else operand._value.shape


def _dtype(operand: Any) -> str:
    return (operand[1] if type(operand) is tuple else operand._value.dtype).name


def _result(node: Node) -> Any:
    if type(node.result) is tuple:
        return tuple([wrap(a, Pick(node, i) if a.dtype.kind == "f" else None) for i, a in enumerate(node.result)])
    return wrap(node.result, node)


# what the expressions of `_arguments` need
_LOOKS = {"result": _result, "shape": shape_of, "dtype": _dtype, "ndarray": np.ndarray, "wrap": wrap}
