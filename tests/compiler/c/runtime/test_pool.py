"""The pool of threads: every piece once, whoever comes; forks, exits, signals, and plans of several Python threads."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.compiler.c import runtime
from autonet.compiler.c.runtime import library

from .support import at, compiled, needs_compiler, services

pytestmark = needs_compiler
posix = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals")

SOURCE = """
typedef struct { int64_t *seen; int64_t n, grain, inner; } job;
static void mark(void *context, int64_t begin, int64_t end) {
    job *j = context;
    for (int64_t i = begin; i < end; i++) j->seen[i] += 1 + (begin % (j->grain ? j->grain : 1) != 0) + (end - begin > j->grain);
}
static void nested(void *context, int64_t begin, int64_t end) {
    job *j = context;
    for (int64_t i = begin; i < end; i++) {
        job inner = {j->seen + i * j->inner, j->inner, 2, 0};
        an->parallel(mark, &inner, j->inner, 2);
    }
}
AN_EXPORT void flat(job *j) { an->parallel(mark, j, j->n, j->grain); }
AN_EXPORT void deep(job *j) { an->parallel(nested, j, j->n, j->grain); }
typedef struct { const float *x; float *y, *part; int64_t n, steps; } sum;
static void partial(void *context, int64_t begin, int64_t end) {
    sum *s = context;
    s->part[begin / 64] = an_sum_f32(s->x + begin, end - begin);
    for (int64_t i = begin; i < end; i++) s->y[i] = an_tanh_f32(s->y[i] + s->x[i]);
}
AN_EXPORT float steps(sum *s) {
    float total = 0;
    for (int64_t i = 0; i < s->steps; i++) {
        an->parallel(partial, s, s->n, 64);
        for (int64_t k = 0; k < s->n / 64; k++) total += s->part[k];
    }
    return total;
}
AN_EXPORT void wait(double *seconds) {
    struct timespec t;
    double until = 0;
    do {
        clock_gettime(1, &t);
        double now = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
        if (until == 0) until = now + *seconds;
        if (now >= until) return;
    } while (1);
}
"""
SOURCE = "#include <time.h>\n" + SOURCE


class Job(ctypes.Structure):
    _fields_ = [("seen", ctypes.c_void_p), *((name, ctypes.c_int64) for name in ("n", "grain", "inner"))]


class Sum(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("x", "y", "part")] + [
        ("n", ctypes.c_int64),
        ("steps", ctypes.c_int64),
    ]


def call(name, job, result=None):
    return compiled(SOURCE).function(name, result, ctypes.c_void_p)(ctypes.addressof(job))


@given(st.integers(0, 5000), st.integers(1, 300))
def test_every_piece_is_done_once(n, grain):
    seen = np.zeros(n + 1, np.int64)
    call("flat", Job(at(seen), n, grain, 0))
    assert (seen[:n] == 1).all()
    assert seen[n] == 0


def test_many_loops_in_a_row():
    seen = np.zeros(64, np.int64)
    job = Job(at(seen), 64, 1, 0)
    for _ in range(3000):
        call("flat", job)
    assert (seen == 3000).all()


def test_a_loop_inside_a_loop():
    seen = np.zeros((40, 9), np.int64)
    call("deep", Job(at(seen), 40, 3, 9))
    assert (seen == 1).all()


def fresh(seed, steps=200):
    x = np.random.default_rng(seed).standard_normal(4096).astype(np.float32)
    y, part = np.zeros(4096, np.float32), np.zeros(64, np.float32)
    return (x, y, part), Sum(at(x), at(y), at(part), 4096, steps)


def test_python_threads_get_what_they_get_alone():
    alone = []
    for seed in range(3):
        arrays, job = fresh(seed)
        alone.append((call("steps", job, ctypes.c_float), arrays[1]))
    together = [fresh(seed) for seed in range(3)]
    totals = {}
    threads = [
        threading.Thread(target=lambda i=i: totals.setdefault(i, call("steps", together[i][1], ctypes.c_float)))
        for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, (total, y) in enumerate(alone):
        assert totals[i] == total
        np.testing.assert_array_equal(together[i][0][1], y)


def test_resting_threads_wake_up():
    for _ in range(50):
        services().rest()
        time.sleep(0.0005)
        test_a_loop_inside_a_loop()


@posix
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_a_pool_of_its_own():
    _arrays, job = fresh(0, 20)
    want = call("steps", job, ctypes.c_float)
    for generation in range(2):
        child = os.fork()
        if not child:
            _arrays, job = fresh(0, 20)
            good = call("steps", job, ctypes.c_float) == want
            if good and not generation:
                grandchild = os.fork()
                if not grandchild:
                    _arrays, job = fresh(0, 20)
                    os._exit(0 if call("steps", job, ctypes.c_float) == want else 1)
                good = os.waitpid(grandchild, 0)[1] == 0
            os._exit(0 if good else 1)
        deadline = time.monotonic() + 30
        while (done := os.waitpid(child, os.WNOHANG))[0] == 0:
            assert time.monotonic() < deadline, "the child hangs"
            time.sleep(0.01)
        assert done[1] == 0
    _arrays, job = fresh(0, 20)
    assert call("steps", job, ctypes.c_float) == want  # and the parent's is as it was


PROGRAM = """
import ctypes, sys
from autonet.compiler.c import runtime
plan = runtime.load('''{source}''')
"""


def test_a_process_ends_while_its_threads_sleep_or_spin():
    code = PROGRAM.format(source="static void body(void *c, int64_t b, int64_t e) {}\\n"
                          "AN_EXPORT void go(void *p) { an->parallel(body, p, 100, 1); }")  # fmt: skip
    code += "plan.entry('go', 0)()"
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert time.monotonic() - start < 30


@posix
def test_ctrl_c_reaches_python():
    seconds = ctypes.c_double(0.3)
    wait = compiled(SOURCE).entry("wait", ctypes.addressof(seconds))
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(20):
            wait()
    timer.join()


def test_other_threads_run_unless_the_lock_is_held():
    seconds = ctypes.c_double(0.2)
    for hold, free in ((False, True), (True, False)):
        wait = compiled(SOURCE).entry("wait", ctypes.addressof(seconds), hold_gil=hold)
        ticks, stop = [], threading.Event()

        def tick(ticks=ticks, stop=stop):
            while not stop.is_set():
                ticks.append(time.monotonic())
                time.sleep(0.005)

        thread = threading.Thread(target=tick)
        thread.start()
        time.sleep(0.02)
        start = time.monotonic()
        wait()
        end = time.monotonic()
        stop.set()
        thread.join()
        inside = sum(start + 0.02 < t < end - 0.02 for t in ticks)
        assert (inside > 3) == free


def test_the_number_of_threads_is_the_environments(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert library.threads() == 3
    monkeypatch.setenv("AUTONET_NUM_THREADS", "5")
    assert library.threads() == 5
    monkeypatch.setenv("AUTONET_NUM_THREADS", "none")
    assert library.threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= library.threads() <= (os.cpu_count() or 1)
    assert services().threads >= 1


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_results_do_not_depend_on_the_number_of_threads(count):
    code = (
        PROGRAM.format(source=SOURCE.replace("\\", "\\\\"))
        + """
