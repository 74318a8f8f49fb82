"""Nested structures: what Keras's documentation says of each function, and round trips."""

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from autonet import tree
from autonet.errors import ArgumentError

Point = namedtuple("Point", "x y")
NESTED = {"b": [1, (2, Point(3, [4]))], "a": None}


def test_leaves_and_back():
    assert tree.flatten(NESTED) == [None, 1, 2, 3, 4]
    assert tree.pack_sequence_as(NESTED, tree.flatten(NESTED)) == NESTED
    assert tree.flatten(3) == [3] and tree.pack_sequence_as(3, [5]) == 5
    assert tree.flatten_with_path(NESTED)[-1] == (("b", 1, 1, 1, 0), 4)
    with pytest.raises(ArgumentError):
        tree.pack_sequence_as([1, 2], [1])
    with pytest.raises(ArgumentError):
        tree.pack_sequence_as([1, 2], [1, 2, 3])
    with pytest.raises(TypeError):
        tree.pack_sequence_as([1, 2], 5)


def test_ordered_dictionaries_keep_their_order():
    ordered = OrderedDict(b=1, a=2)
    assert tree.flatten(ordered) == [1, 2]
    assert list(tree.map_structure(lambda x: x * 10, ordered).items()) == [("b", 10), ("a", 20)]
    assert tree.pack_sequence_as(ordered, [5, 6]) == OrderedDict(b=5, a=6)


def test_map_structure():
    assert tree.map_structure(lambda a, b: a + b, [1, (2,)], [10, (20,)]) == [11, (22,)]
    assert tree.map_structure(lambda x: x + 1, {"a": [1, None]}, none_is_leaf=False) == {"a": [2, None]}
    for wrong in ((3, 4), [3], [3, [4]], {"a": 1}):
        with pytest.raises(ArgumentError, match="differ"):
            tree.map_structure(lambda a, b: a, [1, 2], wrong)
    with pytest.raises(ArgumentError, match="None"):
        tree.map_structure(lambda a, b: a, [1, None], [1, 2], none_is_leaf=False)
    with pytest.raises(ArgumentError, match="at least one"):
        tree.map_structure(lambda x: x)
    with pytest.raises(TypeError, match="function"):
        tree.map_structure(3, [1])


def test_kinds_of_containers():
    counts = defaultdict(int, b=1, a=2)
    found = tree.map_structure(lambda x: x + 1, counts)
    assert found == {"b": 2, "a": 3} and type(found) is defaultdict and found.default_factory is int
    assert tree.traverse(lambda x: None, counts).default_factory is int
    queue = deque([1, [2]], maxlen=3)
    assert tree.is_nested(queue) and tree.flatten_with_path(queue) == [((0,), 1), ((1, 0), 2)]
    found = tree.map_structure(lambda x: -x, queue)
    assert found == deque([-1, [-2]]) and found.maxlen == 3
    with pytest.raises(ArgumentError, match="differ"):
        tree.map_structure(max, [1, [2]], queue)
    assert tree.flatten({"a": 1, 2: 3, "B": 4}) == [3, 4, 1]  # int before str
    assert tree.map_shape_structure(lambda s: s, {"a": None, "b": [(1, 2), 3]}) == {"a": None, "b": [(1, 2), 3]}


def test_map_structure_up_to():
    assert tree.map_structure_up_to([None, [None, None]], str, [[1, 1], [2, 2]]) == ["[1, 1]", ["2", "2"]]
    assert tree.map_structure_up_to({"a": 0}, lambda a, b: (a, b), {"a": [1, 2]}, {"a": 3}) == {"a": ([1, 2], 3)}
    for shallow, deep in (([0, 0], [1, 2, 3]), ((0, 0), [1, [2]]), ({"a": 0}, {"b": 0}), ({"a": 0}, 3)):
        with pytest.raises(ArgumentError, match="differ"):
            tree.map_structure_up_to(shallow, str, deep)


def test_same_structure_and_same_paths():
    tree.assert_same_structure({"a": [1, (2,)]}, {"a": [None, (3,)]})
    tree.assert_same_paths([0, (1,)], (2, Point(3, 4))[:1] + ([5],))
    for a, b in (([1], (1,)), ([1, [2]], [1, 2]), ({"a": 1}, {"b": 1}), ([1], [1, 2])):
        with pytest.raises(ArgumentError, match="differ"):
            tree.assert_same_structure(a, b)
    with pytest.raises(ArgumentError, match="different paths"):
        tree.assert_same_paths({"a": 1}, [1])


def test_traverse_goes_down_or_up():
    structure = [(1, 2), [3], {"a": 4}]
    for top_down, expected in (
        (True, [structure, (1, 2), 1, 2, [3], 3, {"a": 4}, 4]),
        (False, [1, 2, (1, 2), 3, [3], 4, {"a": 4}, structure]),
    ):
        seen: list = []
        assert tree.traverse(seen.append, structure, top_down) == structure
        assert seen == expected
    assert tree.traverse(lambda x: "L" if isinstance(x, tuple) else None, [1, (2, 3)]) == [1, "L"]
    assert tree.traverse(lambda x: sum(x) if isinstance(x, tuple) else None, [1, (2, 3)], top_down=False) == [1, 5]
    assert tree.traverse(lambda x: tree.MAP_TO_NONE if x == 2 else None, [1, Point(2, 3)]) == [1, Point(None, 3)]


def test_shapes_are_leaves():
    assert tree.map_shape_structure(len, {"a": (1, 2), "b": [(3, None, 4)]}) == {"a": 2, "b": [3]}
    assert tree.map_shape_structure(lambda s: s, ((1, 2), (3,))) == ((1, 2), (3,))
    assert tree.map_shape_structure(lambda s: "shape", (None, 3)) == "shape"
    assert tree.map_shape_structure(lambda s: s, {"a": "b"}) == {"a": "b"}


def test_lists_become_tuples():
    assert tree.lists_to_tuples({"a": [1, [2]], "b": Point([1], 2)}) == {"a": (1, (2,)), "b": Point((1,), 2)}
