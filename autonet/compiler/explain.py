"""A plan in words: what it computes, what was joined, where memory goes, and the generated code; and the table of facts."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from autonet.compiler.facts import FACTS, Facts
from autonet.compiler.passes.fuse import Loop
from autonet.compiler.passes.layout import VIEW
from autonet.compiler.passes.pipeline import finish, lower, optimize
from autonet.compiler.passes.rows import RowUpdate
from autonet.compiler.program import CONSTANT, INPUT, VARIABLE, Instruction, Program
from autonet.core.primitive import PRIMITIVES


class Explanation:
    """What `f.explain()` returns: it prints as text, and shows as a table with folded code in a notebook."""

    def __init__(self, title: str, captured: Program, plan: Any, calls: Sequence[tuple[str, str]] = ()):
        self.title = title
        self.calls = calls  # which way they went
        self.captured = captured
        self.plan = plan
        self.rows = [_row(i, plan) for i in plan.program.instructions]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Name and value of what can be said of the plan as a whole."""
        plan, program = self.plan, self.plan.program
        views = sum(plan.layout.kinds.get(r) == VIEW for i in program.instructions for r in i.results)
        loops = [i for i in program.instructions if isinstance(i, Loop)]
        values = program.used()
        return [
            *self.calls,
            ("plan", plan.kind),
            ("captured operations", str(len(self.captured.instructions))),
            ("steps after each pass", self._passes()),
            ("loops", f"{len(loops)}, which join {sum(len(i.body) for i in loops)} operations"),
            ("views, which cost nothing", str(views)),
            self._stepped_out(),
            ("inputs", _bytes(sum(v.nbytes for v in program.inputs))),
            ("variables", _bytes(sum(v.nbytes for v in values if v.kind == VARIABLE))),
            ("constants", _bytes(sum(v.nbytes for v in values if v.kind == CONSTANT))),
            ("arena for results", _bytes(plan.arena_bytes)),
            ("bytes moved per run", _bytes(sum(r[3] for r in self.rows))),
            ("floating-point operations per run", f"{sum(r[2] for r in self.rows):,}"),
        ]

    def _passes(self) -> str:
        counts: list[str] = []

        def show(name: str, program: Program) -> None:
            counts.append(f"{name} {len(program.instructions)}")

        program = optimize(self.captured, show)
        if self.plan.kind == "native":
            lower(program, show)
        else:
            finish(program, show)
        return ", ".join(counts[1:])

    def _stepped_out(self) -> tuple[str, str]:
        """How many operations run outside generated C, and which."""
        if self.plan.kind != "native":
            return "run by NumPy", str(len(self.plan.write.lines))
        counts = Counter(i.op.lstrip("_") for i in self.plan.stepped_out)
        names = ", ".join(f"{n} {name}" for name, n in counts.most_common())
        return "run by NumPy inside a native plan", f"{len(self.plan.stepped_out)}{names and ': '}{names}"

    @property
    def code(self) -> str:
        """The generated source."""
        return getattr(self.plan, "source_c", self.plan.source)

    def __str__(self) -> str:
        facts = self.facts
        width = max(len(name) for name, _ in facts)
        lines = [self.title, *[f"  {name.ljust(width)}  {value}" for name, value in facts], ""]
        lines += ["  step  operation" + " " * 52 + "flops        bytes  result"]
        for n, (what, where, flops, moved) in enumerate(self.rows):
            shown = what if len(what) <= 54 else what[:51] + "..."
            lines.append(f"  {n:4}  {shown.ljust(54)} {flops:12,} {moved:12,}  {where}")
        return "\n".join([*lines, "", self.code])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        facts = "".join(f"<tr><td>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>" for a, b in self.facts)
        rows = "".join(
            f"<tr><td>{n}</td><td style='text-align:left'><code>{html.escape(what)}</code></td><td>{flops:,}</td>"
            f"<td>{moved:,}</td><td style='text-align:left'>{html.escape(where)}</td></tr>"
            for n, (what, where, flops, moved) in enumerate(self.rows)
        )
        return (
            f"<b>{html.escape(self.title)}</b><table>{facts}</table><details><summary>Steps</summary><table><tr><th></th>"
            f"<th>operation</th><th>flops</th><th>bytes</th><th>result</th></tr>{rows}</table></details>"
            f"<details><summary>Generated code</summary><pre>{html.escape(self.code)}</pre></details>"
        )


def _row(i: Instruction, plan: Any) -> tuple[str, str, int, int]:
    """What an instruction does, where its result lies, floating-point operations, bytes read and written."""
    where = ", ".join(dict.fromkeys(plan.layout.where(r) for r in i.results))
    if all(plan.layout.kinds[r] == VIEW for r in i.results):
        return f"{i.op} {_shapes(i)}", where, 0, 0
    moved = sum(v.nbytes for v in (*i.operands, *i.results) if v.kind != INPUT or v.shape)
    if isinstance(i, Loop):
        what = f"loop over {list(i.shape)}: {' '.join(b.op for b in i.body)}"
        return what, where, math.prod(i.shape) * len(i.body), moved
    if isinstance(i, RowUpdate):
        rows = [v.nbytes // i.shape[0] * i.positions if i.is_rows(v) else v.nbytes for v in (*i.operands, *i.results)]
        what = f"update at most {i.positions:,} rows of {list(i.shape)}: {' '.join(b.op for b in i.body)}"
        return what, where, i.results[0].size // i.shape[0] * i.positions * len(i.body), sum(rows)
    return f"{i.op} {_shapes(i)}", where, _flops(i), moved


def _shapes(i: Instruction) -> str:
    return f"{', '.join(str(list(v.shape)) for v in i.operands)} -> {', '.join(str(list(v.shape)) for v in i.results)}"


def _flops(i: Instruction) -> int:
    if i.op == "matmul":
        return 2 * i.results[0].size * i.operands[0].shape[-1]
    if i.op.startswith("convolve"):
        a, b = i.operands
        kernel = i.results[0] if i.op == "convolve_kernel" else b
        out = i.results[0] if i.op == "convolve" else b if i.op == "convolve_kernel" else a
        return 2 * out.size * kernel.size // kernel.shape[-1]
    return max(v.size for v in (*i.operands, *i.results))


def _bytes(n: float) -> str:
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.2f} GB"


def table() -> str:
    """The table of facts: how each known primitive runs, with NumPy and in C.

    Columns: the primitive; what its body is (ufunc, view, reduction; code: anything else; composition: of small primitives,
    which C plans run in its place); with NumPy (out: into a buffer, by a kernel; view; body: anew in each run); in C
    (fused: an expression in a loop; kernel; composition; view; NumPy: stepped out to).
    """
    from autonet.compiler.c import plan  # noqa: F401  # which enters the kernels of both back ends

    rows = [("primitive", "body", "NumPy", "C")]
    for name, primitive in sorted(PRIMITIVES.items()):
        known, composed = FACTS.get(name, Facts()), primitive.composition is not None
        body = _first(ufunc=known.ufunc, view=known.view, reduction=known.reduction, code=True)
        numpy = _first(out=known.numpy_kernel, view=known.view, body=True)
        fused = known.c_expression is not None or known.reduction
        native = _first(view=known.view, composition=composed, fused=fused, kernel=known.c_kernel, NumPy=True)
        rows.append((name, body + (", composition" if composed else ""), numpy, native))
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _first(**ways: Any) -> str:
    return next(name for name, there in ways.items() if there)
