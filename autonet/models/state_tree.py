"""All state of a model as a tree of values, by the parts of its Variables' paths."""

from collections.abc import Iterator
from typing import Any

from autonet.core.tensor import convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.variable import Variable

FORMATS = ("backend_tensor", "numpy_array")


def read(model: Any, value_format: str) -> dict[str, Any]:
    """`Model.get_state_tree`: see there."""
    if value_format not in FORMATS:
        raise ArgumentError(f"value_format is {' or '.join(map(repr, FORMATS))}; received {value_format!r}.")
    found: dict[str, Any] = {}
    for kind, variables in _by_kind(model).items():
        root = found[kind] = {}
        for v in variables:
            *above, name = v.path.split("/")
            branch = root
            for part in above:
                branch = branch.setdefault(part, {})
            if name in branch:
                raise ArgumentError(
                    f"{model.label} has two Variables of the path {v.path!r}. Give its layers names of their own."
                )
            branch[name] = v.value if value_format == "backend_tensor" else v.numpy()
    return found


def write(model: Any, tree: dict[str, Any]) -> None:
    """`Model.set_state_tree`: see there."""
    own = _by_kind(model)
    pairs = []
    for kind, branch in tree.items():
        if kind not in own:
            raise ArgumentError(f"{model.label}: a state tree has the parts {', '.join(own)}; received {kind!r}.")
        known = {v.path: v for v in own[kind]}
        for path, value in _leaves(branch):
            if path not in known:
                raise ArgumentError(f"{model.label} has no {path!r} among its {kind}.")
            value = convert_to_tensor(value)
            if value.shape != known[path].shape:
                raise ShapeError(f"{path!r} has shape {known[path].shape}; the tree holds {value.shape}.")
            pairs.append((known[path], value))
    for variable, value in pairs:
        variable.assign(value)


def _by_kind(model: Any) -> dict[str, list[Variable]]:
    return {
        "trainable_variables": model.trainable_variables,
        "non_trainable_variables": model.non_trainable_variables,
        "optimizer_variables": list(model.optimizer.variables) if model.optimizer is not None else [],
        "metrics_variables": model.metrics_variables,
    }


def _leaves(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of each leaf."""
    for name, value in tree.items():
        full = f"{path}/{name}".lstrip("/")
        if isinstance(value, dict):
            yield from _leaves(value, full)
        else:
            yield full, value
