"""Nested lists, tuples and dicts under Keras's names; `autonet.core.trees` does the work."""

from autonet.core.trees import assert_same_structure as assert_same_structure
from autonet.core.trees import flatten as flatten
from autonet.core.trees import flatten_with_path as flatten_with_path
from autonet.core.trees import map_structure as map_structure


def is_nested(structure: object) -> bool:
    """Whether `structure` is a list, tuple or dict.

    >>> is_nested([]), is_nested(3)
    (True, False)
    """
    return isinstance(structure, (list, tuple, dict))


def lists_to_tuples(structure: object) -> object:
    """The same structure with tuples for lists.

    >>> lists_to_tuples([1, {"a": [2]}])
    (1, {'a': (2,)})
    """
    if isinstance(structure, dict):
        return {key: lists_to_tuples(branch) for key, branch in structure.items()}
    if isinstance(structure, list) or type(structure) is tuple:
        return tuple(lists_to_tuples(branch) for branch in structure)
    return structure
