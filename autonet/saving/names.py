"""Names for the arrays of a model: by structure, so that two models built alike have the same ones.

A layer goes by its class in snake_case, numbered among its siblings (dense, dense_1, ...), a weight by its own name, a
generator by its place, an optimizer's Variables by theirs: "weights/dense_1/kernel", "generators/dropout/seed_generator",
"optimizer/3".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from autonet.optimizers import Optimizer
from autonet.random.seeds import SeedGenerator
from autonet.serialization.objects import snake_case
from autonet.variable import Variable


def numbered(names: list[str]) -> list[str]:
    """The names, repeated ones with _1, _2, ... in order.

    >>> numbered(["dense", "dropout", "dense"])
    ['dense', 'dropout', 'dense_1']
    """
    seen: Counter[str] = Counter()
    unique: dict[str, None] = {}
    for name in names:
        new = name
        while new in unique:
            seen[name] += 1
            new = f"{name}_{seen[name]}"
        unique[new] = None
    return list(unique)


def named_layers(layer: Any) -> Iterator[tuple[str, Any]]:
    """A layer, under "", and all below it by the names of their places, parents first; a shared one at its first place.

    What is inside a layer is looked at after it was given out.
    """
    stack = [("", layer)]
    seen = set()
    while stack:
        name, x = stack.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        yield name, x
        below = x._sublayers
        names = numbered([snake_case(type(inner).__name__) for inner in below])
        stack += reversed([(f"{name}/{n}" if name else n, inner) for n, inner in zip(names, below, strict=True)])


def layer_variables(model: Any, generators: bool = True) -> dict[str, Variable]:
    """Every Variable of a model and the layers inside, by name; one that is shared, at its first place."""
    found: dict[str, Variable] = {}
    known: set[int] = set()
    for place, x in named_layers(model):
        weights = x._own_weights()
        states = [g.state for g in x._own(SeedGenerator)] if generators else []
        for kind, names, own in (
            ("weights", ["variable" if v.unnamed else v.name.replace("/", "_") for v in weights], weights),
            ("generators", ["seed_generator"] * len(states), states),
        ):
            for name, v in zip(numbered(names), own, strict=True):
                if id(v) not in known:
                    known.add(id(v))
                    found["/".join([kind, *([place] if place else []), name])] = v
    return found


def optimizer_variables(optimizer: Any, name: str = "optimizer") -> dict[str, Variable]:
    """Every Variable of an optimizer by name."""
    return {f"{name}/{n}": v for n, v in enumerate(optimizer.variables)}


def model_optimizers(model: Any) -> dict[str, Any]:
    """The optimizer of a model, and others among its attributes, by name."""
    found = {"optimizer": model.optimizer} if model.optimizer is not None else {}
    for attribute, x in vars(model).items():
        if isinstance(x, Optimizer) and not any(x is known for known in found.values()):
            found[f"optimizers/{attribute}"] = x
    return found
