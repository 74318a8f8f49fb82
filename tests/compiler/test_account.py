"""Which signatures get plans: those that come again, as far as the runs so far have paid for them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet.compiler import account, jit
from autonet.compiler.account import COMPILING, FREE, HEAD_START, SAVED, SHARE, Account, NotCompiled
from autonet.compiler.entry import Entry
from autonet.compiler.program import Program
from tests.compiler.programs import Counted, numpy_jit, same_bits


def made(sizes):
    """A function that was called with arrays of these sizes, and the numbers of those calls that were recorded or had plans."""
    f = Counted(lambda x: x * 2 + 1)
    g = numpy_jit(f)
    captures = []
    capture = g._capture
    g._capture = lambda *given, **named: captures.append(1) or capture(*given, **named)
    record, planned = [], []
    for number, n in enumerate(sizes):
        x = np.arange(float(n))
        before = len(captures), g.account.hits
        assert same_bits(g(x).numpy(), x * 2 + 1)
        if len(captures) > before[0]:
            record.append(number)
        if g.account.hits > before[1]:
            planned.append(number)
    assert f.runs == len(sizes) - len(planned)
    return g, record, planned


@given(st.lists(st.integers(1, 60), max_size=300))
def test_plans_beyond_the_first_are_paid_for_at_any_time(sizes):
    """Those are free that come while every signature so far came again."""
    g, record, planned = made(sizes)
    eager = [n for n in range(len(sizes)) if n not in {*record, *planned}]
    free = [n for n in record if not eager or n < eager[0]]
    assert len(free) <= FREE
    for k, number in enumerate(record):
        hits = sum(n < number for n in planned)
        if number in free:
            assert hits >= k
        else:
            assert (k + 1 - len(free)) * g.account._cost <= HEAD_START + SHARE * (number + 1) + SAVED * hits


def test_the_first_gets_a_plan_at_once_and_so_does_a_smaller_last_batch():
    assert made([32, 32, 7, 32, 7])[1:] == ([0, 2], [1, 3, 4])
    assert made([32, 7, 5, 32, 7, 5])[1] == [0]


def test_signatures_that_come_one_after_the_other_get_plans_at_once():
    assert made([n for n in range(1, 30) for _ in range(3)])[1] == [*range(0, 3 * FREE, 3)]


def test_ever_new_shapes_run_eagerly():
    assert made(range(1, 200))[1:] == ([0], [])


@pytest.mark.parametrize("count", [2, 3, 17])
def test_a_cycle_of_any_length_ends_in_plans(count):
    g, record, _ = made([*range(1, count + 1)] * 500)
    assert len(record) == count == len(g.entries)


def test_a_cycle_that_memory_cannot_hold_keeps_what_it_holds(monkeypatch):
    monkeypatch.setattr(account, "MEMORY", 8 * 4096 * 2)
    g, _, _ = made([*range(1, 31)] * 100)
    assert account.LEAST <= len(g.entries) < 30


def test_the_same_calls_take_the_same_ways():
    sizes = np.random.default_rng(0).integers(1, 50, 600).tolist()
    assert made(sizes)[1:] == made(sizes)[1:]


def key_of(rows):
    """A signature, as of a jit function of one array."""
    return None, True, 0, ((rows, 3), 11)


def recorded(rows):
    """The program of a function on this many rows."""
    matrix = keras.ops.ones((512, 512))
    g = jit(lambda x: x @ matrix @ matrix, native=False)
    g(np.ones((rows, 512), "float32"))
    return next(iter(g.entries.values())).captured


def test_where_runs_take_long_many_plans_are_made_at_once():
    quick, slow, large = Account(), Account(), recorded(10_000)
    for one, program in ((quick, recorded(1)), (slow, large)):
        one.allows(key_of(1))
        one.charge(key_of(1), program)
    assert not quick.allows(key_of(2))
    for key in map(key_of, range(2, 7)):
        assert slow.allows(key)
        assert not slow.charge(key, large)


def test_runs_that_are_known_to_come_are_worth_a_plan():
    one = Account()
    assert one.allows(key_of(1)) and one.charge(key_of(1), Program())
    assert not one.allows(key_of(2))
    one.ahead = 1000
    assert one.allows(key_of(2)) and one.charge(key_of(2), Program())


def test_other_kinds_of_arguments_have_plans_at_once():
    f = Counted(lambda x, flag: x * 2 if flag else x + 1)
    g = numpy_jit(f)
    for _ in range(4):
        for dtype in ("float32", "float64", "int32"):
            for flag in (True, False):
                g(np.ones(3, dtype), flag)
    assert f.runs == len(g.entries) == 6


@pytest.mark.parametrize("ahead", [0, 10_000])
def test_a_changed_attribute_gives_plans_anew(ahead):
    """As long as those last: runs to come do not pay for the others."""
    one, key = Account(), key_of(1)
    one.ahead = ahead
    one.allows(key)
    one.charge(key, Program())
    for _ in range(account.RENEWED):
        assert one.allows(key, renew=True) and one.charge(key, Program(), renew=True)
    assert not one.allows(key, renew=True)


def test_running_the_compiler_is_paid_for(monkeypatch):
    """A plan that needs it waits, and the function runs eagerly."""
    g = jit(lambda x: x * 2 + 1, native=False)
    build = Entry.build

    def refusing(self, native):
        if not self.may_compile:
            raise NotCompiled
        build(self, native)

    monkeypatch.setattr(Entry, "build", refusing)
    x, y = np.arange(2.0), np.arange(3.0)
    ways = []
    for _ in range(4000):
        for a in (x, y):
            assert same_bits(g(a).numpy(), a * 2 + 1)
            ways.append(sum(entry.plan is not None for entry in g.entries.values()))
    assert ways.index(2) > COMPILING * g.account._cost and ways[-1] == 2


@given(st.lists(st.integers(1, 12), max_size=200), st.lists(st.integers(1, 12), max_size=200))
def test_a_resumed_function_takes_the_same_ways(before, after):
    """Plans that there were are made again."""

    def run(one, keys, known):
        ways = []
        for key in map(key_of, keys):
            if key in known:
                one.hits += 1
                ways.append("plan")
            elif one.allows(key):
                one.charge(key, Program())
                known.add(key)
                ways.append("plan")
            else:
                ways.append("eager")
        return ways

    whole, known = Account(), set()
    run(whole, before, known)
    resumed = Account()
    resumed.set_state(json.loads(json.dumps(whole.get_state())))
    assert run(resumed, after, set()) == run(whole, after, known)
    assert resumed._spent == whole._spent


def model(native):
    keras.utils.set_random_seed(0)
    one = keras.Sequential([keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
    one.compile("adam", "mse", jit_compile=native)
    return one


def ragged(sizes):
    """Batches of these sizes."""
    rng = np.random.default_rng(0)
    for n in sizes:
        yield rng.normal(size=(n, 3)).astype("float32"), rng.normal(size=(n, 1)).astype("float32")


class Sizes(keras.utils.PyDataset):
    """Batches of sizes that come in turn."""

    def __init__(self, sizes):
        super().__init__()
        self.batches = list(ragged(sizes))

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, n):
        return self.batches[n]


def test_fit_on_arrays_has_plans_at_once():
    one = model("auto")
    x, y = next(ragged([101]))
    one.fit(x, y, batch_size=20, epochs=1, verbose=0)
    plans = one._functions["train"].compiled
    assert len(plans.entries) == 2 and plans.account.hits == 4
    one.fit(x, y, batch_size=10, epochs=20, verbose=0)
    assert len(plans.entries) == 3  # the last batch has one row again
    for n in range(90, 30, -1):
        one.train_on_batch(x[:n], y[:n])
    assert len(plans.entries) < 8


def test_a_training_on_many_sizes_resumes_to_the_bit(tmp_path):
    class Stop(keras.callbacks.Callback):
        steers = False

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 11:
                raise OSError

    def fit(one, *callbacks):
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        one.fit(Sizes([5, 6, 7, 8, 9, 10, 11]), epochs=16, verbose=0, shuffle=False, callbacks=[*callbacks, backup])

    whole = model("auto")
    whole.fit(Sizes([5, 6, 7, 8, 9, 10, 11]), epochs=16, verbose=0, shuffle=False)
    assert 1 < len(whole._functions["train"].compiled.entries) < 7
    with pytest.raises(OSError):
        fit(model("auto"), Stop())
    resumed = model("auto")
    fit(resumed)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert same_bits(a, b)
