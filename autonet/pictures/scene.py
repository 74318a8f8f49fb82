"""Scene: rectangles, lines and words at their places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MARGIN = 12.0


@dataclass
class Rect:
    """A box, by its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    fill: str
    stroke: str
    dashed: bool = False
    hover: str = ""  # shown when the pointer rests on it


@dataclass
class Text:
    """Words in one line."""

    x: float  # the middle of the word
    y: float  # its base line
    text: str
    size: float
    color: str
    bold: bool = False
    mono: bool = False


@dataclass
class Line:
    """From the first point on; a step is ("L", point) or ("C", control, control, point)."""

    start: tuple[float, float]
    steps: list[tuple]
    color: str


@dataclass
class Shape:
    """A filled polygon."""

    points: list[tuple[float, float]]
    fill: str


@dataclass
class Scene:
    """What a picture shows: items in the order in which they are drawn."""

    width: float = 0.0
    height: float = 0.0
    items: list[Any] = field(default_factory=list)


def text_width(text: str, size: float, bold: bool = False, mono: bool = False) -> float:
    """How wide words will be, about: no font is asked.

    >>> text_width("mm", 10) > text_width("ii", 10)
    True
    """
    if mono:
        return sum(1.2 if ord(c) > 0x2E7F else 0.61 for c in text) * size
    return sum(_em(c) for c in text) * size * (1.06 if bold else 1.0)


def _em(c: str) -> float:
    if c in "ijl.,:;'|!()[] tfrI":
        return 0.33
    if c in "mwMW@%—…":
        return 0.88
    return 1.0 if ord(c) > 0x2E7F else 0.7 if c.isupper() else 0.57
