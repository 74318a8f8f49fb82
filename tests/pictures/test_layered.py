"""Layouts of drawn graphs: nothing overlaps, lines lead onwards, no line runs through a box."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.pictures import layered as module
from autonet.pictures.layered import layered

GAP, STEP = 20.0, 24.0
lengths = st.floats(10, 200)


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 14))
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=20)) if pairs else []
    return [(draw(lengths), draw(lengths)) for _ in range(n)], edges


def boxes_of(layout, sizes):
    return [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(layout.centres, sizes, strict=True)]


@given(graphs())
def test_boxes_stand_apart_and_lines_lead_onwards(graph):
    sizes, edges = graph
    layout = layered(sizes, edges, GAP, STEP)
    boxes = boxes_of(layout, sizes)
    for a, b in itertools.combinations(boxes, 2):
        beside = a[2] + GAP <= b[0] + 1e-6 or b[2] + GAP <= a[0] + 1e-6
        apart = a[3] + STEP <= b[1] + 1e-6 or b[3] + STEP <= a[1] + 1e-6
        assert beside or apart
    for x0, y0, x1, y1 in boxes:
        assert x0 >= -1e-6 and y0 >= -1e-6 and x1 <= layout.across + 1e-6 and y1 <= layout.along + 1e-6
    for (a, b), line in zip(edges, layout.lines, strict=True):
        start, end = line[0][0], line[-1][1]
        assert boxes[a][0] <= start[0] <= boxes[a][2] and start[1] == pytest.approx(boxes[a][3])
        assert boxes[b][0] <= end[0] <= boxes[b][2] and end[1] == pytest.approx(boxes[b][1])
        heights = [p[1] for pair in line for p in pair]
        assert all(low <= high + 1e-6 for low, high in itertools.pairwise(heights))


@given(graphs())
def test_no_line_runs_through_a_box(graph):
    """Lines are straight where boxes stand, and curve only between ranks."""
    sizes, edges = graph
    layout = layered(sizes, edges, GAP, STEP)
    boxes = boxes_of(layout, sizes)
    for (a, b), line in zip(edges, layout.lines, strict=True):
        for start, end in line:
            assert start[0] == end[0]
            for i, (x0, y0, x1, y1) in enumerate(boxes):
                if i not in (a, b) and min(end[1], y1) - max(start[1], y0) > 1e-6:
                    assert not x0 < start[0] < x1
        for (_, leave), (enter, _) in itertools.pairwise(line):
            for _, y0, _, y1 in boxes:
                assert min(enter[1], y1) - max(leave[1], y0) <= 1e-6


@given(graphs())
def test_a_graph_has_one_drawing(graph):
    assert layered(*graph, GAP, STEP) == layered(*graph, GAP, STEP)


def test_a_chain_is_straight_and_a_tree_is_not_crossed():
    chain = layered([(50.0 + 10 * i, 20.0) for i in range(6)], [(i, i + 1) for i in range(5)], GAP, STEP)
    assert len({round(x, 6) for x, _ in chain.centres}) == 1
    crossed = [(0, 2), (0, 5), (1, 3), (1, 4), (1, 5)]
    middle = layered([(30.0, 20.0)] * 6, crossed, GAP, STEP)
    x = [c[0] for c in middle.centres]
    assert (x[0] < x[1]) == (x[2] < x[3]) == (x[2] < x[5]) == (x[5] < x[4])


@given(graphs())
def test_crossings_are_counted(graph):
    _, edges = graph
    ranks = module._ranks(len(graph[0]), edges)
    near = [(a, b) for a, b in edges if ranks[b] == ranks[a] + 1]
    rows = [[i for i, r in enumerate(ranks) if r == k] for k in range(max(ranks) + 1)]
    after = [[b for a, b in near if a == i] for i in range(len(ranks))]
    cross = sum(ranks[a] == ranks[c] and (a - c) * (b - d) < 0 for (a, b), (c, d) in itertools.combinations(near, 2))
    assert module._crossings(rows, after) == cross


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 5)), min_size=1, max_size=7), st.data())
def test_places_are_the_nearest_that_are_apart(wishes, data):
    room = data.draw(st.lists(st.floats(1, 50), min_size=len(wishes) - 1, max_size=len(wishes) - 1))
    found = module._apart(wishes, room)
    assert all(b - a >= r - 1e-6 for (a, b), r in zip(itertools.pairwise(found), room, strict=True))

    def cost(xs):
        return sum(w * (x - wish) ** 2 for x, (wish, w) in zip(xs, wishes, strict=True))

    moves = data.draw(st.lists(st.floats(-20, 20), min_size=len(wishes), max_size=len(wishes)))
    other = [found[0] + moves[0]]
    for r, move in zip(room, moves[1:], strict=True):
        other.append(other[-1] + r + abs(move))
    assert cost(found) <= cost(other) + 1e-6
