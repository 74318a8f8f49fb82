"""Programs to test with: captured from functions, and run by every kind of plan."""

import contextlib
import functools

import numpy as np
import pytest

from autonet.common.trees import flatten
from autonet.compiler import jit
from autonet.compiler.c.plan import NativePlan
from autonet.compiler.c.runtime import library
from autonet.compiler.capture import Recorder, capture
from autonet.compiler.numpy.plan import NumpyPlan
from autonet.compiler.passes.pipeline import optimize
from autonet.core.tensor import wrap

needs_compiler = pytest.mark.skipif(not library.available(), reason="no C compiler here")
both = pytest.mark.parametrize("native", [False, pytest.param(True, marks=needs_compiler)], ids=["numpy", "native"])

X = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)


class Counted:
    """A function that counts its runs."""

    def __init__(self, f):
        self.f, self.runs = f, 0
        functools.update_wrapper(self, f)

    def __call__(self, *args, **kwargs):
        self.runs += 1
        return self.f(*args, **kwargs)


def numpy_jit(f, **options):
    """jit without native code."""
    return jit(f, native=False, **options)


def captured(f, *arrays):
    """The program of `f(*arrays)`, and what the run that was recorded gave, as a list of arrays."""
    recorder = Recorder(strict=True)
    result = capture(recorder, lambda: f(*[wrap(recorder.input(np.asarray(a))) for a in arrays]))
    tensors = [t for t in flatten(result) if t is not None]
    recorder.program.outputs = [recorder.known(t._value, "constant", t._value) for t in tensors]
    return recorder.program, [t._value for t in tensors]


def numpy_plan(program):
    """The NumPy plan of a program, passes made."""
    return NumpyPlan(optimize(program))


def native_plan(program):
    """The native plan of a program, passes made."""
    return NativePlan(optimize(program))


def same_bits(a, b):
    """Whether two arrays are equal in dtype, shape, and every bit (one NaN is as good as another)."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return a.tobytes() == b.tobytes() or (
        a.dtype.kind == "f"
        and bool(np.all((np.isnan(a) & np.isnan(b)) | ((a == b) & (np.signbit(a) == np.signbit(b)))))
    )


def assert_same_bits(ours, theirs, what=""):
    """Two lists of arrays, equal to the last bit."""
    assert len(ours) == len(theirs)
    for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if not same_bits(a, b):
            apart = np.max(np.abs(np.asarray(a, float) - np.asarray(b, float))) if np.size(a) == np.size(b) else None
            raise AssertionError(
                f"{what}: result {k} of {np.shape(b)} {np.asarray(b).dtype}: {a!r} is not {b!r} ({apart})"
            )


@contextlib.contextmanager
def quiet():
    """Floating-point warnings of eager runs are not the subject."""
    with np.errstate(all="ignore"):
        yield
