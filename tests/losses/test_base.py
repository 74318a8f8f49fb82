"""Reductions, weights and masks: their laws, over drawn inputs."""

import json
import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import losses, ops
from autonet.core import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.legacy import LegacyWarning
from tests.losses.table import CASES

GOLDEN = json.loads((pathlib.Path(__file__).parents[1] / "golden" / "losses.json").read_text())
APART = {name: case for name, case in CASES.items() if not case.together}
each_on_its_own = pytest.mark.parametrize("case", APART.values(), ids=list(APART))
STEPS = {name: case for name, case in APART.items() if not case.flat}
of_steps = pytest.mark.parametrize("case", STEPS.values(), ids=list(STEPS))
seeds = st.integers(0, 2**32 - 1)
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight")


def masked(x, mask):
    x = Tensor(x)
    x._mask = convert_to_tensor(np.asarray(mask))
    return x


def drawn(case, seed, n, *shape):
    rng = np.random.default_rng(seed)
    y_true, y_pred = case.y_true(rng, n, *shape, 3), case.y_pred(rng, n, *shape, 3)
    if "ignore_class" in case.arguments:  # a loss that leaves rows out by itself has its own test below
        y_true = np.where(y_true == case.arguments["ignore_class"], 0, y_true)
    return y_true, y_pred, rng


@each_on_its_own
@given(seed=seeds, n=st.integers(1, 5))
def test_weight_two_is_the_row_twice(case, seed, n):
    """By sums, and by means over weights. A mean over the batch differs by the ratio of the batch sizes only."""
    y_true, y_pred, rng = drawn(case, seed, n)
    i = rng.integers(n)
    weight = np.ones(n)
    weight[i] = 2
    twice = [np.concatenate([y, y[i : i + 1]]) for y in (y_true, y_pred)]
    for reduction in ("sum", "mean_with_sample_weight"):
        loss = case.cls(**case.arguments, reduction=reduction)
        assert loss(y_true, y_pred, weight).item() == pytest.approx(loss(*twice).item())
    loss = case.cls(**case.arguments)
    assert n * loss(y_true, y_pred, weight).item() == pytest.approx((n + 1) * loss(*twice).item())


@each_on_its_own
@given(seed=seeds, n=st.integers(2, 5))
def test_weight_zero_is_the_row_absent(case, seed, n):
    y_true, y_pred, rng = drawn(case, seed, n)
    kept = np.arange(n) != rng.integers(n)
    for reduction in ("sum", "mean_with_sample_weight"):
        loss = case.cls(**case.arguments, reduction=reduction)
        assert loss(y_true, y_pred, kept.astype(float)).item() == pytest.approx(loss(y_true[kept], y_pred[kept]).item())
    loss = case.cls(**case.arguments)
    left = (n - 1) * loss(y_true[kept], y_pred[kept]).item()
    assert n * loss(y_true, y_pred, kept.astype(float)).item() == pytest.approx(left)


@of_steps
@given(seed=seeds, n=st.integers(1, 4), t=st.integers(1, 4))
def test_masked_is_absent_and_a_mask_is_weight_zero(case, seed, n, t):
    y_true, y_pred, rng = drawn(case, seed, n, t)
    mask = rng.random((n, t)) < 0.6
    mask[0, 0] = True
    present = y_true[mask], y_pred[mask]
    for reduction in REDUCTIONS:
        loss = case.cls(**case.arguments, reduction=reduction)
        found = loss(y_true, masked(y_pred, mask)).item()
        assert found == pytest.approx(loss(*present).item())
        if reduction in ("sum", "mean_with_sample_weight"):
            assert found == pytest.approx(loss(y_true, y_pred, mask.astype(float)).item())


@each_on_its_own
@given(seed=seeds, n=st.integers(1, 5))
def test_reductions_are_related(case, seed, n):
    y_true, y_pred, rng = drawn(case, seed, n)
    weight = rng.uniform(0.1, 2, n)
    for w in (None, weight, 2.0, weight[:, None]):
        found = {r: case.cls(**case.arguments, reduction=r)(y_true, y_pred, w) for r in (*REDUCTIONS, "none", None)}
        rows = found["none"].numpy()
        assert rows.shape == (n,)
        assert np.array_equal(rows, found[None].numpy())
        assert found["sum"].item() == pytest.approx(rows.sum())
        assert found["mean"].item() == found["sum_over_batch_size"].item() == pytest.approx(rows.mean())
        total = n if w is None else np.broadcast_to(w, (n, 1) if np.ndim(w) == 2 else (n,)).sum()
        assert found["mean_with_sample_weight"].item() == pytest.approx(rows.sum() / total)
    assert case.cls(**case.arguments)(y_true, y_pred, np.ones(n)).item() == pytest.approx(
        case.cls(**case.arguments)(y_true, y_pred).item()
    )


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "none"])
def test_keras_masks_the_same(reduction):
    given = {k: np.array(v) for k, v in GOLDEN["masks"].items() if k != "results"}
    plain, weighted, nothing = GOLDEN["masks"]["results"][reduction]
    loss = losses.MeanSquaredError(reduction=reduction)
    y_true, y_pred, mask = given["y_true"], given["y_pred"], given["mask"]
    np.testing.assert_allclose(loss(y_true, masked(y_pred, mask)), plain, rtol=1e-5)
    np.testing.assert_allclose(loss(y_true, masked(y_pred, mask), given["sample_weight"]), weighted, rtol=1e-5)
    np.testing.assert_allclose(loss(y_true, masked(y_pred, mask & False)), nothing, rtol=1e-5)


def test_what_a_masked_step_holds_does_not_matter():
    y_pred = np.array([[[1.0], [np.nan]]])
    assert losses.MeanSquaredError()(np.zeros((1, 2, 1)), masked(y_pred, [[True, False]])).item() == 1.0


