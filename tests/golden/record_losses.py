"""Record what Keras's losses and metrics give for small inputs: python tests/golden/record_losses.py

Needs keras 3 with its JAX backend; nothing of autonet. Writes losses.json and metrics.json beside this file.
"""

import inspect
import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20240229)


def rounded(x):
    """Nested lists of floats, float32's digits."""
    if isinstance(x, (list, tuple)):
        return [rounded(v) for v in x]
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return x.tolist()
    return np.vectorize(lambda v: float(f"{v:.9g}"), otypes=[float])(x).tolist() if x.size else x.tolist()


def reals(*shape):
    return np.round(rng.normal(size=shape), 4)


def positive(*shape):
    return np.round(rng.uniform(0.05, 3, size=shape), 4)


def unit(*shape):
    return np.round(rng.uniform(0.02, 0.98, size=shape), 4)


def simplex(*shape):
    p = rng.uniform(0.05, 1, size=shape)
    return np.round(p / p.sum(-1, keepdims=True), 4)


def direction(*shape):
    x = rng.normal(size=shape)
    return np.round(x / np.linalg.norm(x, axis=-1, keepdims=True), 4)


def bits(*shape):
    return rng.integers(0, 2, shape)


def one_hot(*shape):
    return np.eye(shape[-1], dtype=int)[rng.integers(0, shape[-1], shape[:-1])]


def classes(n, *shape):
    return rng.integers(0, n, shape)


REGRESSION = ["MeanSquaredError", "MeanAbsoluteError", "LogCosh", "CosineSimilarity", "Huber"]
POSITIVE = ["MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson"]


