"""Whatever system call of a save fails, or is the last: the old file or the new one, whole, and nothing besides."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

pytestmark = pytest.mark.skipif(
    not (sys.platform.startswith("linux") and COMPILER), reason="the shim is C, for Linux's system calls"
)


def faults(tmp_path, length):
    """What must not be, and the figures."""
    shim = tmp_path / "shim.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", shim, HERE / "shim.c", "-ldl"], check=True)
    memory = pathlib.Path("/dev/shm")  # nothing here need reach a disk
    folder = memory / f"autonet-faults-{os.getpid()}" if os.access(memory, os.W_OK) else tmp_path / "files"
    environment = {**os.environ, "LD_PRELOAD": str(shim), "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, HERE / "faulty.py", folder, length], env=environment, capture_output=True, text=True
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    *wrong, figures = map(json.loads, done.stdout.splitlines())
    return wrong, figures


def test_one_fault_at_every_call(tmp_path):
    wrong, figures = faults(tmp_path, "short")
    assert not wrong
    assert figures["saves"] >= 15 and figures["faults"] == figures["calls"] > 150 and figures["crashes"] > 80


@pytest.mark.slow
def test_every_fault_at_every_call(tmp_path):
    wrong, figures = faults(tmp_path, "full")
    assert not wrong
    print(figures)
