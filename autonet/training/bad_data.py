"""What `fit` says when the loss is no longer a number: only then are the data looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autonet.callbacks.monitor import is_finite
from autonet.common.frames import is_frame, place_of
from autonet.common.lines import warn
from autonet.training.batches import ArrayBatches
from autonet.training.data import NAMES
from autonet.training.nonfinite import is_bad


class NonFiniteReporter:
    """Looks at the logs of each epoch, and warns once, with the rows and columns of the data that hold NaN or infinity.

    Args:
        label: the model's name in the warning.
        sources: by the name of a loss in the logs, the batches that it came from, and what the user gave as them.
    """

    def __init__(self, label: str, sources: dict[str, tuple[Any, Any]]):
        self.label = label
        self.sources = sources

    def epoch_ended(self, epoch: int, logs: dict[str, Any]) -> None:
        """An epoch has ended with these logs."""
        for name in [n for n in self.sources if n in logs and not is_finite(logs[n])]:
            batches, given = self.sources[name]
            self.sources = {}
            why = bad_places(batches, given)
            what = "NaN" if np.isnan(logs[name]) else "infinite"
            if not why:
                clean = "The data are finite. " if isinstance(batches, ArrayBatches) and not batches.on_disk else ""
                why = (
                    f"{clean}callbacks.TerminateOnNaN() says in which step and operation it begins. Often the learning rate "
                    "is too high, or the data are not scaled."
                )
            warn(f"{self.label}: {name} is {what} in epoch {epoch + 1}. {why}")
            return


def bad_places(batches: Any, given: Any) -> str:
    """Where the data behind batches hold NaN or infinity, in words; "" if nowhere, or if they are no arrays."""
    found = list(_places(batches, given)) if isinstance(batches, ArrayBatches) else []
    if not found:
        return ""
    places = "; ".join(found[:3] + ["..."] * (len(found) > 3))
    return f"The data hold such numbers: {places}. Fill them, as with fillna or np.nan_to_num, or leave such rows out."


def _places(batches: ArrayBatches, given: Any) -> Iterator[str]:
    given = given if isinstance(given, (tuple, list)) else (given,)
    for i, (name, part) in enumerate(zip(NAMES, batches.data, strict=True)):
        yield from _in_tree(part, given[i] if i < len(given) else None, name)


def _in_tree(tree: Any, given: Any, name: str) -> Iterator[str]:
    """Where arrays of a tree hold NaN or infinity, in words. `given`: what it was made of."""
    if isinstance(tree, Mapping):
        for key, branch in tree.items():
            yield from _in_tree(branch, given[key] if isinstance(given, Mapping) else None, f"{name}[{key!r}]")
    elif isinstance(tree, (list, tuple)):
        for i, branch in enumerate(tree):
            yield from _in_tree(branch, given[i] if isinstance(given, (list, tuple)) else None, f"{name}[{i}]")
    elif isinstance(tree, np.ndarray) and is_bad(tree):
        bad = ~np.isfinite(tree)
        columns: list[Any] = np.flatnonzero(bad.any(axis=0)).tolist() if tree.ndim == 2 else [None]
        for column in columns:
            here: Any = bad[:, column] if column is not None else bad.reshape(len(bad), -1).any(axis=1)
            row = int(np.argmax(here))
            first = tree[row] if column is None else tree[row, column]
            what = "NaN" if np.isnan(first).any() else "Inf"
            where = place_of(given if is_frame(given) else None, row, column)
            yield f"{name}, {where}: {what} ({int(here.sum())} of {len(here)} rows have such)"
