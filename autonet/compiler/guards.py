"""What a captured step took as fixed: plain attributes of layers and optimizers, and which weights are trained.

Any change of such an attribute, anywhere, moves `structure.version`; only then do plans compare their signatures.
"""

from __future__ import annotations

import weakref
from typing import Any

from autonet.core.state import structure

_PLAIN = (bool, int, float, str, type(None), tuple)


def signature(thing: Any) -> tuple:
    """The attributes of `thing` that a step may have used as constants."""
    ignored = getattr(thing, "_unfixed", ())
    parts = []
    for name, value in vars(thing).items():
        if name in ignored:
            continue
        if isinstance(value, _PLAIN):
            parts.append((name, value))
        elif isinstance(value, (list, dict)):
            parts.append((name, len(value)))
        else:
            parts.append((name, id(value)))
    return tuple(parts)


class Guards:
    """The signatures of everything that took part in a capture."""

    def __init__(self, touched: list[Any], variables: list[Any]):
        self.things = [weakref.ref(t) for t in touched]
        self.variables = [weakref.ref(v) for v in variables]
        self.taken = self._take()
        self.version = structure.version

    def _take(self) -> tuple:
        things = [None if t is None else signature(t) for t in (r() for r in self.things)]
        return tuple(things), tuple([None if v is None else v.trainable for v in (r() for r in self.variables)])

    def hold(self) -> bool:
        """Whether everything is as it was at the capture."""
        if self.version == structure.version:
            return True
        if self._take() != self.taken:
            return False
        self.version = structure.version
        return True
