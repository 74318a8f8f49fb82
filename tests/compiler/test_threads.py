"""Plans in several threads at once: each gives what it gives alone."""

import copy
import pickle
import threading
import time

import numpy as np
import pytest

import autonet
from autonet import Sequential, layers, losses, ops
from autonet.compiler import CaptureError, jit
from autonet.core import no_grad
from autonet.core.primitive import primitive
from autonet.core.state import state
from autonet.errors import ArgumentError
from autonet.variable import Variable
from tests.compiler.programs import assert_same_bits, both, same_bits


def at_once(*jobs):
    """Run the jobs in threads of their own, started together; what they return, or the first error."""
    results, errors = [None] * len(jobs), []
    start = threading.Barrier(len(jobs))

    def run(k):
        start.wait()
        try:
            results[k] = jobs[k]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(len(jobs))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    if errors:
        raise errors[0]
    assert not any(t.is_alive() for t in threads)
    return results


def made(kind, seed):
    """A model of a kind, with data; what it draws comes from its own generators."""
    autonet.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    if kind == "mlp":
        model = Sequential(
            [
                layers.Input((300,)),
                layers.Dense(200, activation="relu"),
                layers.BatchNormalization(),
                layers.Dropout(0.5, seed=seed),
                layers.Dense(10),
            ]
        )
        x = rng.standard_normal((256, 300)).astype(np.float32)
    else:
        model = Sequential(
            [
                layers.Input((12, 12, 3)),
                layers.Conv2D(8, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(10),
            ]
        )
        x = rng.standard_normal((128, 12, 12, 3)).astype(np.float32)
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    y = rng.integers(0, 10, len(x))

    def train():
        model.fit(x, y, batch_size=32, epochs=3, verbose=0, shuffle=False)
        result = model.evaluate(x, y, batch_size=50, verbose=0)
        outputs = model.predict(x, batch_size=100, verbose=0)
        slots = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]
        return [*slots, np.array(result), np.array(model.history.history["loss"]), outputs]

    return train


@both
@pytest.mark.parametrize("kinds", [("mlp", "mlp"), ("mlp", "convnet")], ids=["two mlps", "mlp and convnet"])
def test_two_models_train_at_the_same_time(kinds, native, monkeypatch):
    if not native:
        monkeypatch.setenv("AUTONET_NATIVE", "0")
    alone = [made(kind, seed)() for seed, kind in enumerate(kinds)]
    together = at_once(*[made(kind, seed) for seed, kind in enumerate(kinds)])
    for ours, theirs in zip(together, alone, strict=True):
        assert_same_bits(ours, theirs)


@both
def test_one_function_from_several_threads(native):
    w = Variable(np.eye(150, dtype=np.float32))
    f = jit(lambda x, k: ops.tanh(x @ w) * k + ops.sum(x, axis=0), native=native)
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((n, 150)).astype(np.float32) for n in (64, 64, 64, 31)]
    with no_grad():
        alone = [[f(x, float(k)).numpy() for k in range(8)] for x in inputs for _ in range(2)][1::2]

    def job(x):
        with no_grad():
            return [f(x, float(k)).numpy() for k in range(8)] * 1

    for _ in range(3):
        for ours, theirs in zip(at_once(*[lambda x=x: job(x) for x in inputs]), alone, strict=True):
            assert_same_bits(ours, theirs)
        f.clear()  # and again, with captures at the same time
        with no_grad():
            for x in inputs[2:]:
                f(x, 1.0), f(x, 1.0)
    assert len(f.entries) == 2


@both
def test_runs_of_a_function_that_changes_a_variable_follow_each_other(native):
    count = Variable(np.zeros(50_000, np.float32))
    f = jit(lambda: (count.assign_add(1.0), None)[1], native=native)
    f(), f()
    at_once(*[lambda: [f() for _ in range(50)] for _ in range(4)])
    assert set(count.numpy().tolist()) == {202.0}


@both
def test_reading_meanwhile_leaves_nothing_stale(native):
    # plans write into storages: what another thread read stays as it was read, and is not what is read later
    a = Variable(np.zeros(200_000, np.float32))
    f = jit(lambda: (a.assign_add(1.0), None)[1], native=native)
    f(), f()
    done = threading.Event()

    def write():
        for _ in range(200):
            f()
        done.set()

    def read():
        seen = []
        while not done.is_set():
            seen.append(a.value)
        return seen[-50:]

    _, seen = at_once(write, read)
    assert a.numpy()[0] == a.value.numpy()[-1] == 202.0
    kept = [t.numpy().copy() for t in seen]
    f()
    assert all(same_bits(t.numpy(), k) for t, k in zip(seen, kept, strict=True))


WAYS = {  # to read a Variable
    "value": lambda a: a.value.numpy(),
    "numpy()": lambda a: a.numpy(),
    "asarray": np.asarray,
    "deepcopy": lambda a: copy.deepcopy(a).numpy(),
    "pickle": lambda a: pickle.loads(pickle.dumps(a)).numpy(),
    "an operation": lambda a: (a * 1).numpy(),
    "a plan": None,
}


