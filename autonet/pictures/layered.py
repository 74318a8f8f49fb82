"""Where boxes go, and how lines run between them: the layered drawing of a graph without cycles.

    rank        a box stands below all that it comes from
    order       boxes of a rank are sorted by the mean place of their neighbours, while lines cross less
    place       each box moves to the mean of its neighbours, as far as those beside it let it

A line that passes ranks has a bend of no width in each of them, which is sorted and placed like a box. All sums and ties
are settled by numbers alone, so a graph always has one drawing.

Source: Sugiyama, Tagawa, Toda, 1981, https://doi.org/10.1109/TSMC.1981.4308636
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass

SWEEPS = 8
BEND = 8.0  # across: room that a passing line takes


@dataclass
class Layout:
    """Centres of the boxes, the points that each line runs through, and the size of the whole.

    A line is a list of (from, to) in pairs of points: between the points of a pair it is straight, between pairs curved.
    """

    centres: list[tuple[float, float]]
    lines: list[list[tuple[tuple[float, float], tuple[float, float]]]]
    across: float
    along: float


def layered(sizes: list[tuple[float, float]], edges: list[tuple[int, int]], gap: float, step: float) -> Layout:
    """A drawing of boxes of these sizes (across, along), ranks one after the other along.

    Args:
        sizes: of the boxes, in an order in which each comes after those that lead to it.
        edges: pairs of boxes, the first leading to the second.
        gap: least distance of boxes across.
        step: least distance of ranks along.
    """
    ranks = _ranks(len(sizes), edges)
    points, chains, breadth = _with_bends(sizes, edges, ranks)
    rows = _ordered(points, chains)
    across = _placed(rows, chains, breadth, len(sizes), gap)
    ends = _ports(across, breadth, chains, len(sizes))
    tops, bottoms = _bands(rows, sizes, across, chains, step)
    centres = [(across[i], (tops[ranks[i]] + bottoms[ranks[i]]) / 2) for i in range(len(sizes))]
    lines = []
    for chain, (start, end) in zip(chains, ends, strict=True):
        a, b = chain[0], chain[-1]
        low = centres[a][1] + sizes[a][1] / 2, centres[b][1] - sizes[b][1] / 2
        line = [((start, low[0]), (start, bottoms[ranks[a]]))]
        line += [((across[i], tops[points[i]]), (across[i], bottoms[points[i]])) for i in chain[1:-1]]
        lines.append([*line, ((end, tops[ranks[b]]), (end, low[1]))])
    left = min([x - breadth[i] / 2 for i, x in enumerate(across)], default=0.0)
    right = max([x + breadth[i] / 2 for i, x in enumerate(across)], default=0.0)
    return Layout(
        [(x - left, y) for x, y in centres],
        [[((p[0] - left, p[1]), (q[0] - left, q[1])) for p, q in line] for line in lines],
        right - left,
        bottoms[-1] if bottoms else 0.0,
    )


def _ranks(n: int, edges: list[tuple[int, int]]) -> list[int]:
    """The longest way to each box; one to which none leads stands right above the first that it leads to."""
    ranks = [0] * n
    for a, b in sorted(edges):
        ranks[b] = max(ranks[b], ranks[a] + 1)
    led = {b for _, b in edges}
    for i in range(n):
        below = [ranks[b] for a, b in edges if a == i] if i not in led else []
        ranks[i] = min(below) - 1 if below else ranks[i]
    return ranks


def _with_bends(
    sizes: list[tuple[float, float]], edges: list[tuple[int, int]], ranks: list[int]
) -> tuple[list[int], list[list[int]], list[float]]:
    """Rank of each box and bend, for each edge the boxes and bends that it runs through, and the breadths."""
    points, breadth = list(ranks), [w for w, _ in sizes]
    chains = []
    for a, b in edges:
        bends = range(ranks[a] + 1, ranks[b])
        chains.append([a, *range(len(points), len(points) + len(bends)), b])
        points += bends
        breadth += [BEND] * len(bends)
    return points, chains, breadth


# Order


def _neighbours(chains: list[list[int]], n: int) -> tuple[list[list[int]], list[list[int]]]:
    """For each point those before it, and those after it."""
    before: list[list[int]] = [[] for _ in range(n)]
    after: list[list[int]] = [[] for _ in range(n)]
    for chain in chains:
        for a, b in zip(chain, chain[1:], strict=False):
            before[b].append(a)
            after[a].append(b)
    return before, after


def _ordered(points: list[int], chains: list[list[int]]) -> list[list[int]]:
    """The points of each rank from left to right."""
    rows: list[list[int]] = [[] for _ in range(max(points, default=-1) + 1)]
    before, after = _neighbours(chains, len(points))
    for i in _first_order(points, before, after):
        rows[points[i]].append(i)
    best, fewest = [list(row) for row in rows], _crossings(rows, after)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            _sort(row, before if down else after, rows, points)
        crossings = _crossings(rows, after)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _first_order(points: list[int], before: list[list[int]], after: list[list[int]]) -> list[int]:
    """All points as met on a walk along the edges, so that what belongs together lies together."""
    seen: dict[int, None] = {}
    for start in sorted(range(len(points)), key=lambda i: (points[i], i)):
        stack = [start]
        while stack:
            i = stack.pop()
            if i not in seen:
                seen[i] = None
                stack += [j for j in sorted(after[i], reverse=True) if j not in seen]
                stack += [j for j in sorted(before[i], reverse=True) if j not in seen]
    return list(seen)


def _sort(row: list[int], near: list[list[int]], rows: list[list[int]], points: list[int]) -> None:
    """Sort a rank by the mean place of the neighbours on one side; who has none stays about where it is."""
    place = {j: k for r in {points[j] for i in row for j in near[i]} for k, j in enumerate(rows[r])}
    means = {i: sum(place[j] for j in near[i]) / len(near[i]) if near[i] else k for k, i in enumerate(row)}
    row.sort(key=means.__getitem__)


def _crossings(rows: list[list[int]], after: list[list[int]]) -> int:
    """How many pairs of lines cross between neighbouring ranks."""
    count = 0
    place = {i: k for row in rows for k, i in enumerate(row)}
    for row in rows:
        ends: list[int] = []
        for i in row:
            mine = sorted(place[j] for j in after[i])
            count += sum(len(ends) - bisect_right(ends, end) for end in mine)
            for end in mine:
                insort(ends, end)
    return count


# Places


def _placed(
    rows: list[list[int]], chains: list[list[int]], breadth: list[float], boxes: int, gap: float
) -> list[float]:
    """Where each point stands across."""
    across = [0.0] * len(breadth)
    for row in rows:
        x = 0.0
        for i in row:
            across[i] = x + breadth[i] / 2
            x += breadth[i] + gap
        for i in row:
            across[i] -= (x - gap) / 2
    before, after = _neighbours(chains, len(breadth))
    both = [b + a for b, a in zip(before, after, strict=True)]

    def pull(i: int, j: int) -> float:  # lines that pass ranks are to be straight; a leaf stands beside what uses it
        if i >= boxes or j >= boxes:
            return 8 if i >= boxes and j >= boxes else 2
        return 1 if before[i] and before[j] else 0.15

    for near in [before, after] * 4 + [both] * 3 * SWEEPS:
        for row in rows if near is not after else rows[::-1]:
            wishes = []
            for i in row:
                pulls = [(pull(i, j), j) for j in near[i]]
                weight = sum(w for w, _ in pulls)
                wishes.append((sum(w * across[j] for w, j in pulls) / weight, weight) if weight else (across[i], 0.01))
            room = [(breadth[i] + breadth[j]) / 2 + gap for i, j in zip(row, row[1:], strict=False)]
            for i, x in zip(row, _apart(wishes, room), strict=True):
                across[i] = x
    return across


def _apart(wishes: list[tuple[float, float]], room: list[float]) -> list[float]:
    """Places nearest to the wished ones (place, weight) by weighted squares, at least `room` apart from left to right.

    With the room taken off it is a regression on rising numbers: neighbours that would overlap share their mean.
    """
    offsets = [0.0]
    for r in room:
        offsets.append(offsets[-1] + r)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for (wish, weight), offset in zip(wishes, offsets, strict=False):
        mean, count = wish - offset, 1
        while blocks and blocks[-1][0] >= mean:
            other, w, n = blocks.pop()
            mean, weight, count = (mean * weight + other * w) / (weight + w), weight + w, count + n
        blocks.append((mean, weight, count))
    flat = [mean for mean, _, count in blocks for _ in range(count)]
    return [x + offset for x, offset in zip(flat, offsets, strict=False)]


def _ports(across: list[float], breadth: list[float], chains: list[list[int]], boxes: int) -> list[tuple[float, float]]:
    """Where each line leaves its first box and reaches its last: side by side, in the order of where they come from."""
    leaving: list[list[int]] = [[] for _ in range(boxes)]
    coming: list[list[int]] = [[] for _ in range(boxes)]
    for number, chain in enumerate(chains):
        leaving[chain[0]].append(number)
        coming[chain[-1]].append(number)
    starts, ends = [0.0] * len(chains), [0.0] * len(chains)
    for lines, result, at in ((leaving, starts, 1), (coming, ends, -2)):
        for box in range(boxes):
            numbers = sorted(lines[box], key=lambda n, at=at: (across[chains[n][at]], n))  # type: ignore[misc]
            spread = min(14.0, 0.6 * breadth[box] / max(len(numbers), 1))
            for k, n in enumerate(numbers):
                result[n] = across[box] + (k - (len(numbers) - 1) / 2) * spread
    return list(zip(starts, ends, strict=True))


def _bands(
    rows: list[list[int]],
    sizes: list[tuple[float, float]],
    across: list[float],
    chains: Iterable[list[int]],
    step: float,
) -> tuple[list[float], list[float]]:
    """Where each rank begins and ends along: further apart where lines go far across."""
    rank = {i: r for r, row in enumerate(rows) for i in row}
    reach = [0.0] * len(rows)
    for chain in chains:
        for a, b in zip(chain, chain[1:], strict=False):
            reach[rank[a]] = max(reach[rank[a]], abs(across[a] - across[b]))
    tops, bottoms, y = [], [], 0.0
    for r, row in enumerate(rows):
        tops.append(y)
        bottoms.append(y + max([sizes[i][1] for i in row if i < len(sizes)], default=0.0))
        y = bottoms[-1] + step + min(0.1 * reach[r], 60.0)
    return tops, bottoms
