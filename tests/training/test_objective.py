"""A batch's loss as a function of the weights: products against their definitions, and nothing else moves."""

import warnings

import numpy as np
import pytest

import autonet as keras
from autonet import layers, ops, optimizers

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 4)).astype("float32")
LABELS = np.arange(6) % 3
NUMBERS = RNG.random((6, 3)).astype("float32")
WEIGHTS = np.linspace(0.5, 2, 6).astype("float32")


@pytest.fixture(autouse=True)
def no_machine_code(monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")


def network(
    last="softmax", loss="sparse_categorical_crossentropy", penalty=None, more=(), optimizer="lbfgs", **compiling
):
    keras.utils.set_random_seed(1)
    first = layers.Dense(3, activation="tanh", kernel_regularizer=penalty)
    model = keras.Sequential([layers.Input((4,)), first, *more, layers.Dense(3, activation=last)])
    model.compile(optimizer, loss, **compiling)
    return model


def float64(make):
    """A network whose weights are float64."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        return make()
    finally:
        keras.config.set_floatx(before)


def two_outputs():
    keras.utils.set_random_seed(1)
    x = keras.Input((4,))
    h = layers.Dense(3, activation="tanh")(x)
    model = keras.Model(x, {"a": layers.Dense(3, activation="softmax", name="a")(h), "b": layers.Dense(3, name="b")(h)})
    model.compile("lbfgs", {"a": "sparse_categorical_crossentropy", "b": "mse"}, loss_weights={"a": 1.0, "b": 0.5})
    return model


LOSSES = {  # last activation, loss, targets
    "softmax": ("softmax", "sparse_categorical_crossentropy", LABELS),
    "sigmoid": ("sigmoid", "binary_crossentropy", NUMBERS.round()),
    "linear": (None, "mse", NUMBERS),
    "mse after softmax": ("softmax", "mse", NUMBERS),
    "robust": (None, "log_cosh", NUMBERS),
}


def flat(leaves):
    return np.concatenate([np.asarray(leaf).ravel() for leaf in leaves])


def by_definition(model, x, y, weight, before_last):
    """J' H J from the Jacobian of what the loss reads (logits, where it takes these) and the loss's Hessian."""
    weights = model.trainable_variables

    def read(_):
        y_pred = model(x, training=True)
        return y_pred._logits[1] if before_last else y_pred

    def loss(z):
        y_pred = model.layers[-1].activation(z) if before_last else z
        return model._compile_loss(model, ops.convert_to_tensor(y), y_pred, weight, len(x))

    z = read(None)
    jacobian = keras.jacobian(read)(weights)
    matrix = np.concatenate([np.asarray(j).reshape(z.size, -1) for j in jacobian], axis=1)
    hessian = np.asarray(keras.hessian(loss)(ops.stop_gradient(z))).reshape(z.size, z.size)
    return matrix.T @ hessian @ matrix


@pytest.mark.parametrize("eager", [False, True], ids=["plan", "eager"])
@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", LOSSES)
def test_the_gauss_newton_product_is_its_definition(name, weight, eager):
    last, loss, y = LOSSES[name]
    model = float64(lambda: network(last, loss, run_eagerly=eager))
    objective = model._objective()
    objective.batch = tuple(None if a is None else ops.convert_to_tensor(a) for a in (X.astype("float64"), y, weight))
    matrix = by_definition(model, objective.batch[0], y, objective.batch[2], last is not None and loss != "mse")
    for seed in range(2):
        v = [np.random.default_rng(seed).standard_normal(w.shape) for w in model.trainable_variables]
        product = objective.gauss_newton_product([ops.convert_to_tensor(leaf) for leaf in v])
        assert np.allclose(flat(product), matrix @ flat(v), atol=1e-9)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9  # the loss is convex in what it reads


@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_penalties_add_their_own_hessian(penalty):
    x = ops.convert_to_tensor(X.astype("float64"))
    plain, added = (float64(lambda p=p: network(penalty=p)) for p in (None, penalty))
    v = [np.random.default_rng(0).standard_normal(w.shape) for w in plain.trainable_variables]
    products = []
    for model in (plain, added):
        objective = model._objective()
        objective.batch = x, ops.convert_to_tensor(LABELS), None
        products.append(objective.gauss_newton_product([ops.convert_to_tensor(leaf) for leaf in v]))
    difference = [np.asarray(b) - np.asarray(a) for a, b in zip(*products, strict=True)]
    assert np.allclose(difference[0], (0.02 if penalty == "l2" else 0.0) * v[0])
    assert not any(d.any() for d in difference[1:])


def test_several_outputs_count_together():
    model = float64(two_outputs)
    objective = model._objective()
    y = {"a": ops.convert_to_tensor(LABELS), "b": ops.convert_to_tensor(NUMBERS.astype("float64"))}
    objective.batch = ops.convert_to_tensor(X.astype("float64")), y, None
    v = [ops.ones_like(w) for w in model.trainable_variables]
    together = flat(objective.gauss_newton_product(v))
    parts = []
    for weights in ({"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 0.5}):
        model.compile("lbfgs", model.loss, loss_weights=weights)
        objective = model._objective()
        objective.batch = ops.convert_to_tensor(X.astype("float64")), y, None
        parts.append(flat(objective.gauss_newton_product(v)))
    assert np.allclose(together, parts[0] + parts[1]) and parts[0].any() and parts[1].any()


def test_value_gradient_and_hessian_products_are_those_of_the_loss():
    model = float64(lambda: network(penalty="l2"))
    x, y = ops.convert_to_tensor(X.astype("float64")), ops.convert_to_tensor(LABELS)
    objective = model._objective()
    objective.batch = x, y, None
    loss = lambda _: model.compute_loss(x, y, model(x, training=True))
    value, gradient = keras.value_and_grad(loss)(model.trainable_variables)
    assert objective.value() == pytest.approx(float(value))
    assert np.allclose(flat(objective.value_and_gradient()[1]), flat(gradient))
    v = [ops.ones_like(w) for w in model.trainable_variables]
    expected = keras.hvp(loss, (model.trainable_variables,), (v,))
    assert np.allclose(flat(objective.hessian_product(v)), flat(expected))


def noisy(optimizer="hessian_free", **compiling):
    keras.utils.set_random_seed(2)
    more = [layers.BatchNormalization(), layers.Dropout(0.3, seed=3), layers.GaussianNoise(0.1)]
    return network(more=more, optimizer=optimizer, metrics=["accuracy"], **compiling)


@pytest.mark.parametrize("eager", [False, True], ids=["plan", "eager"])
def test_evaluations_move_nothing_and_see_the_same_chance(eager):
    model = noisy(run_eagerly=eager)
    objective = model._objective()
    objective.batch = ops.convert_to_tensor(X), ops.convert_to_tensor(LABELS), None
    before = [v.numpy() for v in model.variables]
    v = [ops.ones_like(w) for w in model.trainable_variables]
    for _ in range(2):
        values = [objective.value(), objective.value_and_gradient()[0], objective.value()]
        assert np.ptp(values) < 1e-6
        objective.hessian_product(v)
        objective.gauss_newton_product(v)
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, model.variables, strict=True))


def test_averages_of_a_layer_that_computes_in_halves_are_put_back_whole():
    between = layers.BatchNormalization(dtype="mixed_float16")
    model = network(more=[between])
    objective = model._objective()
    between.moving_mean.assign(np.full(3, 1.0001, "float32"))  # which no half is
    objective.batch = ops.convert_to_tensor(X), ops.convert_to_tensor(LABELS), None
    objective.value_and_gradient()
    assert (between.moving_mean.numpy() == np.float32(1.0001)).all()


@pytest.mark.parametrize("optimizer", ["hessian_free", "lbfgs"])
def test_state_that_is_not_trained_and_metrics_move_as_with_any_optimizer(optimizer):
    """After one step: from the same start, with the same chance, and seen at the weights before the step."""
    found, plain = noisy(optimizer), noisy("sgd")
    logs = [m.fit(X, LABELS, batch_size=6, shuffle=False, verbose=0).history for m in (found, plain)]
    assert logs[0]["accuracy"] == logs[1]["accuracy"]
    assert logs[0]["loss"] == pytest.approx(logs[1]["loss"], rel=1e-6)
    pairs = list(zip(found.non_trainable_variables, plain.non_trainable_variables, strict=True))
    assert len(pairs) >= 4
    for a, b in pairs:
        assert np.allclose(a.numpy(), b.numpy(), rtol=1e-6), a.path


@pytest.mark.parametrize("optimizer", ["hessian_free", "lbfgs"])
def test_a_step_that_fails_leaves_the_weights(optimizer):
    model = noisy(optimizer)
    model.fit(X, LABELS, verbose=0)
    before = [v.numpy() for v in model.variables]
    objective = model._objective()
    objective.value = objective.value_and_gradient = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        model.fit(X, LABELS, verbose=0)
    weights = len(model.weights)
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before[:weights], model.weights, strict=True))


def test_the_parts_are_compiled():
    model = noisy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, LABELS, epochs=3, verbose=0)
    parts = {k: v for k, v in vars(model._objective()).items() if k in ("_value", "_value_and_gradient", "_observe")}
    parts["_gauss_newton_product"] = vars(model._objective())["_gauss_newton_product"]
    for name, part in parts.items():
        assert len(part.entries) == 1 and part.last.obstacle is None and part.account.hits > 0, name
    assert "matmul" in str(model.explain_step())


def test_a_step_of_ones_own_may_call_the_usual_one():
    class Own(keras.Sequential):
        def train_step(self, data):
            return {**super().train_step(data), "one": 1.0}

    keras.utils.set_random_seed(0)
    model = Own([layers.Dense(3, activation="softmax")])
    model.compile(optimizers.LBFGS(), "sparse_categorical_crossentropy", run_eagerly=True)
    history = model.fit(X, LABELS, batch_size=6, epochs=5, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0] and history["one"] == [1.0] * 5