def loss_cases():
    """(class, its arguments, y_true, y_pred, further variants)."""
    for name in REGRESSION:
        yield name, {}, reals(5, 3), reals(5, 3)
        yield name, {}, reals(2, 4, 3), reals(2, 4, 3)
    yield "Huber", {"delta": 0.3}, reals(5, 3), reals(5, 3)
    yield "CosineSimilarity", {"axis": 1}, reals(2, 4, 3), reals(2, 4, 3)
    yield "CosineSimilarity", {}, np.zeros((2, 3)), reals(2, 3) * 1e-8
    for name in POSITIVE:
        yield name, {}, positive(5, 3), positive(5, 3)
    yield "MeanAbsolutePercentageError", {}, np.array([[0.0, 1.0], [2.0, -3.0]]), reals(2, 2)
    yield "MeanSquaredLogarithmicError", {}, np.array([[0.0, 1.0], [2.0, -3.0]]), reals(2, 2)
    yield "MeanSquaredError", {}, reals(5), reals(5, 1)
    yield "MeanSquaredError", {}, reals(5, 1), reals(5)
    yield "MeanSquaredError", {}, reals(5, 3), reals(5, 3, 1)
    yield "MeanSquaredError", {}, classes(7, 5, 3), reals(5, 3)
    for smooth in (0.0, 0.1):
        yield "BinaryCrossentropy", {"label_smoothing": smooth}, bits(5, 3), unit(5, 3)
        yield "BinaryCrossentropy", {"label_smoothing": smooth, "from_logits": True}, bits(5, 3), 4 * reals(5, 3)
        yield "CategoricalCrossentropy", {"label_smoothing": smooth}, one_hot(5, 3), unit(5, 3)
        yield (
            "CategoricalCrossentropy",
            {"label_smoothing": smooth, "from_logits": True},
            one_hot(5, 3),
            4 * reals(5, 3),
        )
    yield "BinaryCrossentropy", {}, bits(5), unit(5, 1)
    yield "BinaryCrossentropy", {}, np.array([[0, 1, 0, 1]]), np.array([[0.0, 1.0, 1.0, 0.0]])
    yield "BinaryCrossentropy", {"axis": 1}, bits(2, 4, 3), unit(2, 4, 3)
    yield "CategoricalCrossentropy", {}, np.eye(3), np.eye(3)[[0, 2, 1]]
    yield "CategoricalCrossentropy", {"axis": 1}, np.moveaxis(one_hot(2, 4, 3), 1, 2), simplex(2, 3, 4)
    yield "CategoricalCrossentropy", {}, simplex(2, 4, 3), simplex(2, 4, 3)
    yield "SparseCategoricalCrossentropy", {}, classes(3, 5), unit(5, 3)
    yield "SparseCategoricalCrossentropy", {}, classes(3, 5, 1), simplex(5, 3)
    yield "SparseCategoricalCrossentropy", {"from_logits": True}, classes(3, 2, 4), 4 * reals(2, 4, 3)
    yield "SparseCategoricalCrossentropy", {"ignore_class": 1}, np.array([0, 1, 2, 1, 0]), simplex(5, 3)
    yield (
        "SparseCategoricalCrossentropy",
        {"ignore_class": -1, "from_logits": True},
        np.array([[0, -1], [-1, 2]]),
        reals(2, 2, 3),
    )
    yield "SparseCategoricalCrossentropy", {}, np.arange(3), np.eye(3)[[0, 2, 1]]
    for balance in (False, True):
        more = {"apply_class_balancing": balance, "alpha": 0.4, "gamma": 3.0}
        yield "BinaryFocalCrossentropy", {**more, "label_smoothing": 0.1}, bits(5, 3), unit(5, 3)
        yield "BinaryFocalCrossentropy", {**more, "from_logits": True}, bits(5, 3), 4 * reals(5, 3)
    yield (
        "CategoricalFocalCrossentropy",
        {"alpha": 0.4, "gamma": 3.0, "label_smoothing": 0.1},
        one_hot(5, 3),
        simplex(5, 3),
    )
    yield "CategoricalFocalCrossentropy", {"from_logits": True}, one_hot(5, 3), 4 * reals(5, 3)
    yield "KLDivergence", {}, simplex(5, 3), simplex(5, 3)
    yield "KLDivergence", {}, one_hot(5, 3), simplex(5, 3)
    for name in ("Hinge", "SquaredHinge"):
        yield name, {}, bits(5, 3), reals(5, 3)
        yield name, {}, 2 * bits(5, 3) - 1, reals(5, 3)
    yield "CategoricalHinge", {}, one_hot(5, 3), reals(5, 3)
    for q in (0.1, 0.5, 0.9):
        yield "CategoricalGeneralizedCrossEntropy", {"q": q}, classes(3, 5), simplex(5, 3)
    for axis in (-1, [1, 2]):
        yield "Dice", {"axis": axis}, bits(2, 4, 3), unit(2, 4, 3)
        yield "Tversky", {"axis": axis, "alpha": 0.2, "beta": 0.7}, bits(2, 4, 3), unit(2, 4, 3)
    yield "Dice", {"axis": -1}, bits(5), unit(5, 1)
    yield "Dice", {"axis": -1}, np.zeros((2, 3)), np.zeros((2, 3))
    for more in ({}, {"remove_diagonal": False}, {"gamma": 2.0, "margin": 0.25}):
        yield "Circle", more, classes(3, 6), direction(6, 4)
    yield "Circle", {"gamma": 2.0}, np.arange(3), direction(3, 2)
    yield "CTC", {}, np.array([[1, 2, 1], [3, 3, 0], [0, 0, 0]]), reals(3, 6, 4)
    yield "CTC", {}, np.array([[1, 1, 2], [3, 0, 0]]), 4 * reals(2, 4, 5)


def record_losses():
    rows = []
    for name, config, y_true, y_pred in loss_cases():
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred, "float32")
        cls = getattr(keras.losses, name)
        losses = np.asarray(cls(**config, reduction="none")(y_true, y_pred))
        weight = np.round(rng.uniform(0, 2, losses.shape), 2).astype("float32")
        row = {
            "class": name,
            "config": config,
            "y_true": rounded(y_true),
            "y_pred": rounded(y_pred),
            "sample_weight": rounded(weight),
            "losses": rounded(losses),
            "gradient": rounded(jax.grad(lambda p, cls=cls, config=config, y=y_true: cls(**config)(y, p))(y_pred)),
        }
        for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"):
            loss = cls(**config, reduction=reduction)
            row[reduction] = [rounded(loss(y_true, y_pred)), rounded(loss(y_true, y_pred, weight))]
        rows.append(row)
    return rows


