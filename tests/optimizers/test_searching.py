"""What both optimizers that search have in common; and the line searches."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet import layers, ops, optimizers
from autonet.errors import ArgumentError
from autonet.optimizers.searching import Objective, Ray, backtrack, strong_wolfe
from autonet.variable import Variable

BOTH = {"hessian_free": optimizers.HessianFree, "lbfgs": optimizers.LBFGS}
both = pytest.mark.parametrize("name", BOTH)


@pytest.fixture(autouse=True)
def no_machine_code(monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")


def alone(name, **options):
    """Of a function of weights, whose outputs nobody knows."""
    return BOTH[name](**({"curvature": "hessian"} if name == "hessian_free" else {}), **options)


# The line searches

CURVES = {
    "parabola": lambda a: (a - 3) ** 2,
    "far": lambda a: (a - 300) ** 2,
    "near": lambda a: (a - 1e-4) ** 2,
    "steep then flat": lambda a: -a / (a**2 + 2),  # More, Thuente, 1994, 5.1
    "quartic": lambda a: (a + 0.004) ** 5 - 2 * (a + 0.004) ** 4,  # 5.2
    "wave": lambda a: ops.cos(2 * a) + 0.1 * a**2 - 0.2 * a,
}


@pytest.mark.parametrize("curve", CURVES)
@given(first=st.floats(1e-3, 1e3))
def test_strong_wolfe_finds_such_a_point(curve, first):
    w = Variable(np.zeros(1), dtype="float64")
    f = CURVES[curve]
    ray = Ray(Objective(lambda: ops.sum(f(w)), [w]), [ops.ones((1,), "float64")])
    start = ray.point(0.0)
    found = strong_wolfe(ray, start, first, evaluations=60)
    assert found.f <= start.f + 1e-4 * found.a * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)
    assert float(w.numpy()[0]) == pytest.approx(found.a) or found.f <= float(f(w).numpy()[0])


def test_strong_wolfe_comes_back_from_where_the_loss_is_infinite():
    w = Variable(np.full(1, 4.0), dtype="float64")
    inside = lambda: ops.maximum(w, 1e-9)
    f = lambda: ops.sum(ops.where(w > 0, inside() - ops.log(inside()), np.inf))  # least at 1
    ray = Ray(Objective(f, [w]), [ops.convert_to_tensor([-1.0], "float64")])
    found = strong_wolfe(ray, ray.point(0.0), 50.0)
    assert 0 < found.a < 4 and found.f < 4 - np.log(4)


def test_strong_wolfe_where_nothing_is_lower():
    w = Variable(np.zeros(1), dtype="float64")
    ray = Ray(Objective(lambda: ops.sum(w * w), [w]), [ops.ones((1,), "float64")])
    lied = ray.point(0.0)._replace(slope=-1.0)
    assert strong_wolfe(ray, lied, 5.0) is None


@given(st.floats(1e-2, 1e2))
def test_backtracking_lowers_enough_or_not_at_all(first):
    w = Variable(np.zeros(1), dtype="float64")
    ray = Ray(Objective(lambda: ops.sum((w - 3) ** 2), [w]), [ops.ones((1,), "float64")])
    a = backtrack(ray, 9.0, -6.0, first)
    assert a <= first and (a - 3) ** 2 <= 9 - 0.06 * a and w.numpy()[0] == a
    assert backtrack(ray, -1.0, -6.0, first) is None and w.numpy()[0] == 0.0


# Both


@both
def test_rosenbrocks_valley(name):
    w = Variable(np.array([-1.2, 1.0]))
    f = lambda: 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
    optimizer = alone(name, **({"damping": 1.0, "tolerance": 0.0} if name == "hessian_free" else {}))
    losses = [float(optimizer.minimize(f, [w])) for _ in range(60)]
    assert np.allclose(w.numpy(), 1.0, atol=1e-6) and int(optimizer.iterations) == 60
    assert (np.diff(losses) <= 0).all()


@both
def test_logistic_regression_reaches_its_optimum(name):
    """That of Newton's method by hand, in float64."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3))
    y = (x @ [1.0, -2.0, 0.5] + rng.standard_normal(40) > 0).astype("float64")
    weights, penalty = np.zeros(3), 0.02
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (p - y) / 40 + 2 * penalty * weights
        weights -= np.linalg.solve(x.T * (p * (1 - p)) @ x / 40 + 2 * penalty * np.eye(3), gradient)
    dense = layers.Dense(
        1, "sigmoid", use_bias=False, kernel_regularizer=keras.regularizers.L2(penalty), dtype="float64"
    )
    model = keras.Sequential([keras.Input((3,), dtype="float64"), dense])
    model.compile(name, "binary_crossentropy")
    model.fit(x, y, batch_size=40, epochs=25, verbose=0)
    assert np.allclose(dense.get_weights()[0][:, 0], weights, atol=1e-6)


