"""What compile receives: losses, metrics, and their names in logs."""

import numpy as np
import pytest

import autonet as keras
from autonet.errors import ArgumentError, ShapeError

X = np.arange(20, dtype="float32").reshape(10, 2) / 10
Y = X.sum(axis=1, keepdims=True) > 1


def model(units=1, **compiling):
    made = keras.Sequential([keras.layers.Dense(units, activation="sigmoid", name="only", input_shape=(2,))])
    made.compile(**{"optimizer": "sgd", "loss": "mse", "run_eagerly": True, **compiling})
    return made


def names(made, y=Y):
    found = list(made.evaluate(X, y * 1.0, verbose=0, return_dict=True))
    assert made.metrics_names == found
    return found[1:]


def dist(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ([], []),
        ("mae", ["mae"]),
        (["mae", "mse"], ["mae", "mse"]),
        (("mae",), ["mae"]),
        ([["mae", "mse"]], ["mae", "mse"]),
        ({"only": "mae"}, ["mae"]),
        ({"only": ["mae", "mse"]}, ["mae", "mse"]),
        (["mae", "mae", "MAE", "mean_absolute_error"], ["mae", "mae_1", "MAE", "mean_absolute_error"]),
        (["MeanAbsoluteError", keras.metrics.MeanAbsoluteError(name="q")], ["MeanAbsoluteError", "q"]),
        (
            [keras.metrics.MeanAbsoluteError(), keras.metrics.MeanAbsoluteError()],
            ["mean_absolute_error", "mean_absolute_error_1"],
        ),
        ([keras.metrics.MeanAbsoluteError], ["mean_absolute_error"]),
        ([dist, lambda y, p: p], ["dist", "lambda"]),
        (
            [keras.losses.mean_squared_error, keras.losses.MeanAbsoluteError()],
            ["mean_squared_error", "mean_absolute_error"],
        ),
        (["acc", "Accuracy", "binary_accuracy", "accuracy"], ["acc", "Accuracy", "binary_accuracy", "accuracy"]),
        (["crossentropy", "ce"], ["crossentropy", "ce"]),
    ],
)
def test_names_in_logs(metrics, expected):
    assert names(model(metrics=metrics)) == expected


def test_names_of_weighted_metrics():
    made = model(metrics=["mae", "mae"], weighted_metrics=["mae", "mse", "mae"])
    assert names(made) == ["mae", "mae_1", "weighted_mae", "mse", "weighted_mae_1"]


def test_the_word_accuracy_goes_by_shapes():
    made = model(metrics=["accuracy", "Accuracy", "acc"])
    right = np.mean((made.predict(X, verbose=0) > 0.5) == Y)
    assert made.evaluate(X, Y, verbose=0)[1:] == pytest.approx([right] * 3)
    made = model(3, loss="sparse_categorical_crossentropy", metrics=["accuracy", "ce"])
    labels = np.argmax(made.predict(X, verbose=0), axis=-1)
    assert made.evaluate(X, labels, verbose=0)[1] == 1
    made = model(3, loss="categorical_crossentropy", metrics=["acc", "crossentropy"])
    assert made.evaluate(X, np.eye(3)[np.argmax(made.predict(X, verbose=0), axis=-1)], verbose=0)[1] == 1


def test_a_metric_of_a_function_is_its_mean_over_samples():
    made = model(metrics=["mae", dist, keras.losses.MeanAbsoluteError()], weighted_metrics=[dist])
    weights = np.arange(10.0)
    for size in (10, 3):
        found = made.evaluate(X, Y, batch_size=size, sample_weight=weights, verbose=0, return_dict=True)
        errors = np.abs(Y - made.predict(X, verbose=0))[:, 0]
        assert found["mae"] == pytest.approx(found["dist"]) == pytest.approx(found["mean_absolute_error"])
        assert found["mae"] == pytest.approx(errors.mean(), rel=1e-5)
        assert found["weighted_dist"] == pytest.approx((errors * weights).sum() / weights.sum(), rel=1e-5)