def record_masks():
    """Masked losses of shape (3, 2) by reduction: without weights, with (3, 2) weights, with all masked."""
    y_true, y_pred = reals(3, 2, 4), reals(3, 2, 4)
    mask = np.array([[True, True], [True, False], [False, False]])
    weight = positive(3, 2)
    results = {}

    class Masked(keras.layers.Layer):
        """Hands the mask on by Keras's public way: a layer's compute_mask."""

        def __init__(self, mask):
            super().__init__()
            self.own = mask
            self.supports_masking = True

        def call(self, x):
            return x

        def compute_mask(self, inputs, previous_mask=None):
            return keras.ops.convert_to_tensor(self.own)

    for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"):
        loss = keras.losses.MeanSquaredError(reduction=reduction)
        results[reduction] = [
            rounded(loss(y_true, Masked(m)(y_pred), w)) for m, w in ((mask, None), (mask, weight), (mask & False, None))
        ]
    given = {"y_true": y_true, "y_pred": y_pred, "mask": mask, "sample_weight": weight}
    return {**{k: rounded(v) for k, v in given.items()}, "results": results}


def metric_cases():
    """(class, its arguments, function that draws a batch of n samples)."""
    numbers = lambda n: (reals(n, 3), reals(n, 3))
    for name in ("MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "LogCoshError", "CosineSimilarity"):
        yield name, {}, numbers
    yield "CosineSimilarity", {"axis": 1}, numbers
    for name in ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson"):
        yield name, {}, lambda n: (positive(n, 3), positive(n, 3))
    for name in ("Mean", "Sum"):
        yield name, {}, lambda n: (reals(n, 3),)
    yield "Accuracy", {}, lambda n: (classes(3, n, 2), classes(3, n, 2))
    yield "BinaryAccuracy", {}, lambda n: (bits(n, 2), unit(n, 2))
    yield "BinaryAccuracy", {"threshold": 0.7}, lambda n: (bits(n), unit(n, 1))
    yield "CategoricalAccuracy", {}, lambda n: (one_hot(n, 3), simplex(n, 3))
    yield "SparseCategoricalAccuracy", {}, lambda n: (classes(3, n), simplex(n, 3))
    yield "SparseCategoricalAccuracy", {}, lambda n: (classes(3, n, 1), simplex(n, 3))
    yield "TopKCategoricalAccuracy", {"k": 2}, lambda n: (one_hot(n, 4), simplex(n, 4))
    yield "SparseTopKCategoricalAccuracy", {"k": 2}, lambda n: (classes(4, n), simplex(n, 4))
    yield "SparseTopKCategoricalAccuracy", {"k": 7}, lambda n: (classes(4, n), simplex(n, 4))
    ids = lambda n: np.argsort(rng.random((n, 4)), -1)
    yield "SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, lambda n: (classes(4, n), ids(n))
    yield "BinaryCrossentropy", {"label_smoothing": 0.1}, lambda n: (bits(n, 2), unit(n, 2))
    yield "CategoricalCrossentropy", {"from_logits": True}, lambda n: (one_hot(n, 3), reals(n, 3))
    yield "SparseCategoricalCrossentropy", {}, lambda n: (classes(3, n), simplex(n, 3))
    yield "KLDivergence", {}, lambda n: (simplex(n, 3), simplex(n, 3))
    for name in ("Hinge", "SquaredHinge"):
        yield name, {}, lambda n: (2 * bits(n, 3) - 1, reals(n, 3))
    yield "CategoricalHinge", {}, lambda n: (one_hot(n, 3), reals(n, 3))
    binary = lambda n: (bits(n), np.round(unit(n), 1))
    for name in ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "Precision", "Recall"):
        for thresholds in (None, 0.3, [0.2, 0.5, 0.9]):
            yield name, {"thresholds": thresholds}, binary
    for name in ("Precision", "Recall"):
        yield name, {"top_k": 2}, lambda n: (one_hot(n, 4), simplex(n, 4))
        yield name, {"class_id": 1, "thresholds": 0.25}, lambda n: (one_hot(n, 4), simplex(n, 4))
        yield name, {"class_id": 2, "top_k": 2}, lambda n: (one_hot(n, 4), simplex(n, 4))
    for curve in ("ROC", "PR", "PRGAIN"):
        for method in ("interpolation", "minoring", "majoring"):
            yield "AUC", {"curve": curve, "summation_method": method, "num_thresholds": 7}, lambda n: (bits(n), unit(n))
    yield "AUC", {}, lambda n: (bits(n, 2), unit(n, 2))
    yield "AUC", {"thresholds": [0.7, 0.2]}, binary
    yield "AUC", {"from_logits": True}, lambda n: (bits(n), reals(n))
    yield "AUC", {"multi_label": True, "num_labels": 2}, lambda n: (bits(n, 2), unit(n, 2))
    yield "AUC", {"multi_label": True, "num_labels": 2, "label_weights": [0.2, 0.8]}, lambda n: (bits(n, 2), unit(n, 2))
    for average in (None, "micro", "macro", "weighted"):
        yield "FBetaScore", {"average": average, "beta": 2.0}, lambda n: (one_hot(n, 3), simplex(n, 3))
        yield "F1Score", {"average": average, "threshold": 0.4}, lambda n: (one_hot(n, 3), simplex(n, 3))
    for aggregation in (None, "uniform_average", "variance_weighted_average"):
        yield "R2Score", {"class_aggregation": aggregation}, numbers
    for name in ("PearsonCorrelation", "ConcordanceCorrelation"):
        yield name, {}, numbers
        yield name, {"axis": [1, 2]}, lambda n: (reals(n, 3, 2), reals(n, 3, 2))
    few = {"num_thresholds": 7}
    for name, level in (
        ("SensitivityAtSpecificity", "specificity"),
        ("SpecificityAtSensitivity", "sensitivity"),
        ("PrecisionAtRecall", "recall"),
        ("RecallAtPrecision", "precision"),
    ):
        yield name, {level: 0.6}, binary
        yield name, {level: 0.4, **few}, binary
        yield name, {level: 0.5, "num_thresholds": 1}, binary
        yield name, {level: 0.3, "class_id": 1, **few}, lambda n: (one_hot(n, 3), simplex(n, 3))
    real = {"dtype": "float32"}  # by default Keras counts in whole numbers, which sample weights need not be
    yield "IoU", {"num_classes": 3, "target_class_ids": [0, 2], **real}, lambda n: (classes(3, n), classes(3, n))
    yield "MeanIoU", {"num_classes": 4, **real}, lambda n: (classes(3, n), classes(3, n))
    yield "MeanIoU", {"num_classes": 3, "ignore_class": 1, **real}, lambda n: (classes(3, n), classes(3, n))
    yield "MeanIoU", {"num_classes": 3, "sparse_y_pred": False, **real}, lambda n: (classes(3, n), simplex(n, 3))
    yield "OneHotIoU", {"num_classes": 3, "target_class_ids": [1], **real}, lambda n: (one_hot(n, 3), simplex(n, 3))
    yield "OneHotMeanIoU", {"num_classes": 3, **real}, lambda n: (one_hot(n, 3), simplex(n, 3))
    yield "BinaryIoU", {"target_class_ids": [0, 1], "threshold": 0.4, **real}, binary
    yield "BinaryIoU", {"target_class_ids": [1], **real}, binary
    yield "R2Score", {"num_regressors": 2}, lambda n: (reals(n, 1), reals(n, 1))  # of one output, see R2Score


