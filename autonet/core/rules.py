"""Derivative rules at work: from what a rule's parameter names ask for to one function that the walk calls.

A pull is a function of (g, node, wanted): the cotangent of a result, the node of the record, the parents that are wanted
(None: all). It gives triples of tracked parent, its operand, its cotangent.
"""

from __future__ import annotations

from collections.abc import Callable
from textwrap import indent
from types import FunctionType
from typing import Any

import numpy as np

from autonet.common import refusals  # noqa: F401 (the text that is written out here names it)
from autonet.common.lines import compiled
from autonet.core.tape import Node, Pick
from autonet.core.tensor import wrap
from autonet.errors import ArgumentError

Pull = Callable[[Any, Node, Any], list[tuple[Node, Any, Any]]]
MISSING: Any = object()  # the rule of an operand for which none was declared
ndarray = np.ndarray

_PULL = """
def pull(g, n, wanted):
    parents, operands, pulled = n.parents, n.operands, []
{steps}
    return pulled
"""
_JOINT = """
for p, o, c in zip(parents, operands, joint({arguments}), strict=True):
    if p is not None and c is not None and (wanted is None or p in wanted):
        pulled.append((p, o, c))"""
_OPERAND = """
p = parents[{i}]
if p is not None and (wanted is None or p in wanted):
    {cotangent}
    if c is not None:
        pulled.append((p, operands[{i}], c))
    elif {open}:
        raise refusals.rule_without_result({names})"""
_OPERANDS = "\nfor i in range(len(parents)):" + indent(_OPERAND, "    ")


def compile_pull(primitive: Any, on_arrays: bool = False) -> Pull:
    """The pull that calls each operand's rule: written out, since every step of every walk runs one.

    (A closure that looks up what each rule asks for takes 1.4 times as long, for a product of small arrays.)

    With `on_arrays` the rules see arrays: the same code, which finds the bodies of primitives under their names.
    """
    known, steps = {}, []
    if primitive.joint is not None:
        known["joint"] = primitive.joint
        steps.append(_JOINT.format(arguments=_arguments(primitive, primitive.joint)))
    for i, name in enumerate([] if steps else primitive.operand_names):
        rule, names = primitive.rules.get(name, MISSING), f"{primitive.name!r}, {name!r}"
        if rule is None:
            continue
        if rule is MISSING:
            cotangent = f"raise refusals.missing_rule({names})"
        else:
            known[f"rule{i}"] = _on_arrays(rule) if on_arrays else rule
            cotangent = f"c = rule{i}({_arguments(primitive, rule, on_arrays)})"
        if on_arrays:
            cotangent += "; c = wrap(c) if type(c) is ndarray else c"
        step = _OPERANDS.replace("{i}", "i") if primitive.variadic else _OPERAND
        steps.append(step.format(i=i, cotangent=cotangent, open=primitive.open, names=names))
    text = _PULL.format(steps=indent("".join(steps), "    "))
    return FunctionType(compiled(text, f"pull of {primitive.name}"), {**globals(), **known})


def parameters(rule: Callable) -> tuple[str, ...]:
    """Names of a rule's parameters."""
    code = rule.__code__
    return code.co_varnames[: code.co_argcount]


def _arguments(primitive: Any, rule: Callable, on_arrays: bool = False) -> str:
    """What a rule is called with, as expressions of g, the node n, its operands, and an operand's number i."""
    names, value = primitive.operand_names, "._value" if on_arrays else ""
    if primitive.variadic:
        terms = {names[0]: "operands", f"{names[0]}_shapes": "[shape_of(o) for o in operands]"}
    else:
        terms = {}
        for i, name in enumerate(names):
            operand = f"operands[{i}]"
            terms |= {
                name: operand + value,
                f"{name}_shape": f"shape_of({operand})",
                f"{name}_dtype": f"dtype_of({operand})",
            }
    terms |= {name: f"n.settings[{name!r}]" for name in primitive.setting_names}
    terms |= {"g": "g" + value, "i": "i", "y": "n.result" if on_arrays else "result_of(n)"}
    for p in parameters(rule):
        if p not in terms:
            raise ArgumentError(f"A rule of {primitive.name} asks for {p!r}, which is no operand, setting, g or y.")
    return ", ".join([terms[p] for p in parameters(rule)])


def _on_arrays(rule: Callable) -> Callable:
    known = {name: rule.__globals__[name] for name in rule.__code__.co_names if name in rule.__globals__}
    return FunctionType(rule.__code__, {k: getattr(v, "body_alone", v) for k, v in known.items()})


def shape_of(operand: Any) -> tuple[int, ...]:
    """The shape of an operand, of which a node may know no more than shape and dtype."""
    return operand[0] if type(operand) is tuple else operand._value.shape


def dtype_of(operand: Any) -> str:
    """Likewise the name of its dtype."""
    return (operand[1] if type(operand) is tuple else operand._value.dtype).name


def result_of(node: Node) -> Any:
    """The Tensor of a node's result, or the tuple of them."""
    if type(node.result) is tuple:
        return tuple([wrap(a, Pick(node, i) if a.dtype.kind == "f" else None) for i, a in enumerate(node.result)])
    return wrap(node.result, node)