@pytest.mark.parametrize("word", ["mea", "acuracy", "mse2"])
def test_unknown_words_are_told_at_once_with_near_ones(word):
    for argument in ("loss", "metrics", "weighted_metrics", "optimizer"):
        given = [word] if "metrics" in argument else word
        with pytest.raises(ArgumentError, match="Unknown"):
            model(**{argument: given})


def test_losses():
    y = Y.astype("float32")
    expected = None
    for loss in (
        "mse",
        "mean_squared_error",
        "MeanSquaredError",
        keras.losses.mean_squared_error,
        keras.losses.MeanSquaredError(),
        ["mse"],
        {"only": "mse"},
        lambda a, b: keras.ops.mean((a - b) ** 2, axis=-1),
        lambda a, b: keras.ops.mean((a - b) ** 2),
        keras.losses.MeanSquaredError(reduction=None),
    ):
        keras.utils.set_random_seed(0)
        found = model(loss=loss).fit(X, y, epochs=2, shuffle=False, verbose=0).history["loss"]
        expected = expected or found
        assert found == pytest.approx(expected)


def test_loss_weights():
    y = Y.astype("float32")
    one = model(loss_weights=3.0)
    assert one.evaluate(X, y, verbose=0) == pytest.approx(3 * np.mean((one.predict(X, verbose=0) - y) ** 2), rel=1e-5)


def test_one_metric_class_of_the_users_own(way):
    class Total(keras.metrics.Metric):
        def __init__(self, name="total", **common):
            super().__init__(name=name, **common)
            self.sum = self.add_variable((), "zeros", name="sum")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.sum.assign_add(keras.ops.sum(y_true))

        def result(self):
            return {"rows": self.sum / 2, "all": self.sum}

    made = model(metrics=[Total()], **way)
    for _ in range(2):
        found = made.evaluate(X, np.ones((10, 1)), batch_size=4, verbose=0, return_dict=True)
        assert found["rows"] == 5 and found["all"] == 10


