"""Picture: a scene as SVG, PNG or PDF.

SVG is written by hand, its words escaped, nothing in it but shapes: no scripts, styles, links or fonts.
"""

from __future__ import annotations

import html
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autonet.common.extras import advice
from autonet.errors import ArgumentError
from autonet.pictures.scene import MARGIN, Line, Rect, Scene, Text
from autonet.utils.files import atomic_write

SANS = "Helvetica, Arial, 'Liberation Sans', sans-serif"
MONO = "Menlo, Consolas, 'DejaVu Sans Mono', monospace"


class Picture:
    """A drawing. Jupyter shows it where it is the last value of a cell; `save` writes it to a file.

    Attributes:
        svg: the drawing as the text of an SVG file.
    """

    def __init__(self, scene: Scene, title: str):
        self.scene, self.title = scene, title

    @property
    def svg(self) -> str:
        scene = self.scene
        width, height = _n(scene.width + 2 * MARGIN), _n(scene.height + 2 * MARGIN)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'role="img" style="max-width: 100%">'
        )
        body = [f"<title>{_escaped(self.title)}</title>", f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
        body.append(f'<g transform="translate({_n(MARGIN)} {_n(MARGIN)})">')
        return "\n".join([head, *body, *_svg_items(scene), "</g>", "</svg>", ""])

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Picture of {self.title}: {self.scene.width:.0f} x {self.scene.height:.0f} pixels>"

    def save(self, path: Any, dpi: float = 200) -> None:
        """Write to `path`, whose ending says how: .svg, or with matplotlib .png and .pdf.

        Args:
            dpi: pixels of a PNG to 96 of the SVG.

        Raises: ArgumentError for other endings, and where matplotlib is missing.
        """
        path = Path(os.fspath(path))
        kind = path.suffix.lower()
        if kind == ".svg":
            with atomic_write(path, "w", encoding="utf-8") as file:
                file.write(self.svg)
        elif kind in (".png", ".pdf"):
            _save(self.scene, path, dpi)
        else:
            raise ArgumentError(f"A picture is written as .svg, .png or .pdf; received the file {str(path)!r}.")


def _svg_items(scene: Scene) -> Iterator[str]:
    for item in scene.items:
        if isinstance(item, Rect):
            place = f'x="{_n(item.x)}" y="{_n(item.y)}" width="{_n(item.width)}" height="{_n(item.height)}"'
            dash = ' stroke-dasharray="5 4"' if item.dashed else ""
            paint = f'rx="{_n(item.radius)}" fill="{item.fill}" stroke="{item.stroke}" stroke-width="1.2"{dash}'
            hover = f"><title>{_escaped(item.hover)}</title></rect>" if item.hover else "/>"
            yield f"<rect {place} {paint}{hover}"
        elif isinstance(item, Text):
            font = f'font-family="{MONO if item.mono else SANS}" font-size="{_n(item.size)}"'
            weight = ' font-weight="600"' if item.bold else ""
            place = f'x="{_n(item.x)}" y="{_n(item.y)}" text-anchor="middle"'
            yield f'<text {place} {font}{weight} fill="{item.color}">{_escaped(item.text)}</text>'
        elif isinstance(item, Line):
            steps = " ".join(
                [f"M {_point(item.start)}", *[f"{s[0]} {', '.join(map(_point, s[1:]))}" for s in item.steps]]
            )
            yield f'<path d="{steps}" fill="none" stroke="{item.color}" stroke-width="1.3"/>'
        else:
            yield f'<polygon points="{" ".join(map(_point, item.points))}" fill="{item.fill}"/>'


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0").replace("-0", "0") if abs(x) < 0.05 else f"{x:.1f}".removesuffix(".0")


def _point(p: tuple[float, float]) -> str:
    return f"{_n(p[0])} {_n(p[1])}"


def _escaped(text: str) -> str:
    """Words as XML: markup quoted, and what XML cannot hold replaced."""
    allowed = [
        c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "\ufffd"
        for c in text
    ]
    return html.escape("".join(allowed))


# By matplotlib: the extra `plot`, imported when a picture is saved so

_SCALE = 0.75  # points to a pixel of SVG


def _save(scene: Scene, path: Path, dpi: float) -> None:
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
