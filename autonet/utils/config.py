"""A dictionary whose entries are attributes too, and which can be frozen."""

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

from autonet.errors import ArgumentError


class Config(MutableMapping):
    """Named values, as entries and as attributes.

    >>> config = Config(rate=0.1)
    >>> config.seed = 3
    >>> config["seed"], config.to_json()
    (3, '{"rate": 0.1, "seed": 3}')
    >>> config.freeze()
    >>> config.frozen
    True
    """

    def __init__(self, **entries: Any):
        object.__setattr__(self, "_entries", entries)
        object.__setattr__(self, "_frozen", False)

    def _check(self) -> None:
        if self._frozen:
            raise ArgumentError("This Config is frozen: call unfreeze() before changing it.")

    @property
    def frozen(self) -> bool:
        """Whether changes are refused."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse changes from now on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def as_dict(self) -> dict[str, Any]:
        """The entries as a dictionary of their own."""
        return dict(self._entries)

    def to_json(self) -> str:
        """The entries as JSON."""
        return json.dumps(self._entries)

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._check()
        self._entries[name] = value

    def __delitem__(self, name: str) -> None:
        self._check()
        del self._entries[name]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and name in self.__dict__.get("_entries", {}):
            return self._entries[name]
        raise AttributeError(f"This Config has no entry {name!r}.")

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        self._check()
        if name not in self._entries:
            raise AttributeError(f"This Config has no entry {name!r}.")
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<Config {self._entries}>"