import numpy as np
class Sum(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("x", "y", "part")] + [("n", ctypes.c_int64), ("steps", ctypes.c_int64)]
x = np.random.default_rng(0).standard_normal(4096).astype(np.float32)
y, part = np.zeros(4096, np.float32), np.zeros(64, np.float32)
job = Sum(x.ctypes.data, y.ctypes.data, part.ctypes.data, 4096, 50)
print(plan.function("steps", ctypes.c_float, ctypes.c_void_p)(ctypes.addressof(job)).hex(), y.tobytes().hex()[:4000])
"""
    )
    environment = {**os.environ, "AUTONET_NUM_THREADS": str(count)}
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    ).stdout
    arrays, job = fresh(0, 50)
    assert found.split() == [call("steps", job, ctypes.c_float).hex(), arrays[1].tobytes().hex()[:4000]]


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="reads /proc")
def test_a_dropped_library_is_unloaded():
    library = runtime.load("AN_EXPORT void unique_to_this_test(void *p) {}")
    path, call = str(library.path), library.entry("unique_to_this_test", 0)

    def mapped():
        with open("/proc/self/maps") as file:
            return path in file.read()

    del library
    call()
    assert mapped()  # its function is still held
    del call
    gc.collect()
    assert not mapped()
    assert services().threads >= 1
    test_a_loop_inside_a_loop()  # the runtime stays


def test_services_are_built_once():
    assert runtime.services() == runtime.services(double=True) == runtime.services()
    runtime.warm()
