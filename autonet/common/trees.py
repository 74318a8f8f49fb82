"""Nested dicts, lists and tuples: taken apart in one order, put together again."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

from autonet.errors import ArgumentError

SEQUENCES = (list, tuple, deque)


def is_namedtuple(x: Any) -> bool:
    """Whether `x` is an instance of a named tuple's class."""
    return isinstance(x, tuple) and hasattr(x, "_fields")


def flatten(tree: Any) -> list[Any]:
    """The leaves of `tree` in order; dictionaries go by sorted key, None is a leaf.

    >>> flatten({"b": [1, (2, 3)], "a": None})
    [None, 1, 2, 3]
    """
    leaves: list[Any] = []
    _collect(tree, leaves)
    return leaves


def _collect(tree: Any, leaves: list[Any]) -> None:
    if isinstance(tree, dict):
        for key in keys(tree):
            _collect(tree[key], leaves)
    elif isinstance(tree, SEQUENCES):
        for branch in tree:
            _collect(branch, leaves)
    else:
        leaves.append(tree)


def keys(tree: dict) -> list[Any]:
    """The keys of a dictionary in the order in which its branches go; an OrderedDict keeps its own."""
    if isinstance(tree, OrderedDict):
        return list(tree)
    try:
        return sorted(tree)
    except TypeError:
        pass
    try:  # of several types: by type, then in order
        return sorted(tree, key=lambda key: (f"{type(key).__module__}.{type(key).__qualname__}", key))
    except TypeError:  # keys that do not compare keep the order in which they came
        return list(tree)


def flatten_with_path(tree: Any, path: tuple = ()) -> list[tuple[tuple, Any]]:
    """The leaves of `tree`, each with the keys and indices that lead to it."""
    if isinstance(tree, dict):
        return [leaf for key in keys(tree) for leaf in flatten_with_path(tree[key], (*path, key))]
    if isinstance(tree, SEQUENCES):
        return [leaf for i, branch in enumerate(tree) for leaf in flatten_with_path(branch, (*path, i))]
    return [(path, tree)]


def pack(tree: Any, leaves: list[Any]) -> Any:
    """A tree of the structure of `tree` with its leaves replaced, in order, by `leaves`."""
    rest = iter(leaves)
    result = _build(tree, rest)
    for _ in rest:
        raise ArgumentError(f"pack expects {len(flatten(tree))} leaves; received {len(leaves)}.")
    return result


def _build(tree: Any, rest: Iterator[Any]) -> Any:
    if isinstance(tree, dict):
        built = {key: _build(tree[key], rest) for key in keys(tree)}
        return like(tree, {key: built[key] for key in tree})
    if isinstance(tree, SEQUENCES):
        return like(tree, [_build(branch, rest) for branch in tree])
    try:
        return next(rest)
    except StopIteration:
        raise ArgumentError("pack received fewer leaves than the structure has.") from None


def like(tree: Any, branches: Any) -> Any:
    """A dict or sequence of the kind of `tree` with other branches: a dict of them, or a list."""
    kind = type(tree)
    if isinstance(tree, dict):
        if kind is dict:
            return branches
        return kind(tree.default_factory, branches) if isinstance(tree, defaultdict) else kind(branches)
    if isinstance(tree, deque):
        return kind(branches, tree.maxlen)
    return kind(*branches) if is_namedtuple(tree) else kind(branches)


def map_structure(f: Callable, *trees: Any) -> Any:
    """Apply `f` to the corresponding leaves of trees that have one structure.

    >>> map_structure(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]})
    {'x': [11, 22]}
    """
    first, *others = trees
    for other in others:
        assert_same_structure(first, other)
    columns = [flatten(tree) for tree in trees]
    return pack(first, [f(*row) for row in zip(*columns, strict=True)])


def assert_same_structure(a: object, b: object) -> None:
    """Raise ArgumentError unless `a` and `b` nest alike."""
    if isinstance(a, dict) and isinstance(b, dict):
        if set(a) != set(b):
            raise ArgumentError(f"Structures differ: keys {list(a)} against {list(b)}.")
        for key in a:
            assert_same_structure(a[key], b[key])
    elif isinstance(a, SEQUENCES) and isinstance(b, SEQUENCES):
        if len(a) != len(b):
            raise ArgumentError(f"Structures differ: {len(a)} branches against {len(b)}.")
        for x, y in zip(a, b, strict=True):
            assert_same_structure(x, y)
    elif isinstance(a, (dict, *SEQUENCES)) or isinstance(b, (dict, *SEQUENCES)):
        raise ArgumentError(f"Structures differ: {type(a).__name__} against {type(b).__name__}.")
