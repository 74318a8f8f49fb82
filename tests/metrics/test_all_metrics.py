"""What holds for every metric: one table, the same questions."""

import inspect
import itertools
import json
import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import metrics
from autonet.compiler import Compiled
from autonet.core import Tensor, convert_to_tensor
from autonet.variable import Variable
from tests.metrics.table import CASES

GOLDEN = json.loads((pathlib.Path(__file__).parents[1] / "golden" / "metrics.json").read_text())
every = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
seeds = st.integers(0, 2**32 - 1)
# Keras counts these in whole numbers unless told otherwise, so that fractions of weights are lost; see IoU.
WHOLE = {"BinaryIoU"}


def drawn(case, seed, *shape):
    rng = np.random.default_rng(seed)
    return case.y_true(rng, *shape), case.y_pred(rng, *shape), rng


def after(case, *batches):
    """The result of a new metric after these batches of (y_true, y_pred[, sample_weight])."""
    metric = case.cls(**case.arguments)
    for batch in batches:
        metric.update_state(*batch)
    return metric.result().numpy()


def same(a, b):
    return np.array_equal(np.asarray(a), np.asarray(b))


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_table_is_complete():
    classes = {
        n
        for n in dir(metrics)
        if inspect.isclass(getattr(metrics, n)) and issubclass(getattr(metrics, n), metrics.Metric)
    }
    assert classes - {"Metric", "Mean", "Sum"} == {case.cls.__name__ for case in CASES.values()}


@pytest.mark.parametrize("name", sorted(GOLDEN["public"]))
def test_names_arguments_and_defaults_are_keras_ones(name):
    known = GOLDEN["public"][name]
    ours = getattr(metrics, name)
    parameters = inspect.signature(ours).parameters.values()
    arguments = [[p.name, None if p.default is p.empty else [p.default]] for p in parameters]
    assert json.loads(json.dumps(arguments)) == known["arguments"]
    assert ours.__doc__
    if known["config"] is not None:
        config = ours(name="given").get_config()
        left_out = {"dtype"} if name in WHOLE else set()
        assert {k: config[k] for k in known["config"]} == {**known["config"], **{k: config[k] for k in left_out}}


@every
def test_config_round_trip(case):
    metric = case.cls(**case.arguments, name="mine", dtype="float64")
    config = metric.get_config()
    json.dumps(config)
    stored = json.loads(json.dumps(metrics.serialize(metric)))
    for copy in (case.cls.from_config(config), metrics.deserialize(stored)):
        assert type(copy) is case.cls
        assert copy.get_config() == config
        assert (copy.name, copy.dtype) == ("mine", "float64")
    assert all(config[k] == v for k, v in case.arguments.items() if k != "fn")
    y_true, y_pred, _ = drawn(case, 3, 8, 3)
    metric.update_state(y_true, y_pred)
    copy.update_state(y_true, y_pred)
    assert same(copy.result(), metric.result())


@every
def test_state_and_results(case):
    """State is Variables, float64 and not trained; the result has the metric's dtype and does not change it."""
    y_true, y_pred, _ = drawn(case, 0, 8, 3)
    y_true.flags.writeable = y_pred.flags.writeable = False
    for dtype in (None, "float32", "float64"):
        metric = case.cls(**case.arguments, dtype=dtype)
        assert metric.dtype == (dtype or "float32")
        first = metric(y_true, Tensor(y_pred, requires_grad=y_pred.dtype.kind == "f")).numpy()
        assert first.dtype == metric.dtype
        assert metric.result().dtype == metric.dtype
        assert same(metric.result(), first)
        assert not metric.result().requires_grad
        assert metric.variables
        for v in metric.variables:
            assert isinstance(v, Variable)
            assert (v.dtype, v.trainable) == ("float64", False)
            assert v.path.startswith(metric.name + "/")
        metric.reset_state()
        assert all(not v.numpy().any() for v in metric.variables)
        assert same(metric(y_true, y_pred), first)


@every
def test_before_the_first_batch(case):
    result = case.cls(**case.arguments).result().numpy()
    assert not np.isnan(result).any()


@every
def test_names_find_the_class(case):
    needed = [
        p for p in inspect.signature(case.cls).parameters.values() if p.default is p.empty and p.kind != p.VAR_KEYWORD
    ]
    if not needed:
        assert type(metrics.get(case.cls.__name__)) is case.cls
        assert type(metrics.get(case.cls)) is case.cls
    default = case.cls(**case.arguments)
    assert default.name
    assert repr(default) == f"<{case.cls.__name__} name={default.name}>"