@both
@pytest.mark.parametrize("way", list(WAYS))
def test_no_read_falls_into_the_middle_of_a_step(way, native):
    a = Variable(np.zeros(500_000, np.float32))
    f = jit(lambda: (a.assign_add(1.0), None)[1], native=native)
    of_a = jit(lambda: a * 1, native=native)
    read = WAYS[way] or (lambda a: of_a())
    f(), f()
    done = threading.Event()

    def write():
        end = time.monotonic() + 0.15  # seconds
        try:
            while time.monotonic() < end:
                f()
        finally:
            done.set()

    def look():
        seen = []
        while not done.is_set():
            array = np.asarray(read(a))
            seen.append((array.min(), array.max()))
        return seen

    for low, high in at_once(write, look)[1]:
        assert low == high


@both
def test_additions_of_plans_and_of_other_code_are_all_counted(native):
    count = Variable(np.zeros(500_000, np.float32))
    f = jit(lambda x: (count.assign_add(ops.sum(x) * 0 + 1), None)[1], native=native)
    shapes = [np.ones(3, np.float32), np.ones(5, np.float32)]  # two plans that write into one storage
    for x in shapes * 2:
        f(x)
    jobs = [lambda x=x: [f(x) for _ in range(150)] for x in shapes]
    at_once(*jobs, lambda: [count.assign_add(1.0) for _ in range(150)])
    assert set(count.numpy().tolist()) == {454.0}


@both
def test_plans_made_at_once_have_one_storage(native):
    for _ in range(4):
        a = Variable(np.zeros(100_000, np.float32))
        fs = [jit(lambda k=k, a=a: (a.assign_add(float(k)), None)[1], native=native) for k in (1, 2, 3)]
        at_once(*[lambda f=f: [f() for _ in range(3)] for f in fs])
        assert set(a.numpy().tolist()) == {18.0}


def test_what_is_assigned_while_a_plan_runs_stays():
    a = Variable(np.zeros(3, np.float32))
    inside, leave = threading.Event(), threading.Event()

    @primitive
    def waits(x):
        if state.observer is None and inside.wait(0) is False:
            inside.set()
            leave.wait(60)
        return x + 1

    waits.vjp(x=None)
    f = jit(lambda: (a.assign(waits(a)), None)[1], native=False)
    inside.set()
    f(), f()
    inside.clear()

    def assign():
        inside.wait(60)
        a.assign([7.0, 7.0, 7.0])
        leave.set()

    at_once(f, assign)
    assert a.numpy().tolist() == [7.0] * 3
    f()
    assert a.numpy().tolist() == [8.0] * 3


def test_captures_of_two_threads_do_not_mix():
    inside, leave = threading.Event(), threading.Event()

    def slow(x):
        y = ops.exp(x)
        inside.set()
        leave.wait(60)
        return y * 2

    def quick():
        inside.wait(60)
        assert state.observer is None
        try:
            g = jit(lambda x: x * 3, native=False)
            x = np.ones(3, np.float32)
            return [(g(x) + ops.sin(x)).numpy() for _ in range(3)]
        finally:
            leave.set()

    f = jit(slow, native=False)
    x = np.ones(3, np.float32)
    first, other = at_once(lambda: f(x).numpy(), quick)
    assert [i.op for i in f.last.captured.instructions] == ["exp", "multiply"]
    assert same_bits(f(x).numpy(), first) and all(same_bits(o, other[0]) for o in other)


def test_an_error_in_one_thread_leaves_the_others_alone():
    def fails(x):
        return x * float(ops.sum(x))

    bad, good = jit(fails, native=False), jit(lambda x: x * 2, native=False)
    x = np.ones(3, np.float32)

    def caught():
        for _ in range(20):
            with pytest.raises(CaptureError):
                bad(x)
        return state.observer is None

    clean, results = at_once(caught, lambda: [good(x).numpy().tolist() for _ in range(20)])
    assert clean and results == [[2.0] * 3] * 20


@pytest.mark.parametrize("asked", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_a_model_at_work_refuses_another_thread(asked):
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = np.ones((8, 3), np.float32), np.zeros((8, 1), np.float32)
    told = []

    class Meanwhile(autonet.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            def other():
                try:
                    getattr(model, asked)(x, y)
                except ArgumentError as error:
                    told.append(str(error))

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            model.predict(x[:3], verbose=0)
            model.evaluate(x, y, verbose=0)  # the same thread may

    model.fit(x, y, verbose=0, epochs=1, callbacks=[Meanwhile()])
    assert len(told) == 1 and f"{asked}() was called while another thread runs fit()" in told[0]
    at_once(lambda: getattr(model, asked)(x, y))  # when it is done, any thread may
