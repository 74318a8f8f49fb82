"""The names of `keras.ops.numpy`; `autonet.ops` has all of them too."""

from typing import Any


def __getattr__(name: str) -> Any:
    from autonet import ops

    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(ops, name)


def __dir__() -> list[str]:
    from autonet import ops

    return [name for name in dir(ops) if name[0] != "_" and callable(getattr(ops, name))]
