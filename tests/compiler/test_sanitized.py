"""The sanitizers are there: what is wrong in a kernel on purpose is reported, and what is right is not."""

import shutil
import sys

import pytest

from tests.compiler import sanitized

PROBE = """\
import ctypes
import threading

from autonet.compiler.c.runtime import library

SOURCE = '''
static volatile long total;
__attribute__((visibility("default"))) void race(long n) { for (long k = 0; k < n; k++) total += k; }
__attribute__((visibility("default"))) void write(char *to, long k) { to[k] = 1; }
'''


def test_two_threads():
    kernels = library._open(library.build(SOURCE))
    race = kernels.function("race", None, ctypes.c_int64)
    threads = [threading.Thread(target=race, args=(3_000_000,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_buffer():
    memory = ctypes.create_string_buffer(1000)
    library._open(library.build(SOURCE)).function("write", None, ctypes.c_void_p, ctypes.c_int64)(memory, PLACE)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("gcc"), reason="gcc's sanitizers on Linux")
@pytest.mark.parametrize(
    ("kind", "threads", "place", "reported"),
    [("thread", 2, 0, True), ("thread", 1, 0, False), ("address", 2, 1000, True), ("address", 2, 999, False)],
)
def test_a_kernels_fault_is_reported(kind, threads, place, reported, tmp_path):
    path = tmp_path / "test_probe.py"
    path.write_text(PROBE.replace("THREADS", str(threads)).replace("PLACE", str(place)))
    code, counts, texts = sanitized.run(kind, ["-q", str(path)], str(tmp_path))
    assert any(map(sanitized.REPORT.search, texts)) is reported
    assert reported or (code, counts["tests"]) == (0, 2)
