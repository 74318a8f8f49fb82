"""A version of everything that a recorded step takes as fixed: attributes of layers, optimizers, losses and metrics."""

import itertools
from typing import Any


class Structure:
    """Numbers the changes of what a captured step takes as fixed: attributes of layers, optimizers, losses."""

    def __init__(self) -> None:
        self.version = 0
        self._next = itertools.count(1).__next__

    def changed(self) -> None:
        """Say, after a change, that there was one."""
        self.version = self._next()


structure = Structure()


class Versioned:
    """Base of what steps take their fixed numbers from: captured steps look again after an attribute was set."""

    _unfixed: frozenset[str] = frozenset()  # attributes that change from step to step, which no step reads
    _same_made_again: bool = False  # whether a step that finds its attributes made does what the one did that made them

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name not in self._unfixed:
            structure.changed()
