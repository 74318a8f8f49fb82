"""Labels and probabilities out of range are one clear error: in eager steps, in NumPy plans, in native ones."""

import numpy as np
import pytest

import autonet as keras
from autonet import losses, metrics, ops
from autonet.errors import DataError
from autonet.ops import labels
from tests.ops.cases import Case, reals

CASES = {
    "bounded": Case(
        reals(-1, 1), settings={"low": -2.0, "high": 2.0, "whole": False, "details": "x|y"}, numpy=lambda x, **_: x
    ),
}

ONE_HOT = np.eye(3, dtype="float32")
SHARES = np.full((3, 3), 1 / 3, "float32")
BINARY = np.array([[0.0], [1.0], [1.0]], "float32")
NUMBERS = np.arange(3)
WRONG_BINARY = (BINARY + 1, BINARY * 2 - 1, BINARY * 255)
WRONG_ROWS = (ONE_HOT * 2, -ONE_HOT, ONE_HOT * 255)
WRONG_SIGNS = (BINARY * 2, BINARY * 0.5, BINARY - 2)
WRONG_NUMBERS = (NUMBERS + 1, NUMBERS * 0.5, NUMBERS.astype("float32") + 100)

# good labels, what they are beside, and labels that are refused
BINARY_KIND = (BINARY, np.full((3, 1), 0.6, "float32"), WRONG_BINARY)
ROWS_KIND = (ONE_HOT, SHARES, WRONG_ROWS)
NUMBERS_KIND = (NUMBERS, SHARES, WRONG_NUMBERS)
NEGATIVE = (NUMBERS - 1,)
KINDS = {
    "binary_crossentropy": BINARY_KIND,
    "binary_focal_crossentropy": BINARY_KIND,
    "categorical_crossentropy": ROWS_KIND,
    "categorical_focal_crossentropy": ROWS_KIND,
    "categorical_hinge": ROWS_KIND,
    "kl_divergence": ROWS_KIND,
    "hinge": (BINARY, BINARY, WRONG_SIGNS),
    "squared_hinge": (BINARY * 2 - 1, BINARY, WRONG_SIGNS),
    "dice": BINARY_KIND,
    "tversky": BINARY_KIND,
    "sparse_categorical_crossentropy": (NUMBERS, SHARES, (*WRONG_NUMBERS, *NEGATIVE)),
    "categorical_generalized_cross_entropy": (NUMBERS, SHARES, (*WRONG_NUMBERS, *NEGATIVE)),
    "binary_accuracy": BINARY_KIND,
    "categorical_accuracy": ROWS_KIND,
    "top_k_categorical_accuracy": ROWS_KIND,
    "sparse_categorical_accuracy": NUMBERS_KIND,
    "sparse_top_k_categorical_accuracy": NUMBERS_KIND,
}
MORE = {"categorical_generalized_cross_entropy": {"q": 0.5}}
FREE = {  # whose targets are any numbers, or have rules of their own and tests elsewhere
    *("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error"),
    *("huber", "log_cosh", "poisson", "cosine_similarity", "circle", "ctc", "accuracy", "pearson_correlation"),
    *("concordance_correlation", "serialize", "deserialize", "get", "resolve"),
}


def functions():
    """Every loss and metric that is a function, by its name."""
    for room in (losses, metrics):
        for name in dir(room):  # metrics name losses too
            f = getattr(room, name)
            home = getattr(f, "__module__", "").split(".")
            if name[0].islower() and callable(f) and f.__name__ == name and home[1:2] in (["losses"], ["metrics"]):
                yield name, f


def test_every_function_of_labels_is_in_the_table():
    assert {name for name, _ in functions()} - FREE == set(KINDS)


@pytest.fixture(params=["native", "numpy"])
def plan(request, monkeypatch):
    if request.param == "numpy":
        monkeypatch.setenv("AUTONET_NATIVE", "0")


@pytest.mark.parametrize("name", KINDS)
def test_labels_out_of_range(name, plan):
    f = dict(functions())[name]
    good, y_pred, bad = KINDS[name]
    g = lambda y_true, y_pred: f(y_true, y_pred, **MORE.get(name, {}))
    compiled = keras.jit(g)
    for _ in range(3):
        compiled(good, y_pred)
    for y_true in bad:
        with pytest.raises(DataError, match=r"expects.*received"):
            g(y_true, y_pred)
        if y_true.dtype == good.dtype:
            with pytest.raises(DataError, match=r"expects.*received"):  # by a plan that knows good ones
                compiled(y_true, y_pred)
    compiled(good, y_pred)


@pytest.mark.parametrize("name", [n for n, kind in KINDS.items() if kind[0].dtype != NUMBERS.dtype])
def test_booleans_mean_0_and_1(name):
    f = dict(functions())[name]
    good, y_pred, _ = KINDS[name]
    good = np.abs(good)
    np.testing.assert_array_equal(f(good != 0, y_pred), f(good, y_pred))


def test_booleans_are_classes_0_and_1():
    rows = np.full((3, 2), 0.5, "float32")
    for name in ("sparse_categorical_crossentropy", "sparse_categorical_accuracy"):
        f = dict(functions())[name]
        np.testing.assert_array_equal(f(BINARY[:, 0] != 0, rows), f(BINARY[:, 0].astype(int), rows))


