"""For which weights an optimizer was built, by name: its state goes back to these, whatever is trainable then.

{"weights": {"optimizer": ["weights/dense/kernel", "optimizer_weights/0", ...]},     in the order of `build`
 "others": {"optimizer_weights/0": "old/kernel"}}       paths of weights that the model itself no longer has
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autonet.common.lines import warn
from autonet.errors import AutonetError, DataError
from autonet.optimizers import Optimizer
from autonet.saving.matching import Specs
from autonet.saving.names import layer_variables, model_optimizers, optimizer_variables
from autonet.variable import Variable


def parts(optimizer: Any, name: str) -> Iterator[tuple[str, Any]]:
    """An optimizer and those that it wraps, inner ones first."""
    for n, x in enumerate(_inner(list(vars(optimizer).values()))):
        yield from parts(x, f"{name}/inner/{n}")
    yield name, optimizer


def _inner(x: Any) -> list[Any]:
    if isinstance(x, dict):
        x = list(x.values())
    return (
        [found for part in x for found in _inner(part)]
        if isinstance(x, (list, tuple))
        else [x] * isinstance(x, Optimizer)
    )


def same(some: list[Variable], others: list[Variable]) -> bool:
    """Whether these are the same Variables, in the same order."""
    return [id(v) for v in some] == [id(v) for v in others]


def describe(model: Any, optimizers: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Variable]]:
    """Names of the weights for which optimizers were built.

    Args:
        optimizers: built ones, by name.

    Returns: the description, for `rebuild`; and the weights that are the optimizers' alone, by name.
    """
    names = {id(v): name for name, v in layer_variables(model, generators=False).items()}
    others: dict[str, Variable] = {}
    weights = {}
    for name, optimizer in optimizers.items():
        for place, part in parts(optimizer, name):
            for v in part._trainable_variables:
                if id(v) not in names:
                    names[id(v)] = f"optimizer_weights/{len(others)}"
                    others[names[id(v)]] = v
            if part._trainable_variables:  # else one of the user's own, that keeps no list
                weights[place] = [names[id(v)] for v in part._trainable_variables]
    return {"weights": weights, "others": {name: v.path for name, v in others.items()}}, others


def undecayed(model: Any) -> dict[str, list[str]]:
    """The names of the weights that `exclude_from_weight_decay` spares, by optimizer: what its patterns find too."""
    known = layer_variables(model, generators=False)
    spared = {
        place: [name for name, v in known.items() if part._is_spared(v)]
        for name, optimizer in model_optimizers(model).items()
        for place, part in parts(optimizer, name)
        if hasattr(part, "_is_spared")
    }
    return {place: names for place, names in spared.items() if names}


def spare(model: Any, described: Any, path: str) -> None:
    """Spare weights the decay as `undecayed` said; None where a file says nothing."""
    if described is None or not model.compiled:
        return
    known = layer_variables(model, generators=False)
    if not isinstance(described, dict) or not all(
        isinstance(names, list) and all(isinstance(n, str) and n in known for n in names)
        for names in described.values()
    ):
        raise DataError(f"{path} does not say which weights are spared the weight decay. Take another copy of it.")
    for name, optimizer in model_optimizers(model).items():
        for place, part in parts(optimizer, name):
            if place in described:
                part.exclude_from_weight_decay([known[n] for n in described[place]])


def rebuild(model: Any, described: Any, specs: Specs, path: str) -> tuple[dict[str, Variable], list[str]]:
    """Build a model's optimizers for the weights that they had.

    Args:
        described: by `describe`; None in a file without, whose optimizer had the trainable weights if its state fits them.
        specs: shape and dtype of each array there is.
        path: the file, for messages.

    Returns: Variables to be loaded, by name; and the names in `specs` that go nowhere. What is left out, a warning says.

    Raises: DataError for a description that is none.
    """
    kept = [name for name in specs if name.startswith("optimizer")]
    if not model.compiled:
        return {}, kept
    lists, others = _checked(described, specs, layer_variables(model, generators=False), path)
    found = dict(others)
    why = []
    for name, optimizer in model_optimizers(model).items():
        stored = {n: specs[n] for n in kept if n.startswith(f"{name}/")}
        if not stored:
            continue
        misfit = build(model, optimizer, name, lists, others)
        own = optimizer_variables(optimizer, name) if optimizer.built else {}
        misfit = misfit or (None if _fits(own, stored) else "there are other shapes, or another number of them")
        if misfit is None:
            found |= own
        else:
            why.append(f"the state of {optimizer.name} is left out, and it starts anew: {misfit}")
    left = [name for name in kept if name not in found]
    if left and not why:
        why.append(f"the state of optimizers that the model does not have is left out: {left[0]}, ...")
    if why:
        warn(f"{path}: {'; '.join(why)}.")
    return found, left


def build(
    model: Any, optimizer: Any, name: str, lists: dict[str, list[str]], others: Mapping[str, Variable] | None = None
) -> str | None:
    """Build an optimizer, if it is not built, for the weights of these names.

    Args:
        lists: names by place; without the optimizer's own, the main one is of the trainable weights.
        others: weights that the model does not have, by name.

    Returns: why it cannot take the state of these weights, if it cannot.
    """
    known = layer_variables(model, generators=False) | dict(others or {})
    for place, part in parts(optimizer, name):
        if place not in lists:
            if place != name or optimizer.built:
                continue
            if name != "optimizer":
                return "it is not built"
            own = model.trainable_variables
        elif not all(n in known for n in lists[place]):
            return "the model does not have all of its weights"
        else:
            own = [known[n] for n in lists[place]]
        if not part.built:
            try:
                part.build(own)
            except AutonetError as error:
                return str(error)
        elif part._trainable_variables and not same(part._trainable_variables, own):
            return "it was built for other weights than those of the state"
    return None


def _fits(own: Mapping[str, Variable], stored: Specs) -> bool:
    return own.keys() == stored.keys() and all(
        own[n].shape == shape and (own[n].dtype == dtype or own[n].dtype.kind == dtype.kind == "f")
        for n, (shape, dtype) in stored.items()
    )


def _checked(
    described: Any, specs: Specs, known: Mapping[str, Variable], path: str
) -> tuple[dict[str, list[str]], dict[str, Variable]]:
    """What `describe` returned: the lists of names, and the optimizers' own weights, made anew."""
    if described is None:
        return {}, {}
    wrong = DataError(f"{path} does not say for which weights its optimizers were built. Take another copy of it.")
    if not isinstance(described, dict) or set(described) != {"weights", "others"}:
        raise wrong
    lists, paths = described["weights"], described["others"]
    if not isinstance(lists, dict) or not isinstance(paths, dict):
        raise wrong
    others = {}
    for name, place in paths.items():
        if not isinstance(place, str) or not name.startswith("optimizer_weights/") or name not in specs:
            raise wrong
        shape, dtype = specs[name]
        others[name] = Variable(np.zeros(shape, dtype), name=place.rpartition("/")[2] or None)
        others[name].path = place
    for names in lists.values():
        if not isinstance(names, list) or not all(isinstance(n, str) and (n in known or n in others) for n in names):
            raise wrong
        if len(set(names)) < len(names):
            raise wrong
    return lists, others
