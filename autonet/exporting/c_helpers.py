"""Definitions of the functions that exported C calls: those of plans (runtime/pointwise.h) as C99, so that they give the same bits."""

from __future__ import annotations

import functools
import re

from autonet.compiler.c.runtime.sources import expand

_MACROS = {
    "AN_FMA_F32": "#define AN_FMA_F32(a, b, c) ((a) * (b) + (c))",
    "AN_FMA_F64": "#define AN_FMA_F64(a, b, c) ((a) * (b) + (c))",
    "AN_INF_F32": "#define AN_INF_F32 ((float)INFINITY)",
    "AN_INF_F64": "#define AN_INF_F64 ((double)INFINITY)",
    "AN_NAN_F32": "#define AN_NAN_F32 ((float)NAN)",
    "AN_NAN_F64": "#define AN_NAN_F64 ((double)NAN)",
    **{
        f"an_{name}_{F}": f"#define an_{name}_{F} {name}{letter}"
        for name in ("sqrt", "floor", "ceil", "trunc")
        for F, letter in (("f32", "f"), ("f64", ""))
    },
}
_SUM = """\
static float an_sum_f32(const float *x, int n) {
    float lane[32] = {0}, few = 0;
    int i = 0;
    for (; n < 32 && i < n; i++) few += x[i];
    if (n < 32) return few;
    for (; i + 32 <= n; i += 32)
        for (int k = 0; k < 32; k++) lane[k] += x[i + k];
    for (int k = 0; i < n; i++, k++) lane[k] += x[i];
    for (int width = 16; width; width /= 2)
        for (int k = 0; k < width; k++) lane[k] += lane[k + width];
    return lane[0];
}"""  # as in runtime/kernels.h
_MACRO = re.compile(r"^#define (AN_\w+)(?:.*\\\n)*.*$", re.MULTILINE)
_FUNCTION = re.compile(r"^AN_INLINE \w+ (an_\w+)\(.*?(?:\}$|^\})", re.MULTILINE | re.DOTALL)


@functools.cache
def _definitions() -> dict[str, str]:
    text = re.sub(r"[ ]*/\*.*?\*/", "", expand("pointwise.h"), flags=re.DOTALL)
    found = {match[1]: match[0] for pattern in (_MACRO, _FUNCTION) for match in pattern.finditer(text)}
    found = {name: re.sub(r"__builtin_(\w+)", r"\1", t).replace("AN_INLINE", "static") for name, t in found.items()}
    return found | _MACROS | {"an_sum_f32": _SUM}


def helpers(text: str) -> list[str]:
    """The definitions of the functions and macros that a text uses, and of those that they use in their turn."""
    found: dict[str, str] = {}
    seen: set[str] = set()

    def need(text: str) -> None:
        for name in re.findall(r"\b(?:an|AN)_\w+", text):
            if name not in seen:
                seen.add(name)
                need(_definitions()[name])
                found[name] = _definitions()[name]

    need(text)
    return [*found.values(), ""] if found else []
