"""Loops in C for whole sequences, recurrent cells and attention: a part of the table in `c_loops`."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonet.compiler.c import expressions
from autonet.compiler.c.expressions import C_TYPES
from autonet.compiler.program import Instruction, Value
from autonet.exporting.c_loops import WRITERS as WRITERS
from autonet.exporting.c_loops import enters, suffix, unfit

_ACTIVATIONS = {
    "tanh": "an_tanh_{F}({x})",
    "sigmoid": "an_sigmoid_{F}({x})",
    "relu": "an_max_{F}({x}, 0)",
    "linear": "({x})",
    "hard_sigmoid": "(an_min_{F}(an_max_{F}(({x}) + 3, 0), 6) / 6)",
    "softsign": "(({x}) / (an_abs_{F}({x}) + 1))",
}


def _fits(i: Instruction, used: list[Value]) -> bool:
    """Whether `_scan` can write the instruction: without dropout, its states alone wanted, activations that have C."""
    drop = i.operands[-2]
    states = i.results[:4] if i.op == "lstm_scan" else i.results[:2]
    names = [i.settings["activation"], i.settings.get("recurrent_activation", "linear")]
    return not drop.size and all(r in states or r not in used for r in i.results) and set(names) <= set(_ACTIVATIONS)


@enters("simple_rnn_scan", "lstm_scan", "gru_scan")
def _scan(w: Any, i: Instruction, x: np.ndarray, h: np.ndarray, *rest: np.ndarray) -> None:
    """Step after step: the product with the state, and the cell's own lines for each unit."""
    if not _fits(i, w.program.used()):
        raise unfit(i)
    lstm, gru = i.op == "lstm_scan", i.op == "gru_scan"
    *cells, kernel, bias, _, mask = rest
    hs, last = (w.result(r) for r in i.results[:2])
    if lstm:
        last_c, cs = (w.result(r) for r in i.results[2:4])
        w.copy(last_c, cells[0])
    n, steps, units = hs.shape
    width = kernel.shape[1]
    T, F = C_TYPES[hs.dtype], "f32" if hs.dtype == np.float32 else "f64"
    before = i.settings.get("reset_after", True)  # whether the whole product is that of the state itself
    product, new = w.space((n, width), hs.dtype), w.space((n, units), hs.dtype)
    w.copy(last, h)

    def act(name: str, x: str) -> str:
        return _ACTIVATIONS[i.settings[name]].format(F=F, x=x)

    def gate(k: int, b: str = "0", rows: bool = False) -> str:
        """What goes into gate k: the product, the input, the bias."""
        column = f"(u + {k * units})" if k else "u"
        at_bias = w.at(bias, [b, column]) if rows else w.at(bias, [column])
        return f"{w.at(product, [r, column])} + {w.at(x, [r, 't', column])} + {at_bias}"

    with w.each((n,), "r") as (r,):
        w.line(f"for (int s = 0; s < {steps}; s++) {{")
        w.depth += 1
        w.line(f"const int t = {f'{steps - 1} - s' if i.settings['reverse'] else 's'};")
        if mask.size:
            held = [(hs, last), *([(cs, last_c)] if lstm else [])]
            w.line(f"if (!{w.at(mask, [r, 't'])}) {{")
            w.depth += 1
            for to, source in held:
                _units(w, units, f"{w.at(to, [r, 't', 'u'])} = {w.at(source, [r, 'u'])};")
            w.line("continue;")
            w.depth -= 1
            w.line("}")
        _product(w, product, last, kernel, r, 0, width if before else 2 * units)
        if lstm:
            _units(
                w,
                units,
                f"const {T} i = {act('recurrent_activation', gate(0))}, f = {act('recurrent_activation', gate(1))};",
                f"const {T} g = {act('activation', gate(2))}, o = {act('recurrent_activation', gate(3))};",
                f"const {T} c = f * {w.at(last_c, [r, 'u'])} + i * g;",
                f"{w.at(last_c, [r, 'u'])} = {w.at(cs, [r, 't', 'u'])} = c;",
                f"{w.at(new, [r, 'u'])} = {act('activation', 'c')} * o;",
            )
        elif not gru:
            _units(w, units, f"{w.at(new, [r, 'u'])} = {act('activation', gate(0))};")
        else:
            _gru(w, i, (x, last, kernel, bias, product, new), r, before, act)
        state = w.at(last, [r, "u"])
        _units(w, units, f"{w.at(hs, [r, 't', 'u'])} = {state} = {w.at(new, [r, 'u'])};")
        w.depth -= 1
        w.line("}")


