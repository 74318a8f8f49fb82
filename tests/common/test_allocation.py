"""Freed memory is kept: operations on large arrays take no new pages."""

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from autonet import Tensor, grad, ops
from autonet.common.allocation import keep_freed_memory

x = Tensor(np.ones((1000, 1000), np.float32))
slope = grad(lambda a: ops.sum(ops.softmax(ops.relu(a)) * a))
for _ in range(3):
    slope(x)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    slope(x)
print(int(keep_freed_memory()), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(**settings):
    """Whether memory is kept in a process with these settings of the allocator, and the pages that five rounds took."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_") and k != "GLIBC_TUNABLES"}
    answer = subprocess.run(
        [sys.executable, "-c", FAULTS], env={**clean, **settings}, capture_output=True, text=True, check=True
    )
    kept, faults = answer.stdout.split()
    return bool(int(kept)), int(faults)


def test_large_arrays_take_no_new_pages():
    kept, faults = run()
    assert faults < 1000 or not kept  # an array of this size is 977 pages, and a round makes some ten


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_who_sets_the_allocator_is_left_alone(name):
    kept, _ = run(**{name: "131072" if name.startswith("MALLOC") else "glibc.malloc.trim_threshold=131072"})
    assert not kept