def test_metrics_of_layers_are_told(way):
    class Counts(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.mean = keras.metrics.Mean(name="activity")

        def call(self, x):
            self.mean.update_state(x)
            return x

    made = keras.Sequential([Counts(), Counts(), keras.layers.Dense(1)])
    made.compile("sgd", "mse", metrics=["mae"], **way)
    history = made.fit(X, Y, epochs=2, batch_size=4, verbose=0).history
    assert list(history) == ["loss", "mae", "activity", "activity_1", "learning_rate"]
    assert history["activity"] == pytest.approx([X.mean()] * 2)


# Several outputs


def two(**compiling):
    x = keras.Input((2,))
    made = keras.Model(x, [keras.layers.Dense(1, name="a")(x), keras.layers.Dense(2, name="b")(x)])
    made.compile(**{"optimizer": "sgd", "loss": "mse", "run_eagerly": True, **compiling})
    return made


@pytest.mark.parametrize(
    ("compiling", "expected"),
    [
        (dict(), ["a_loss", "b_loss"]),
        (dict(loss=["mse", "mae"]), ["a_loss", "b_loss"]),
        (dict(loss={"a": "mse", "b": "mae"}), ["a_loss", "b_loss"]),
        (dict(loss=["mse", None]), []),
        (dict(loss={"b": "mse"}), []),
        (dict(metrics=["mae", "mse"]), ["a_loss", "b_loss", "a_mae", "b_mse"]),
        (dict(metrics=[["mae"], ["mse", "mae"]]), ["a_loss", "b_loss", "a_mae", "b_mse", "b_mae"]),
        (dict(metrics=[None, ["mae"]]), ["a_loss", "b_loss", "b_mae"]),
        (dict(metrics=["mae", ["mse"]]), ["a_loss", "b_loss", "a_mae", "b_mse"]),
        (dict(metrics={"b": "mae"}), ["a_loss", "b_loss", "b_mae"]),
        (dict(metrics={"b": ["mae"]}, weighted_metrics={"b": "mae"}), ["a_loss", "b_loss", "b_mae", "b_weighted_mae"]),
    ],
)
def test_names_of_several_outputs(compiling, expected):
    made = two(**compiling)
    for y in ([Y, X], (Y, X), {"a": Y, "b": X}):
        assert list(made.evaluate(X, y, verbose=0, return_dict=True)) == ["loss", *expected]


def test_the_loss_of_several_outputs_is_their_weighted_sum(way):
    for weights in ([2.0, 0.5], {"a": 2.0, "b": 0.5}):
        made = two(loss=["mse", "mae"], loss_weights=weights, **way)
        found = made.evaluate(X, [Y, X], batch_size=4, verbose=0, return_dict=True)
        a, b = made.predict(X, verbose=0)
        assert found["a_loss"] == pytest.approx(np.mean((a - Y) ** 2), rel=1e-5)
        assert found["b_loss"] == pytest.approx(np.mean(np.abs(b - X)), rel=1e-5)
        assert found["loss"] == pytest.approx(2 * found["a_loss"] + 0.5 * found["b_loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("losses", "y"),
    [
        ([None, "mae"], X),
        ([None, "mae"], [X]),
        ({"b": "mae"}, (X,)),
        ({"b": ["mae"]}, {"b": X}),
        ([None, "mae"], {"b": X}),
    ],
)
def test_targets_of_the_outputs_that_have_a_loss(losses, y, way):
    made = two(loss=losses, metrics=[None, ["mse"]], **way)
    full = made.evaluate(X, [Y, X], verbose=0, return_dict=True)
    assert made.evaluate(X, y, verbose=0, return_dict=True) == full
    assert list(full) == ["loss", "b_mse"]
    with pytest.warns(UserWarning, match="a/kernel, a/bias"):
        made.fit(X, y, verbose=0)
    with pytest.raises(ArgumentError, match="y expects"):
        two(loss="mse", **way).fit(X, Y, verbose=0)


@pytest.mark.parametrize("word", ["crossentropy", "ce"])
@pytest.mark.parametrize(
    ("units", "y", "meant"),
    [
        (1, Y, "binary_crossentropy"),
        (3, np.arange(10) % 3, "sparse_categorical_crossentropy"),
        (3, np.eye(3)[np.arange(10) % 3], "categorical_crossentropy"),
    ],
)
def test_the_word_crossentropy_goes_by_shapes(word, units, y, meant, way):
    losses = []
    for loss in (word, [word], meant):
        keras.utils.set_random_seed(0)
        losses.append(model(units, loss=loss, **way).fit(X, y * 1.0, epochs=2, verbose=0).history["loss"])
    assert losses[0] == losses[1] == losses[2]


def test_weights_of_several_outputs():
    made = two(loss="mae")
    first = np.arange(10) == 0
    for weight in ([first, first], {"a": first, "b": first}, first):
        found = made.evaluate(X, [Y, X], sample_weight=weight, verbose=0, return_dict=True)
        a, b = made.predict(X, verbose=0)
        assert found["a_loss"] == pytest.approx(np.abs(a - Y)[0].mean() / 10, rel=1e-4)
        assert found["b_loss"] == pytest.approx(np.abs(b - X)[0].mean() / 10, rel=1e-4)


@pytest.mark.parametrize(
    ("compiling", "y", "told"),
    [
        (dict(loss=["mse"]), [Y, X], "one entry for each of the 2 outputs"),
        (dict(loss={"c": "mse"}), [Y, X], "Unknown output in loss: 'c'"),
        (dict(loss_weights={"c": 1.0}), [Y, X], "Unknown output in loss_weights: 'c'"),
        (dict(metrics=["mae"]), [Y, X], "a list for each of the 2 outputs"),
        (dict(metrics="mae"), [Y, X], "list or dictionary for the 2 outputs"),
        (dict(metrics={"c": "mae"}), [Y, X], "Unknown output in metrics: 'c'"),
        (dict(), Y, "y expects a list or dictionary"),
        (dict(), [Y], "one entry for each"),
        (dict(), {"a": Y, "c": X}, "Unknown output in y: 'c'"),
        (dict(), {"a": Y}, "output 'b' needs targets, but y lacks 'b'"),
    ],
)
def test_what_does_not_fit_the_outputs(compiling, y, told):
    with pytest.raises(ArgumentError, match=told):
        two(**compiling).fit(X, y, verbose=0)


def test_outputs_that_are_a_dictionary(way):
    x = keras.Input((2,))
    made = keras.Model(x, {"q": keras.layers.Dense(1)(x), "p": keras.layers.Dense(2)(x)})
    made.compile("sgd", {"q": "mse", "p": "mae"}, metrics={"q": "mae", "p": ["mse"]}, **way)
    found = made.evaluate(X, {"q": Y, "p": X}, verbose=0, return_dict=True)
    assert list(found) == ["loss", "p_loss", "q_loss", "p_mse", "q_mae"]


# No loss, added losses


def test_nothing_to_lower():
    with pytest.raises(ArgumentError, match="nothing to lower"):
        model(loss=None).fit(X, Y, verbose=0)


def test_added_losses_and_penalties_count(way):
    class Added(keras.layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.mean(x * x) * 0.5)
            return x

    stack = [
        Added(),
        keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.25), activity_regularizer="l1"),
        Added(),
    ]
    made = keras.Sequential(stack)
    made.compile("sgd", "mse", metrics=["mse"], **way)
    y = np.zeros((10, 3), "float32")
    made.fit(X, y, batch_size=5, epochs=2, verbose=0)
    found = made.evaluate(X, y, batch_size=10, verbose=0, return_dict=True)
    out, kernel = made.predict(X, verbose=0), made.layers[1].kernel.numpy()
    expected = (
        0.5 * np.mean(X * X) + 0.5 * np.mean(out * out) + 0.25 * np.sum(kernel**2) + 0.01 * np.abs(out).sum() / 10
    )
    assert found["mse"] == pytest.approx(np.mean(out * out), rel=1e-4)
    assert found["loss"] == pytest.approx(expected + found["mse"], rel=1e-4)


