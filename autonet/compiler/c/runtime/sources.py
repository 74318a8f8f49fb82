"""The C runtime as text: what a plan's source begins with, and the library that all plans share."""

from __future__ import annotations

import functools
import re
from pathlib import Path

_FOLDER = Path(__file__).parent
_INCLUDE = re.compile(r'^#include "(\w+\.[ch])"$', re.MULTILINE)


def expand(name: str) -> str:
    """One runtime file, with those that it includes in their places: the compiler needs no folder."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda found: expand(found[1]), text)


@functools.cache
def header() -> str:
    """What every plan's source begins with: elementary functions, draws, row kernels, the table of services."""
    return expand("plan.h")


@functools.cache
def library() -> str:
    """The runtime library: threads, float32 products."""
    return expand("runtime.c")


@functools.cache
def images() -> str:
    """Its convolutions, which are compiled beside it."""
    return expand("images.c")


@functools.cache
def loops() -> str:
    """The longest loops of plans, made as plans are."""
    return expand("loops.c")


@functools.cache
def double() -> str:
    """Its extension by float64 products."""
    return expand("double.c")