def _gru(w: Any, i: Instruction, arrays: tuple[np.ndarray, ...], r: str, after: bool, act: Any) -> None:
    x, last, kernel, bias, product, new = arrays
    units, T = new.shape[1], C_TYPES[new.dtype]
    columns = ["u", f"(u + {units})", f"(u + {2 * units})"]
    into = [f"({w.at(x, [r, 't', c])} + {w.at(bias, ['0', c])})" for c in columns]
    state = [w.at(product, [r, c]) for c in columns]
    if after:
        state = [f"({s} + {w.at(bias, ['1', c])})" for s, c in zip(state, columns, strict=True)]
    z, g = f"const {T} z = {act('recurrent_activation', f'{into[0]} + {state[0]}')};", w.at(new, [r, "u"])
    reset = f"const {T} reset = {act('recurrent_activation', f'{into[1]} + {state[1]}')};"
    h = w.at(last, [r, "u"])
    if after:
        value = act("activation", f"reset * {state[2]} + {into[2]}")
        _units(w, units, z, reset, f"const {T} g = {value};", f"{g} = ({h} - g) * z + g;")
        return
    inner = w.space(last.shape, last.dtype)
    _units(w, units, reset, f"{w.at(inner, [r, 'u'])} = reset * {h};")
    _product(w, product, inner, kernel, r, 2 * units, units)
    value = act("activation", f"{state[2]} + {into[2]}")
    _units(w, units, z, f"const {T} g = {value};", f"{g} = ({h} - g) * z + g;")


def _units(w: Any, units: int, *lines: str) -> None:
    w.line(f"for (int u = 0; u < {units}; u++) {{")
    for line in lines:
        w.line(f"    {line}")
    w.line("}")


def _product(w: Any, to: np.ndarray, h: np.ndarray, kernel: np.ndarray, r: str, start: int, width: int) -> None:
    """The columns from `start` on of h @ kernel."""
    column = f"(j + {start})" if start else "j"
    w.line(f"for (int j = 0; j < {width}; j++) {w.at(to, [r, column])} = 0;")
    w.line(f"for (int k = 0; k < {len(kernel)}; k++) {{")
    w.line(f"    const {C_TYPES[h.dtype]} a = {w.at(h, [r, 'k'])};")
    w.line(f"    for (int j = 0; j < {width}; j++) {w.at(to, [r, column])} += a * {w.at(kernel, ['k', column])};")
    w.line("}")


@enters("attend")
def _attend(w: Any, i: Instruction, q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray) -> None:
    y, lse = (w.result(r) for r in i.results)
    n, h, t = lse.shape
    s, T = k.shape[1], C_TYPES[y.dtype]
    weights = w.space((s,), y.dtype)
    seen = np.broadcast_to(mask, (n, h, t, s)) if mask.size else None
    scale = expressions.literal(y.dtype.type(i.settings["scale"]), T)
    with w.each((n, t, h)) as (b, row, head):
        w.line(f"{T} peak = -INFINITY, sum[32] = {{0}};")
        with w.each((s,), "j") as (j,):
            w.line(f"{T} score = 0;")
            with w.each((q.shape[-1],), "k") as (d,):
                w.line(f"score += {w.at(q, [b, row, head, d])} * {w.at(k, [b, j, head, d])};")
            tests = [f"!{w.at(seen, [b, head, row, j])}"] if seen is not None else []
            tests += [f"{j} > {row}"] if i.settings["causal"] else []
            if tests:
                w.line(f"if ({' || '.join(tests)}) score = -INFINITY;")
            w.line(f"{w.at(weights, [j])} = score;")
            w.line("peak = score > peak ? score : peak;")
        w.line(f"peak = peak > -INFINITY ? peak * {scale} : 0;")
        with w.each((s,), "j") as (j,):
            exp = f"an_exp_{suffix(y)}({w.at(weights, [j])} * {scale} - peak)"
            w.line(f"sum[{j} % 32] += {w.at(weights, [j])} = {exp};")
        w.line("for (int width = 16; width; width /= 2)")
        w.line("    for (int l = 0; l < width; l++) sum[l] += sum[l + width];")
        w.line(f"const {T} total = sum[0] == 0 ? 1 : sum[0];")
        with w.each((y.shape[-1],), "k") as (e,):
            w.line(f"{T} mean = 0;")
            with w.each((s,), "j") as (j,):
                w.line(f"mean += {w.at(weights, [j])} * {w.at(v, [b, j, head, e])};")
            w.line(f"{w.at(y, [b, row, head, e])} = mean * (1 / total);")
        w.line(f"{w.at(lse, [b, head, row])} = sum[0] == 0 ? 0 : peak + an_log_{suffix(y)}(total);")