def trained(optimizer, widths, last, loss, x, y, epochs):
    """The loss of a deep and narrow network after `epochs` steps on all rows."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([*(layers.Dense(n, activation="tanh") for n in widths), layers.Dense(*last)])
    model.compile(optimizer, loss)
    return model.fit(x, y, batch_size=len(x), epochs=epochs, verbose=0).history["loss"][-1]


@both
def test_a_deep_classifier_learns_faster_per_epoch_than_by_gradient_descent_at_any_rate(name):
    (x, y), _ = keras.datasets.digits.load_data()
    task = (24, 12, 12), (10, "softmax"), "sparse_categorical_crossentropy", x[:300].reshape(300, 64) / 16, y[:300], 20
    rates = (0.1, 0.3, 1.0, 3.0)
    assert trained(name, *task) < 0.3 * min(trained(optimizers.SGD(r, momentum=0.9), *task) for r in rates)


def test_hessian_free_trains_a_deep_autoencoder_at_which_gradient_descent_stands_still():
    """As in Martens, 2010."""
    (x, _), _ = keras.datasets.digits.load_data()
    x = x[:60].reshape(60, 64) / 16
    task = (16, 8, 4, 8, 16), (64, "sigmoid"), "mse", x, x, 25
    rates = (0.3, 1.0, 3.0, 10.0)
    assert trained("hessian_free", *task) < 0.5 * min(trained(optimizers.SGD(r, momentum=0.9), *task) for r in rates)


X = np.random.default_rng(0).standard_normal((30, 4)).astype("float32")
Y = np.arange(30) % 3


def classifier(optimizer, **dense):
    keras.utils.set_random_seed(4)
    model = keras.Sequential([layers.Dense(5, activation="tanh", **dense), layers.Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


@both
def test_weights_of_samples_and_classes_count(name):
    """Weight 2 is the row twice, weight 0 the row absent."""
    weight = np.repeat([0.0, 1.0, 2.0], 10).astype("float32")
    rows = np.r_[10:20, 20:30, 20:30]
    one, other = classifier(name), classifier(name)
    one.compile(name, keras.losses.SparseCategoricalCrossentropy(reduction="sum"))
    other.compile(name, keras.losses.SparseCategoricalCrossentropy(reduction="sum"))
    one.fit(X, Y, sample_weight=weight, batch_size=30, epochs=4, shuffle=False, verbose=0)
    other.fit(X[rows], Y[rows], batch_size=30, epochs=4, shuffle=False, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        assert np.allclose(a, b, atol=2e-3)
    weighed, classes = classifier(name), classifier(name)
    weighed.fit(X, Y, sample_weight=np.array([1.0, 3.0, 0.5])[Y], batch_size=30, epochs=3, verbose=0, shuffle=False)
    classes.fit(X, Y, class_weight={0: 1.0, 1: 3.0, 2: 0.5}, batch_size=30, epochs=3, verbose=0, shuffle=False)
    assert all(np.array_equal(a, b) for a, b in zip(weighed.get_weights(), classes.get_weights(), strict=True))


@both
def test_constraints_hold_after_each_step(name):
    model = classifier(name, kernel_constraint="non_neg")
    model.fit(X, Y, batch_size=30, epochs=3, verbose=0)
    assert (model.get_weights()[0] >= 0).all() and (model.get_weights()[0] == 0).any()


@both
def test_plans_do_as_eager_steps(name):
    plan, eager = classifier(name), classifier(name)
    eager.compile(name, "sparse_categorical_crossentropy", run_eagerly=True)
    logs = [m.fit(X, Y, batch_size=15, epochs=3, shuffle=False, verbose=0).history for m in (plan, eager)]
    assert logs[0] == logs[1]
    assert all(np.array_equal(a, b) for a, b in zip(plan.get_weights(), eager.get_weights(), strict=True))


@both
def test_training_goes_on_from_a_file_to_the_same_bits(name, tmp_path):
    model, other = classifier(name), classifier(name)
    model.fit(X, Y, batch_size=30, epochs=3, shuffle=False, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    again.fit(X, Y, batch_size=30, epochs=3, shuffle=False, verbose=0)
    other.fit(X, Y, batch_size=30, epochs=6, shuffle=False, verbose=0)
    for a, b in zip(again.optimizer.variables, other.optimizer.variables, strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), a.path
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), other.get_weights(), strict=True))


@both
def test_configuration_there_and_back(name):
    optimizer = BOTH[name](0.5, name="mine")
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    assert optimizers.deserialize(config).get_config() == optimizer.get_config()
    assert type(optimizers.get(name)) is BOTH[name] is type(optimizers.get(BOTH[name].__name__))


@both
def test_what_it_cannot_do_is_refused(name):
    w = Variable(np.ones(2))
    with pytest.raises(ArgumentError, match="as a function of the weights"):
        BOTH[name]().apply([np.ones(2)], [w])
    with pytest.raises(TypeError, match="clipnorm"):
        BOTH[name](clipnorm=1.0)
    with pytest.raises(ArgumentError, match="searches for the length"):
        classifier(name).lr_find(X, Y)
    frozen = classifier(name)
    frozen.fit(X, Y, verbose=0)
    frozen.layers[0].trainable = False
    with pytest.raises(ArgumentError, match=r"compile\(\) again"):
        frozen.fit(X, Y, verbose=0)
    optimizer = alone(name)
    optimizer.minimize(lambda: ops.sum(w * w), [w])
    with pytest.raises(ArgumentError, match="does not know the variable"):
        optimizer.minimize(lambda: ops.sum(w * w), [Variable(np.ones(2))])


@both
def test_at_the_minimum_nothing_moves(name):
    w = Variable(np.zeros(2))
    optimizer = alone(name)
    for _ in range(3):
        optimizer.minimize(lambda: ops.sum(w * w), [w])
    assert w.numpy().tolist() == [0.0, 0.0] and int(optimizer.iterations) == 3


@both
def test_a_loss_that_is_no_number_moves_nothing(name):
    w = Variable(np.ones(2))
    alone(name).minimize(lambda: ops.sum(w * np.nan), [w])
    assert w.numpy().tolist() == [1.0, 1.0]