def record_metrics():
    rows = []
    for name, config, draw in metric_cases():
        batches = [draw(6), draw(3)]
        weights = [np.round(rng.uniform(0, 2, 6), 2), np.round(rng.uniform(0, 2, 3), 2)]
        results = []
        for used in (None, weights):
            metric = getattr(keras.metrics, name)(**config)
            for i, batch in enumerate(batches):
                metric.update_state(*batch, **({"sample_weight": used[i]} if used else {}))
            results.append(rounded(metric.result()))
        rows.append(
            {
                "class": name,
                "config": config,
                "batches": rounded(batches),
                "weights": rounded(weights),
                "results": results,
            }
        )
    return rows


def described(module):
    """Arguments, with defaults, and default configuration of every public class and function."""
    found = {}
    for name in sorted(dir(module)):
        thing = getattr(module, name)
        if name.startswith("_") or not callable(thing):
            continue
        call = thing.__init__ if inspect.isclass(thing) else thing
        arguments = [
            [p.name, None if p.default is p.empty else [p.default]]
            for p in inspect.signature(call).parameters.values()
            if p.name != "self"
        ]
        config = None
        if inspect.isclass(thing):
            try:
                config = thing(name="given").get_config()
            except (TypeError, ValueError):
                pass
        found[name] = {"class": inspect.isclass(thing), "arguments": arguments, "config": config}
    return found


def write(name, content):
    text = json.dumps({"keras": keras.__version__, "recorded_by": "record_losses.py", **content}, indent=None)
    (HERE / name).write_text(text.replace('{"class"', '\n{"class"').replace('"arguments"', '\n "arguments"') + "\n")


if __name__ == "__main__":
    write("losses.json", {"losses": record_losses(), "masks": record_masks(), "public": described(keras.losses)})
    write("metrics.json", {"metrics": record_metrics(), "public": described(keras.metrics)})