def test_a_loss_may_come_from_layers_alone(way):
    class Codes(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            y = self.dense(x)
            self.add_loss(keras.ops.mean((y - x) ** 2))
            return y

    made = Codes()
    made.compile(keras.optimizers.SGD(0.1), **way)
    losses = made.fit(X, epochs=5, validation_data=(X,), verbose=0).history
    assert losses["loss"][-1] < losses["loss"][0] and list(losses) == ["loss", "val_loss", "learning_rate"]
    assert made.evaluate(X, verbose=0) == pytest.approx(losses["val_loss"][-1])
    assert made.train_on_batch(X) > 0


def test_a_loss_of_several_numbers_is_refused():
    class Many(keras.Model):
        def call(self, x):
            return x

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return y_pred - y

    made = Many()
    made.compile("sgd", run_eagerly=True)
    with pytest.raises(ShapeError, match="must be one number"):
        made.fit(X, X, verbose=0)


def test_a_loss_that_no_weight_moves():
    class Cut(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return keras.ops.stop_gradient(self.dense(x))

    made = Cut()
    made.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(ArgumentError, match="does not depend on any trainable weight"):
        made.fit(X, Y, verbose=0)


def test_compiling_again_starts_anew(way):
    made = model(optimizer="adam", metrics=["mae"], **way)
    made.fit(X, Y, verbose=0)
    weights = made.get_weights()
    made.compile("sgd", "mae", metrics=["mse"], **way)
    assert int(made.optimizer.iterations) == 0
    assert list(made.evaluate(X, Y, verbose=0, return_dict=True)) == ["loss", "mse"]
    for a, b in zip(weights, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
