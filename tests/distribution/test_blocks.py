"""Blocks: every row in one of them, every block with one rank, and one order of sums."""

from hypothesis import given
from hypothesis import strategies as st

from autonet.distribution import blocks as trees


def told(a, b):
    return f"({a}+{b})"


@given(rows=st.integers(1, 200), blocks=st.integers(1, 40))
def test_blocks_hold_every_row_once(rows, blocks):
    ranges = [trees.rows_of(b, blocks, rows) for b in range(blocks)]
    assert [row for first, last in ranges for row in range(first, last)] == list(range(rows))
    sizes = {last - first for first, last in ranges}
    assert max(sizes) - min(sizes) <= 1


@given(data=st.data(), blocks=st.integers(1, 40))
def test_every_number_of_ranks_adds_in_the_same_order(data, blocks):
    ranks = data.draw(st.integers(1, blocks))
    empty = data.draw(st.sets(st.integers(0, blocks - 1), max_size=blocks - 1))
    whole = (0, blocks)
    leaves = {(b, b + 1): str(b) for b in range(blocks) if b not in empty}
    expected = trees.add_up(leaves, whole, told)
    owned = [trees.parts_of(trees.blocks_of(r, ranks, blocks), whole) for r in range(ranks)]
    assert [b for parts in owned for part in parts for b in range(*part)] == list(range(blocks))
    sums = {part: trees.add_up(leaves, part, told) for parts in owned for part in parts}
    assert trees.add_up({p: s for p, s in sums.items() if s is not None}, whole, told) == expected