def test_weights_of_the_first_axes():
    """(n,), (n, 1) and (n, t) weigh losses of (n, t); other shapes are refused with advice."""
    y_true, y_pred = np.zeros((3, 2, 1)), np.arange(6.0).reshape(3, 2, 1)
    loss = losses.MeanSquaredError(reduction="none")
    w = np.array([1.0, 0.0, 2.0])
    expected = np.arange(6.0).reshape(3, 2) ** 2 * w[:, None]
    for weight in (w, w[:, None], np.stack([w, w], 1), np.stack([w, w], 1)[:, :, None]):
        np.testing.assert_allclose(loss(y_true, y_pred, weight), expected)
    for wrong in (np.ones(2), np.ones(4), np.ones((3, 3)), np.ones((3, 2, 2))):
        with pytest.raises(ShapeError, match="axes must be those of the losses, or the first of them"):
            loss(y_true, y_pred, wrong)


def test_samples_of_one_number():
    """(n,) with (n, 1) is squeezed or expanded, never broadcast; n weights make n samples of two (n,)."""
    y, p, w = np.array([1.0, 2.0, 4.0]), np.zeros(3), np.array([1.0, 0.0, 2.0])
    for reduction, expected in (("sum", 33.0), ("sum_over_batch_size", 11.0), ("mean_with_sample_weight", 11.0)):
        loss = losses.MeanSquaredError(reduction=reduction)
        for pair in ((y, p[:, None]), (y[:, None], p), (y[:, None], p[:, None]), (y, p)):
            assert loss(*pair, w).item() == expected
    for pair in ((y, p[:, None]), (y[:, None], p)):
        assert losses.MeanSquaredError(reduction="none")(*pair).shape == (3,)
    assert losses.MeanSquaredError()(y, p).item() == 7.0


@given(seed=seeds)
def test_steps_of_one_number_can_be_masked(seed):
    """Targets (n, t) beside predictions (n, t, 1) with a mask or weights of (n, t)."""
    rng = np.random.default_rng(seed)
    y, p, mask = rng.normal(size=(3, 4)), rng.normal(size=(3, 4, 1)), rng.random((3, 4)) < 0.5
    mask[0, 0] = True
    expected = np.mean((y - p[:, :, 0])[mask] ** 2)
    assert losses.MeanSquaredError()(y, masked(p, mask)).item() == pytest.approx(expected)
    loss = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    assert loss(y, p, mask.astype(float)).item() == pytest.approx(expected)


def test_a_loss_of_ones_own():
    class Own(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.abs(y_pred - y_true), axis=-1)

    loss = Own()
    assert loss.name == "own"
    assert loss([[1], [2]], [[2.0], [4.0]]).item() == 1.5
    assert loss([[1], [2]], [[2.0], [4.0]], [0.0, 1.0]).item() == 1.0
    with pytest.raises(NotImplementedError, match=r"call\(y_true, y_pred\)"):
        losses.Loss()(1.0, 2.0)


def test_a_function_as_loss():
    def total(y_true, y_pred):
        return ops.sum(y_pred - y_true)

    loss = losses.LossFunctionWrapper(total)
    assert loss.name == "total"
    assert loss([1.0], [3.0]).item() == 2.0
    with pytest.raises(ShapeError, match="one per sample"):
        loss([1.0, 2.0], [3.0, 4.0], [1.0, 2.0])
    wrapped = losses.LossFunctionWrapper(losses.huber, delta=2.0)
    copy = losses.LossFunctionWrapper.from_config(wrapped.get_config())
    assert copy.get_config() == wrapped.get_config()
    assert copy([[0.0]], [[3.0]]).item() == 4.0


def test_the_dtype_of_the_predictions_is_kept_but_float32_is_the_least():
    one = np.ones((2, 1))
    assert losses.MeanSquaredError()(one, one.astype("float16")).dtype == "float32"
    assert losses.MeanSquaredError()(one, one.astype("int64")).dtype == "float32"
    assert losses.MeanSquaredError()(one, one.astype("float32")).dtype == "float32"
    assert losses.MeanSquaredError()(one, one).dtype == "float64"
    assert losses.MeanSquaredError(dtype="float32")(one, one).dtype == "float32"
    assert losses.MeanSquaredError().dtype == "float32"
    assert losses.MeanSquaredError(dtype="float64").dtype == "float64"


def test_an_empty_batch_costs_nothing():
    for reduction in REDUCTIONS:
        assert losses.MeanSquaredError(reduction=reduction)(np.zeros((0, 1)), np.zeros((0, 1))).item() == 0


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("mse", "mean_squared_error"),
        ("MAE", "mean_absolute_error"),
        ("mape", "mean_absolute_percentage_error"),
        ("MSLE", "mean_squared_logarithmic_error"),
        ("bce", "binary_crossentropy"),
        ("KLD", "kl_divergence"),
    ],
)
def test_short_names(name, function):
    assert losses.get(name) is getattr(losses, function)


def test_former_names_warn():
    with pytest.warns(LegacyWarning, match="'log_cosh' today"):
        assert losses.get("logcosh") is losses.log_cosh


def test_get():
    assert losses.get(None) is None
    assert losses.get(losses.hinge) is losses.hinge
    assert isinstance(losses.get({"class_name": "Huber", "config": {"delta": 2.0}}), losses.Huber)
    with pytest.raises(ArgumentError, match="categorical_crossentropy"):
        losses.get("categorical_crossentrpy")
    with pytest.raises(ArgumentError):
        losses.get(3)


def test_bad_reduction():
    with pytest.raises(ArgumentError, match="sum_over_batch_size"):
        losses.MeanSquaredError(reduction="average")
