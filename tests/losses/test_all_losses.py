"""What holds for every loss: one table, the same questions."""

import inspect
import json
import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import gradients, losses
from autonet.compiler import Compiled
from autonet.core import Tensor
from autonet.errors import ShapeError
from autonet.variable import Variable
from tests.losses.table import CASES

GOLDEN = json.loads((pathlib.Path(__file__).parents[1] / "golden" / "losses.json").read_text())
every = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
seeds = st.integers(0, 2**32 - 1)


def drawn(case, seed, *shape, dtype="float64"):
    rng = np.random.default_rng(seed)
    y_true, y_pred = case.y_true(rng, *shape), case.y_pred(rng, *shape).astype(dtype)
    return y_true if y_true.dtype.kind == "i" else y_true.astype(dtype), y_pred


def test_the_table_is_complete():
    classes = {
        n for n in dir(losses) if inspect.isclass(getattr(losses, n)) and issubclass(getattr(losses, n), losses.Loss)
    }
    assert classes - {"Loss", "LossFunctionWrapper", "Scaled"} == {case.cls.__name__ for case in CASES.values()}


@pytest.mark.parametrize("name", sorted(GOLDEN["public"]))
def test_names_arguments_and_defaults_are_keras_ones(name):
    known = GOLDEN["public"][name]
    ours = getattr(losses, name)
    parameters = inspect.signature(ours).parameters.values()
    assert [[p.name, None if p.default is p.empty else [p.default]] for p in parameters] == known["arguments"]
    assert ours.__doc__
    if known["config"] is not None:
        config = ours(name="given").get_config()
        assert {k: config[k] for k in known["config"]} == known["config"]


@every
def test_config_round_trip(case):
    loss = case.cls(**case.arguments, reduction="sum", name="mine", dtype="float64")
    config = loss.get_config()
    json.dumps(config)
    for copy in (case.cls.from_config(config), losses.deserialize(json.loads(json.dumps(losses.serialize(loss))))):
        assert type(copy) is case.cls
        assert copy.get_config() == config
        assert (copy.name, copy.reduction, copy.dtype) == ("mine", "sum", "float64")
    assert all(config[k] == v for k, v in case.arguments.items())


@every
def test_names_find_class_and_function(case):
    assert type(losses.get(case.cls.__name__)) is case.cls
    assert type(losses.get(case.cls)) is case.cls
    assert losses.get(case.function.__name__) is case.function
    assert losses.deserialize(losses.serialize(case.function)) is case.function


@every
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_shapes_and_dtypes(case, dtype):
    """One loss per sample from the function, in the predictions' dtype; from the class one number, float32 at least.

    Sums over paths (CTC) have float32 at least, as in Keras.
    """
    y_true, y_pred = drawn(case, 0, 2, 4, 3, dtype=dtype)
    per_sample = case.function(y_true, y_pred, **case.arguments)
    assert per_sample.shape == ((2,) if case.flat else (2, 4))
    assert per_sample.dtype == ("float32" if case.cls is losses.CTC and dtype == "float16" else dtype)
    total = case.cls(**case.arguments)(y_true, y_pred)
    assert total.shape == ()
    assert total.dtype == ("float64" if dtype == "float64" else "float32")
    assert case.cls(**case.arguments, dtype="float64")(y_true, y_pred).dtype == "float64"


@every
def test_inputs_of_any_kind(case):
    """Lists, arrays, Tensors and Variables give the same; nothing is changed."""
    y_true, y_pred = drawn(case, 1, 4, 3, dtype="float32")
    before = y_true.copy(), y_pred.copy()
    loss = case.cls(**case.arguments)
    expected = loss(y_true, y_pred).item()
    y_true.flags.writeable = y_pred.flags.writeable = False
    assert loss(y_true, y_pred).item() == expected
    assert loss(Tensor(y_true), Variable(y_pred)).item() == expected
    assert loss(y_true.tolist(), y_pred.tolist()).item() == pytest.approx(expected, rel=1e-6)
    assert np.array_equal(before[0], y_true) and np.array_equal(before[1], y_pred)


@every
@given(seed=seeds)
def test_gradient_is_the_slope(case, seed):
    y_true, y_pred = drawn(case, seed, 3, 3)
    gradients.check_gradients(lambda p: case.cls(**case.arguments)(y_true, p), y_pred, order=1 if case.kinked else 2)


@every
@given(seed=seeds)
def test_classes_average_their_functions(case, seed):
    y_true, y_pred = drawn(case, seed, 4, 3)
    per_sample = case.function(y_true, y_pred, **case.arguments).numpy()
    valid = y_true != case.arguments["ignore_class"] if "ignore_class" in case.arguments else np.ones(4, bool)
    expected = per_sample[valid].sum() / max(valid.sum(), 1)
    assert case.cls(**case.arguments)(y_true, y_pred).item() == pytest.approx(expected)


@every
def test_nothing_is_broadcast(case):
    """(n,) against (n, c), (1, c) against (n, c), one row too few: all are refused, with both shapes in the message."""
    y_true, y_pred = drawn(case, 0, 4, 3)
    for wrong in (y_true[:1], y_true[:3], y_true[:0], np.stack([y_true, y_true], -1)):
        with pytest.raises(ShapeError) as error:
            case.cls(**case.arguments)(wrong, y_pred)
        assert str(wrong.shape) in str(error.value)
        assert str(y_pred.shape) in str(error.value)
    if not case.labels:
        with pytest.raises(ShapeError, match=r"sparse_|reshape"):
            case.function(np.zeros(4), y_pred)


@every
def test_captured_equals_eager(case):
    """Replayed, a loss and its gradient are the eager ones, bit for bit."""
    loss = case.cls(**case.arguments)
    step = lambda y, p: gradients.value_and_grad(lambda p: loss(y, p))(p)
    compiled = Compiled(step, native=False)
    for seed in range(3):
        y_true, y_pred = (Tensor(y) for y in drawn(case, seed, 4, 3, dtype="float32"))
        for captured, eager in zip(compiled(y_true, y_pred), step(y_true, y_pred), strict=True):
            np.testing.assert_array_equal(captured, eager)


@pytest.mark.parametrize("row", GOLDEN["losses"], ids=lambda row: f"{row['class']} {row['config']}")
def test_keras_gives_the_same(row):
    y_true, y_pred = np.array(row["y_true"]), np.array(row["y_pred"], "float32")
    weight = np.array(row["sample_weight"], "float32")
    cls = getattr(losses, row["class"])
    near = {"rtol": 2e-5, "atol": 2e-6}
    per_sample = cls(**row["config"], reduction="none")(y_true, y_pred)
    np.testing.assert_allclose(per_sample, row["losses"], **near)
    slope = gradients.grad(lambda p: cls(**row["config"])(y_true, p))(y_pred)
    extreme = np.isin(y_pred, (0, 1)).all() or np.abs(y_pred).max() < 1e-6  # where a clip or a zero vector decides
    if not extreme:
        np.testing.assert_allclose(slope, row["gradient"], **near)
    for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"):
        loss = cls(**row["config"], reduction=reduction)
        plain, weighted = row[reduction]
        np.testing.assert_allclose(loss(y_true, y_pred), plain, **near)
        np.testing.assert_allclose(loss(y_true, y_pred, weight), weighted, **near)
