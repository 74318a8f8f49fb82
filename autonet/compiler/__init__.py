"""The compiler: a step is recorded once, as a program of primitives, and replayed fast.

In the order in which a step passes through it:

jit.py         the front end: a function with an entry for each signature
entry.py       a record, its guards, its plan: native where that can be
signature.py   arguments taken apart, into signature and arrays
account.py     which signatures are worth a plan
capture.py     one eager run, recorded
texts.py       layers on strings, run before each step
guards.py      what a record relies on, checked before each replay
program.py     the intermediate representation: values, instructions
facts.py       what is known of each primitive: one table for passes and back ends
passes/        programs to programs, then buffers
numpy/         the back end for everywhere: a program to Python calls with `out=`
c/             the back end where a C compiler is found: loops and kernels; its runtime
explain.py     a plan in words; table(): how each primitive runs
"""

from autonet.compiler.capture import CaptureError as CaptureError
from autonet.compiler.jit import Compiled as Compiled
from autonet.compiler.jit import jit as jit
from autonet.compiler.program import Program as Program