@every
@given(seed=seeds, cuts=st.lists(st.integers(1, 9), max_size=3))
def test_batches_do_not_matter(case, seed, cuts):
    y_true, y_pred, rng = drawn(case, seed, 9, 3)
    weight = rng.uniform(0.1, 2, 9)
    edges = [0, *sorted(cuts), 9]
    parts = [slice(a, b) for a, b in itertools.pairwise(edges) if a < b]
    close(after(case, *[(y_true[p], y_pred[p]) for p in parts]), after(case, (y_true, y_pred)))
    close(
        after(case, *[(y_true[p], y_pred[p], weight[p]) for p in parts]),
        after(case, (y_true, y_pred, weight)),
    )


@every
@given(seed=seeds, n=st.integers(2, 6))
def test_weight_two_is_twice_and_weight_zero_absent(case, seed, n):
    y_true, y_pred, rng = drawn(case, seed, n, 3)
    i = rng.integers(n)
    weight = np.ones(n)
    close(after(case, (y_true, y_pred, weight)), after(case, (y_true, y_pred)))
    weight[i] = 2
    twice = [np.concatenate([y, y[i : i + 1]]) for y in (y_true, y_pred)]
    close(after(case, (y_true, y_pred, weight)), after(case, twice))
    weight[i] = 0
    rest = [np.delete(y, i, axis=0) for y in (y_true, y_pred)]
    close(after(case, (y_true, y_pred, weight)), after(case, rest))
    close(after(case, (y_true, y_pred, weight[:, None])), after(case, rest))


@pytest.mark.parametrize("case", [c for c in CASES.values() if c.steps], ids=[n for n, c in CASES.items() if c.steps])
@given(seed=seeds, n=st.integers(1, 4), t=st.integers(1, 4))
def test_masked_is_absent(case, seed, n, t):
    y_true, y_pred, rng = drawn(case, seed, n, t, 3)
    mask = rng.random((n, t)) < 0.6
    mask[0, 0] = True
    weight = rng.uniform(0.1, 2, (n, t))
    masked = Tensor(y_pred)
    masked._mask = convert_to_tensor(mask)
    present = y_true[mask], y_pred[mask]
    close(after(case, (y_true, masked)), after(case, present))
    close(after(case, (y_true, masked)), after(case, (y_true, y_pred, mask.astype(float))))
    close(after(case, (y_true, masked, weight)), after(case, (*present, weight[mask])))


@every
def test_without_side_effects(case):
    """The stateless methods say what the others would do, and leave the state alone."""
    y_true, y_pred, _ = drawn(case, 5, 8, 3)
    metric, other = case.cls(**case.arguments), case.cls(**case.arguments)
    metric.update_state(y_true, y_pred)
    other.update_state(*drawn(case, 6, 8, 3)[:2])
    before = [v.numpy() for v in metric.variables]
    states = metric.stateless_update_state([v.numpy() for v in other.variables], y_true, y_pred)
    other.update_state(y_true, y_pred)
    assert all(same(s, v) for s, v in zip(states, other.variables, strict=True))
    assert same(metric.stateless_result(states), other.result())
    assert not any(s.numpy().any() for s in metric.stateless_reset_state())
    assert all(same(v, b) for v, b in zip(metric.variables, before, strict=True))


@every
def test_captured_equals_eager(case):
    """Replayed updates and results are those of eager ones, bit for bit."""
    batches = [(*drawn(case, seed, 8, 3)[:2], np.random.default_rng(seed).uniform(size=8)) for seed in range(3)]
    found = []
    for wrapped in (lambda f: f, lambda f: Compiled(f, native=False)):
        metric = case.cls(**case.arguments)
        metric.update_state(*batches[0])  # which makes the state
        step = wrapped(lambda y, p, w, metric=metric: metric(y, p, w))
        found.append([step(*[Tensor(part) for part in batch]).numpy() for batch in batches])
    for eager, captured in zip(*found, strict=True):
        np.testing.assert_array_equal(captured, eager)


@pytest.mark.parametrize("row", GOLDEN["metrics"], ids=lambda row: f"{row['class']} {row['config']}")
def test_keras_gives_the_same(row):
    for weighted, expected in zip((False, True), row["results"], strict=True):
        metric = getattr(metrics, row["class"])(**row["config"])
        for batch, weight in zip(row["batches"], row["weights"], strict=True):
            arrays = [np.asarray(part) for part in batch]
            arrays = [a.astype("float32") if a.dtype.kind == "f" else a for a in arrays]
            metric.update_state(*arrays, **({"sample_weight": np.array(weight)} if weighted else {}))
        np.testing.assert_allclose(metric.result(), expected, rtol=3e-5, atol=2e-6)
