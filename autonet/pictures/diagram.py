"""Diagram: boxes of words, and which lead to which; drawn to a Scene."""

from __future__ import annotations

from dataclasses import dataclass, field

from autonet.pictures.layered import layered
from autonet.pictures.scene import Line, Rect, Scene, Shape, Text, text_width

INK, SOFT, WIRE = "#1f2733", "#5f6b7a", "#8a94a3"
KINDS = {  # fill, edge
    "input": ("#e4f3e8", "#4e9a68"),
    "weights": ("#e6eefb", "#4f78c4"),
    "plain": ("#f3f4f6", "#9aa4b2"),
    "operation": ("#fdf4dc", "#c79a35"),
    "result": ("#fbe8e4", "#c4634f"),
    "note": ("#ffffff", "#c3cad4"),
    "frame": ("#fbfcfe", "#aeb8c6"),
}
GAP, STEP = 26.0, 26.0
LONGEST = 56  # characters of a line


@dataclass
class Box:
    """A title, lines of words under it (shapes in even letters), perhaps a diagram inside."""

    title: str
    lines: list[str] = field(default_factory=list)
    kind: str = "plain"
    inside: Diagram | None = None
    hover: str = ""


@dataclass
class Diagram:
    """Boxes, each after those that lead to it, and pairs of their numbers."""

    boxes: list[Box] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)
    unseen: list[tuple[int, int]] = field(default_factory=list)  # no lines, but one above the other


def draw(diagram: Diagram, rankdir: str = "TB") -> Scene:
    """The drawing. `rankdir`: where lines lead: "TB" down, "BT" up, "LR" to the right, "RL" to the left."""
    insides = [None if box.inside is None else draw(box.inside, rankdir) for box in diagram.boxes]
    sizes = [_size(box, inside) for box, inside in zip(diagram.boxes, insides, strict=True)]
    flat = rankdir in ("LR", "RL")
    edges = list(dict.fromkeys(diagram.edges))
    layout = layered([(h, w) if flat else (w, h) for w, h in sizes], edges + diagram.unseen, GAP, STEP)
    backwards = rankdir in ("BT", "RL")

    def turned(point: tuple[float, float]) -> tuple[float, float]:
        across, along = point
        along = layout.along - along if backwards else along
        return (along, across) if flat else (across, along)

    scene = Scene(*((layout.along, layout.across) if flat else (layout.across, layout.along)))
    scene.items = [
        item
        for line in layout.lines[: len(edges)]
        for item in _arrow([tuple(map(turned, pair)) for pair in line], flat)
    ]
    for box, inside, (width, height), centre in zip(diagram.boxes, insides, sizes, layout.centres, strict=True):
        x, y = turned(centre)
        _draw_box(scene, box, inside, x - width / 2, y - height / 2, width, height)
    return scene


def _size(box: Box, inside: Scene | None) -> tuple[float, float]:
    rows = _rows(box)
    width = max(text_width(t, size, bold, mono) for t, size, bold, mono in rows) + 24
    height = sum(size * 1.4 for _, size, _, _ in rows) + 11
    if inside is not None:
        width, height = max(width, inside.width + 28), height + inside.height + 20
    return max(width, 48.0), height


def _rows(box: Box) -> list[tuple[str, float, bool, bool]]:
    """Each line with its size, whether it is bold, whether its letters are even."""
    small = box.kind == "note"
    rows = [(_short(box.title), 10.5 if small else 13.0, not small, False)]
    return rows + [(_short(line), 10.5, False, line[:1] in "(→") for line in box.lines]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _draw_box(scene: Scene, box: Box, inside: Scene | None, x: float, y: float, width: float, height: float) -> None:
    fill, edge = KINDS["frame" if inside is not None else box.kind]
    radius = 12.0 if box.kind in ("operation", "note") else 6.0
    dashed = inside is not None or box.kind == "note"
    scene.items.append(Rect(x, y, width, height, min(radius, height / 2), fill, edge, dashed, box.hover))
    base = y + 5.5
    for text, size, bold, mono in _rows(box):
        base += size * 1.4
        color = INK if bold else SOFT
        scene.items.append(Text(x + width / 2, base - size * 0.36, text, size, color, bold, mono))
    if inside is not None:
        _copy(scene, inside, x + (width - inside.width) / 2, base + 8)


def _copy(scene: Scene, part: Scene, x: float, y: float) -> None:
    """Put `part` into `scene`, moved."""

    def moved(p: tuple[float, float]) -> tuple[float, float]:
        return p[0] + x, p[1] + y

    for item in part.items:
        if isinstance(item, Line):
            item.start = moved(item.start)
            item.steps = [(s[0], *map(moved, s[1:])) for s in item.steps]
        elif isinstance(item, Shape):
            item.points = [moved(p) for p in item.points]
        else:
            item.x, item.y = item.x + x, item.y + y
        scene.items.append(item)


def _arrow(line: list[tuple], flat: bool) -> list[Line | Shape]:
    """A line through pairs of points, straight within a pair, curved between pairs, with a tip."""
    (first_x, first_y), (x, y) = line[0][0], line[-1][1]
    ahead = 1 if (x > first_x if flat else y > first_y) else -1
    way = (ahead, 0) if flat else (0, ahead)
    back = (x - 7 * way[0], y - 7 * way[1])  # where the tip begins
    tip = Shape(
        [(x, y), (back[0] - 3.2 * way[1], back[1] - 3.2 * way[0]), (back[0] + 3.2 * way[1], back[1] + 3.2 * way[0])],
        WIRE,
    )
    steps: list[tuple] = []
    at = line[0][0]
    for number, (start, end) in enumerate(line):
        last = number == len(line) - 1
        short = last and abs(end[0] - start[0]) + abs(end[1] - start[1]) < 12
        if number:
            target = back if short else start
            middle = (at[0] + target[0]) / 2, (at[1] + target[1]) / 2
            if (at[1] if flat else at[0]) == (target[1] if flat else target[0]):
                steps.append(("L", target))
            elif flat:
                steps.append(("C", (middle[0], at[1]), (middle[0], target[1]), target))
            else:
                steps.append(("C", (at[0], middle[1]), (target[0], middle[1]), target))
            at = target
        if start != end and not short:
            at = back if last else end
            steps.append(("L", at))
    return [Line(line[0][0], steps, WIRE), tip]
