"""A scene as PNG or PDF, drawn by matplotlib: the extra `plot`, imported when a picture is saved so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autonet.common.extras import advice
from autonet.errors import ArgumentError
from autonet.pictures.scene import MARGIN, Line, Rect, Scene, Text
from autonet.utils.files import atomic_write

_SCALE = 0.75  # points to a pixel of SVG


def save(scene: Scene, path: Path, dpi: float) -> None:
    """Draw `scene` into the file `path`.

    Raises: ArgumentError where matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ArgumentError(
            f"Writing {str(path)!r} needs matplotlib: {advice('plot')}. Without it a picture is written as "
            f"SVG: {str(path.with_suffix('.svg'))!r}."
        ) from None
    width, height = scene.width + 2 * MARGIN, scene.height + 2 * MARGIN
    figure = Figure(figsize=(width / 96, height / 96), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-MARGIN, width - MARGIN)
    axes.set_ylim(height - MARGIN, -MARGIN)
    axes.axis("off")
    for item in scene.items:
        if isinstance(item, Text):
            font: dict[str, Any] = {
                "size": item.size * _SCALE,
                "weight": "bold" if item.bold else "normal",
                "family": "monospace" if item.mono else "sans-serif",
                "color": item.color,
            }
            axes.text(item.x, item.y, item.text.replace("$", r"\$"), ha="center", va="baseline", **font)
        else:
            axes.add_patch(_patch(item))
    with atomic_write(path) as file:
        figure.savefig(file, dpi=dpi, format=path.suffix[1:].lower())


def _patch(item: Any) -> Any:
    from matplotlib import patches
    from matplotlib.path import Path as Curve

    if isinstance(item, Rect):
        shape = patches.BoxStyle("Round", pad=0, rounding_size=item.radius)
        return patches.FancyBboxPatch(
            (item.x, item.y),
            item.width,
            item.height,
            boxstyle=shape,
            facecolor=item.fill,
            edgecolor=item.stroke,
            linewidth=1.2 * _SCALE,
            linestyle=(0, (4, 3)) if item.dashed else "-",
        )
    if isinstance(item, Line):
        points, codes = [item.start], [Curve.MOVETO]
        for kind, *more in item.steps:
            points += more
            codes += [Curve.LINETO] if kind == "L" else [Curve.CURVE4] * 3
        return patches.PathPatch(Curve(points, codes), facecolor="none", edgecolor=item.color, linewidth=1.3 * _SCALE)
    return patches.Polygon(item.points, closed=True, facecolor=item.fill, edgecolor="none")
