"""The compiler: a step is recorded once, as a program of primitives, and replayed fast."""

from autonet.compiler.capture import CaptureError as CaptureError
from autonet.compiler.jit import Compiled as Compiled
from autonet.compiler.jit import jit as jit
from autonet.compiler.program import Program as Program