COUNTS = ["AUC", "Precision", "Recall", "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "BinaryAccuracy"]  # fmt: skip


@pytest.mark.parametrize("name", [*COUNTS, "PrecisionAtRecall", "SensitivityAtSpecificity", "F1Score", "FBetaScore"])
def test_metrics_of_yes_and_no(name):
    made = lambda: getattr(metrics, name)(*([0.5] if "At" in name else []))
    y_true, y_pred = (ONE_HOT, SHARES) if "Score" in name else (BINARY, BINARY)
    np.testing.assert_array_equal(made()(y_true, y_pred), made()(y_true != 0, y_pred))
    for wrong in (y_true * 2, y_true - 1):
        with pytest.raises(DataError, match="expects"):
            made()(wrong, y_pred)


def test_soft_labels_and_smoothing_stay():
    soft = np.array([[0.25], [0.9], [1.0]], "float32")
    assert np.isfinite(losses.binary_crossentropy(soft, BINARY, label_smoothing=0.1).numpy()).all()
    assert np.isfinite(losses.categorical_crossentropy(SHARES, SHARES, label_smoothing=0.1).numpy()).all()
    assert np.isnan(losses.binary_crossentropy(soft * np.nan, BINARY).numpy()).all()  # nan is another matter


ANY_SCORES = {  # predictions that need not be probabilities
    *("hinge", "squared_hinge", "categorical_hinge", "dice", "tversky", "binary_accuracy", "categorical_accuracy"),
    *("top_k_categorical_accuracy", "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"),
}


@pytest.mark.parametrize("name", sorted(KINDS.keys() - ANY_SCORES))
def test_logits_are_no_probabilities(name, plan):
    """Every cross-entropy and divergence refuses them: functions, losses, metrics, by plans too."""
    f = dict(functions())[name]
    good, y_pred, _ = KINDS[name]
    g = lambda y_true, y_pred: f(y_true, y_pred, **MORE.get(name, {}))
    compiled = keras.jit(g)
    made = [kind(**MORE.get(name, {})) for room in (losses, metrics) for kind in classes(room, name)]
    for _ in range(3):
        compiled(good, y_pred)
    for logits in (-y_pred, y_pred - 2 * (np.arange(len(y_pred)) == 1)[:, None]):
        for way in (g, compiled, *made):
            with pytest.raises(DataError, match="from_logits=True"):
                way(good, logits.astype("float32"))
    compiled(good, y_pred)


def classes(room, name):
    """The classes that compute the function `name`."""
    spelt = name.replace("_", "")
    return [c for n in dir(room) if isinstance(c := getattr(room, n), type) and n.lower() == spelt]


@pytest.mark.parametrize("activation", [None, "tanh"])
@pytest.mark.parametrize(
    "loss, units",
    [("sparse_categorical_crossentropy", 3), ("categorical_crossentropy", 3), ("binary_crossentropy", 1)],
)
def test_a_model_that_ends_without_softmax(loss, units, activation, plan):
    x = np.random.default_rng(0).normal(size=(64, 2))
    labels = np.arange(64) % (units if units > 1 else 2)
    y = np.eye(3)[labels] if loss.startswith("categorical") else labels
    for eagerly in (True, False):
        model = keras.Sequential([keras.layers.Dense(units, activation)])
        model.compile("adam", loss, run_eagerly=eagerly)
        for run in (model.fit, model.evaluate):
            with pytest.raises(DataError, match="from_logits=True"):
                run(x, y, verbose=0)


def test_logits_taken_for_probabilities():
    logits = np.array([[3.0], [-2.0], [0.5]], "float32")
    for f in (losses.binary_crossentropy, losses.binary_focal_crossentropy, ops.binary_crossentropy):
        with pytest.raises(DataError, match="from_logits=True"):
            f(BINARY, logits)
        f(BINARY, logits, from_logits=True)
    for f in (losses.categorical_crossentropy, ops.categorical_crossentropy):
        with pytest.raises(DataError, match="from_logits=True"):
            f(ONE_HOT, -ONE_HOT)
    with pytest.raises(DataError, match="from_logits=True"):
        ops.sparse_categorical_crossentropy(NUMBERS, -ONE_HOT)


@pytest.mark.parametrize("late", [False, True])
def test_fit_notices_in_compiled_steps(late, plan):
    x = np.ones((64, 3), "float32")
    y = np.zeros(64, "float32")
    y[-1 if late else 0] = 2
    model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    with pytest.raises(DataError, match="received 2"):
        model.fit(x, y, batch_size=8, shuffle=False, verbose=0)


def test_bounds_of_every_dtype():
    for dtype in ("uint8", "int32", "int64", "float16", "float32", "float64", "bool"):
        assert labels.binary_labels(np.array([0, 1], dtype), "f").dtype == dtype
        assert labels.class_labels(np.array([0, 1], dtype), 2, "f").dtype == dtype
        if dtype != "bool":
            with pytest.raises(DataError, match="f expects.*received 2"):
                labels.binary_labels(np.array([0, 1, 2], dtype), "f")
