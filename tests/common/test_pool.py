"""Shares of large arrays: the bits of the whole, on any number of threads, and errors that come out."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from autonet import Tensor, config, ops
from autonet.common import pool


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    config.set_threads(request.param)
    yield request.param
    config.set_threads(None)


def test_every_row_comes_once(threads):
    for shape in [(1, 1), (7, 3), (1000, 300), (3, 100_000), (5000, 1)]:
        seen = np.zeros(shape, int)
        pool.by_rows(lambda part: np.add(part, 1, out=part), seen)
        assert (seen == 1).all()


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_every_part_is_run_once(threads, count):
    seen = np.zeros(count, int)
    places = np.zeros(count, int)

    def part(k, thread):
        seen[k] += 1
        places[k] = thread

    for repeat in range(1, 20):
        pool.together([[(part, (k, thread)) for k in range(count)] for thread in range(3)])
        assert (seen == repeat).all() and places.max() < threads


def test_a_job_inside_a_job_runs_alone(threads):
    seen = np.zeros((20, 20), int)

    def outer(k):
        def inner(j):
            seen[k, j] += 1

        pool.together([[(inner, (j,)) for j in range(20)]] * 3)

    pool.together([[(outer, (k,)) for k in range(20)]] * 3)
    assert (seen == 1).all()


def test_an_error_stops_the_job_and_leaves_the_threads_at_work(threads):
    def fails(k):
        raise KeyError(k)

    for _ in range(20):
        with pytest.raises(KeyError):
            pool.together([[(fails, (k,)) for k in range(10)]] * 3)
        seen = []
        pool.together([[(seen.append, (k,)) for k in range(10)]] * 3)
        assert sorted(seen) == [*range(10)]


def test_nothing_of_a_job_is_kept(threads):
    held = np.zeros(10)
    before = sys.getrefcount(held)
    for _ in range(5):
        pool.together([[(np.add, (held, 1, held))] * 5] * 3)
    del _
    for _ in range(1000):  # until the helpers are back asleep
        if sys.getrefcount(held) == before:
            break
        time.sleep(0.01)
    assert sys.getrefcount(held) == before


@pytest.mark.parametrize("shape", [(600, 700), (40, 10_007), (3, 500, 300), (500_000, 1)])
def test_the_bits_are_those_of_rows_alone(threads, shape, rng, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")  # NumPy's, for the whole as for the rows
    x, g = (rng.standard_normal(shape).astype("float32") for _ in range(2))
    assert x.size > pool.LARGE
    tracked = Tensor(x, requires_grad=True)
    y = ops.softmax(tracked)
    y.backward(Tensor(g))
    rows, slopes = x.reshape(-1, shape[-1]), g.reshape(-1, shape[-1])
    for k in range(0, len(rows), max(1, len(rows) // 50)):
        row = Tensor(rows[k : k + 1], requires_grad=True)
        alone = ops.softmax(row)
        alone.backward(Tensor(slopes[k : k + 1]))
        assert np.array_equal(y.numpy().reshape(rows.shape)[k], alone.numpy()[0])
        assert np.array_equal(tracked.grad.numpy().reshape(rows.shape)[k], row.grad.numpy()[0])


def test_errors_and_settings_of_numpy_reach_every_thread(threads):
    x = np.full((4000, 100), 1e30, "float32")
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        pool.by_rows(lambda part: np.multiply(part, part), x)
    x[-1] = 2e38
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        pool.by_rows(lambda part: np.add(part, part), x)


def test_from_many_threads_at_once(rng):
    x = rng.standard_normal((1000, 400)).astype("float32")
    right, found = ops.softmax(x).numpy(), []
    crowd = [threading.Thread(target=lambda: found.append(ops.softmax(x).numpy())) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len(found) == 8 and all(np.array_equal(y, right) for y in found)


FORKED = """
import os, numpy as np
from autonet import config, ops
config.set_threads(2)
x = np.random.default_rng(0).standard_normal((1000, 400))
y = ops.softmax(x).numpy()
child = os.fork()
if not child:
    os._exit(not np.array_equal(ops.softmax(x).numpy(), y))
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_threads_of_its_own():
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], check=True, timeout=60)
