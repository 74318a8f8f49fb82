"""Programs to programs: the passes of the compiler, in the order in which they run.

pipeline.py    the order; the verifier between passes
verify.py      what every program must satisfy
redundancy.py  dead code, constants, common subexpressions eliminated
expand.py      large primitives as compositions of small ones (C only)
rows.py        updates of whole tables made updates of rows
fuse.py        pointwise chains and reductions joined to loops (C only)
layout.py      where each value lives: buffer, view, a Variable's storage
memory.py      offsets in one arena, by lifetime
"""
