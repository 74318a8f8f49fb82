"""Nested lists, tuples and dicts under Keras's names; `autonet.common.trees` does the work.

Dictionaries go by sorted key (those of several types by type first), OrderedDicts in their own order; named tuples and deques
are nested too, None is a leaf.
"""

from collections.abc import Callable, Iterable
from typing import Any

from autonet.common import trees
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.errors import ArgumentError

__docformat__ = "google"


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put None into the result."""


def is_nested(structure: object) -> bool:
    """Whether `structure` is a list, tuple, deque or dict.

    >>> is_nested([]), is_nested(3)
    (True, False)
    """
    return isinstance(structure, (dict, *trees.SEQUENCES))


def flatten(structure: object) -> list[Any]:
    """The leaves in order.

    >>> flatten({"b": [1, (2, 3)], "a": None})
    [None, 1, 2, 3]
    """
    return trees.flatten(structure)


def flatten_with_path(structure: object) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves in order, each with the keys and indices that lead to it.

    >>> flatten_with_path({"a": [5]})
    [(('a', 0), 5)]
    """
    return trees.flatten_with_path(structure)


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """A structure nested like `structure` with these leaves, in order.

    >>> pack_sequence_as({"b": 1, "a": [2, 3]}, [10, 20, 30])
    {'b': 30, 'a': [10, 20]}
    """
    return trees.pack(structure, list(flat_sequence))


def assert_same_structure(a: Any, b: Any, check_types: object = None) -> None:
    """Raise ValueError unless `a` and `b` nest alike, lists with lists and tuples with tuples.

    `check_types` is without effect, as in Keras.
    """
    if isinstance(a, dict) and isinstance(b, dict):
        if set(a) != set(b):
            raise ArgumentError(f"Structures differ: keys {list(a)} against {list(b)}.")
        for key in a:
            assert_same_structure(a[key], b[key])
    elif is_nested(a) or is_nested(b):
        if type(a) is not type(b):
            raise ArgumentError(f"Structures differ: {_told(a)} against {_told(b)}.")
        if len(a) != len(b):
            raise ArgumentError(f"Structures differ: {len(a)} branches against {len(b)}.")
        for x, y in zip(a, b, strict=True):
            assert_same_structure(x, y)


def _told(x: Any) -> str:
    return type(x).__name__ if is_nested(x) else f"the leaf {x!r}"


def assert_same_paths(a: object, b: object) -> None:
    """Raise ValueError unless the same keys and indices lead to leaves in both, whatever the types on the way."""
    first, second = ({path for path, _ in trees.flatten_with_path(x)} for x in (a, b))
    if first != second:
        raise ArgumentError(
            f"Structures have different paths: {sorted(map(str, first - second)) or 'none'} are in the first alone, "
            f"{sorted(map(str, second - first)) or 'none'} in the second."
        )


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """`func` applied to the corresponding leaves of structures that nest alike.

    With none_is_leaf=False a None stays a None, and must be one in every structure.

    >>> map_structure(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]})
    {'x': [11, 22]}
    """
    if not callable(func):
        raise TypeError(f"map_structure expects a function first; received {type(func).__name__}.")
    if not structures:
        raise ArgumentError("map_structure expects at least one structure; received none.")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)

    def leaf(*values: Any) -> Any:
        if none_is_leaf or all(v is not None for v in values):
            return func(*values)
        if any(v is not None for v in values):
            raise ArgumentError(f"Structures differ: None against {next(v for v in values if v is not None)!r}.")
        return None

    return trees.map_structure(leaf, *structures)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """`func` applied to what stands in `structures` where `shallow_structure` has its leaves.

    >>> map_structure_up_to([None, None], len, [[1, 1], [2, 2, 2]])
    [2, 3]
    """
    if not callable(func):
        raise TypeError(f"map_structure_up_to expects a function second; received {type(func).__name__}.")
    if not structures:
        raise ArgumentError("map_structure_up_to expects at least one structure; received none.")
    columns = [_branches(shallow_structure, structure) for structure in structures]
    return trees.pack(shallow_structure, [func(*row) for row in zip(*columns, strict=True)])


def _branches(shallow: Any, deep: Any) -> list[Any]:
    """The parts of `deep` where `shallow` has leaves."""
    if not is_nested(shallow):
        return [deep]
    if isinstance(shallow, dict):
        if not isinstance(deep, dict) or set(shallow) != set(deep):
            raise ArgumentError(f"Structures differ: {_told(shallow)} with keys {list(shallow)} against {deep!r}.")
        return [part for key in trees.keys(shallow) for part in _branches(shallow[key], deep[key])]
    if type(shallow) is not type(deep) or len(shallow) != len(deep):
        raise ArgumentError(f"Structures differ: {_told(shallow)} of {len(shallow)} against {deep!r}.")
    return [part for x, y in zip(shallow, deep, strict=True) for part in _branches(x, y)]


def map_shape_structure(func: Callable[..., Any], structure: Any) -> Any:
    """`func` applied to each shape, a tuple or list of numbers and Nones, in a structure.

    >>> map_shape_structure(len, {"a": (None, 2), "b": [(3,)]})
    {'a': 2, 'b': [1]}
    """
    if not callable(func):
        raise TypeError(f"map_shape_structure expects a function first; received {type(func).__name__}.")
    if isinstance(structure, (tuple, list)) and all(isinstance(n, (int, type(None))) for n in structure):
        return func(structure)
    if isinstance(structure, dict):
        return trees.like(structure, {key: map_shape_structure(func, branch) for key, branch in structure.items()})
    if isinstance(structure, trees.SEQUENCES):
        return trees.like(structure, [map_shape_structure(func, branch) for branch in structure])
    return func(structure)


def traverse(func: Callable[..., Any], structure: Any, top_down: bool = True) -> Any:
    """`func` called with every part of a structure, the whole included; what it returns replaces that part.

    Args:
        func: returns None to leave a part as it is, MAP_TO_NONE to put None there. Going down, what is replaced is not
            entered.
        top_down: parents before their children.

    >>> traverse(lambda x: x + 1 if isinstance(x, int) else None, [1, (2, 3)])
    [2, (3, 4)]
    """
    if not callable(func):
        raise TypeError(f"traverse expects a function first; received {type(func).__name__}.")
    if top_down:
        found = func(structure)
        if found is not None:
            return _unmarked(found)
    if isinstance(structure, dict):
        new = {key: traverse(func, structure[key], top_down) for key in trees.keys(structure)}
        result: Any = trees.like(structure, {key: new[key] for key in structure})
    elif isinstance(structure, trees.SEQUENCES):
        result = trees.like(structure, [traverse(func, branch, top_down) for branch in structure])
    else:
        result = structure
    if not top_down:
        found = func(result)
        if found is not None:
            return _unmarked(found)
    return result


def _unmarked(found: Any) -> Any:
    return None if found is MAP_TO_NONE or isinstance(found, MAP_TO_NONE) else found


def lists_to_tuples(structure: Any) -> Any:
    """The same structure with tuples for lists.

    >>> lists_to_tuples([1, {"a": [2]}])
    (1, {'a': (2,)})
    """
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


_filter_tracebacks(__name__)
