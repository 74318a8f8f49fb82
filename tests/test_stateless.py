"""Functions without side effects, of layers, optimizers and metrics; and paths of Variables."""

import numpy as np
import pytest

import autonet
from autonet import StatelessScope, Variable, layers, metrics, models, name_scope, ops, optimizers
from autonet.errors import ArgumentError, NotBuiltError, ShapeError
from autonet.utils import set_random_seed
from tests.layers.test_every_layer import CASES, draw, make


def values(variables):
    return [v.numpy() for v in variables]


def same(some, others):
    return len(some) == len(others) and all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


WITH_STATE = [c for c in CASES if c.name != "InputLayer"]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("case", WITH_STATE, ids=[f"{i}-{c.name}" for i, c in enumerate(WITH_STATE)])
def test_a_stateless_call_is_the_call_and_leaves_the_layer_as_it_was(case, training, rng):
    layer = make(case)
    x, options = draw(case, rng)
    layer(x, training=False, **options)
    trained, others = values(layer.trainable_variables), values(layer.non_trainable_variables)
    y, left = layer.stateless_call(trained, others, x, training=training, **options)
    assert same(values(layer.trainable_variables), trained) and same(values(layer.non_trainable_variables), others)
    expected = layer(x, training=training, **options)
    assert np.array_equal(y.numpy(), expected.numpy(), equal_nan=True)
    assert same(values(left), values(layer.non_trainable_variables))


def make_model():
    model = models.Sequential(
        [layers.Dense(5, activation="tanh", kernel_regularizer="l2"), layers.BatchNormalization(), layers.Dropout(0.3)]
        + [layers.Dense(1)]
    )
    model.compile(optimizers.Adam(0.01), "mse")
    return model


@pytest.mark.parametrize("compiled", [False, True])
def test_a_step_of_stateless_parts_is_the_step_of_fit(compiled, rng):
    x, y = rng.standard_normal((2, 16, 3)).astype(np.float32)
    y = y[:, :1]
    set_random_seed(1)
    model = make_model()
    model.build((None, 3))
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    start = model.get_state_tree("numpy_array")
    trained, others = values(model.trainable_variables), values(model.non_trainable_variables)
    own = values(optimizer.variables)

    def step(trained, others, own):
        def loss(trained):
            found, left, losses = model.stateless_call(trained, others, x, training=True, return_losses=True)
            return ops.mean(ops.square(found - y)) + sum(losses), left

        (_, left), grads = autonet.value_and_grad(loss, has_aux=True)(trained)
        return *optimizer.stateless_apply(own, grads, trained), left

    run = autonet.jit(step) if compiled else step
    for _ in range(4):
        trained, own, others = run(trained, others, own)
    after = model.get_state_tree("numpy_array")
    assert str(after) == str(start)  # nothing happened to the model
    model.fit(x, y, batch_size=16, epochs=4, shuffle=False, verbose=0)
    for a, b in zip(trained, model.trainable_variables, strict=True):
        np.testing.assert_allclose(np.array(a), b.numpy(), rtol=2e-5, atol=1e-6)


def test_metrics(rng):
    metric = metrics.MeanSquaredError()
    y, p = rng.standard_normal((2, 6))
    state = metric.stateless_reset_state()
    state = metric.stateless_update_state(state, y, p)
    found = metric.stateless_result(state)
    assert float(metric.result()) == 0.0
    np.testing.assert_allclose(float(found), np.mean((y - p) ** 2), rtol=1e-6)


def test_values_that_do_not_fit_are_refused(rng):
    layer = layers.Dense(2)
    with pytest.raises(NotBuiltError, match="stateless_call"):
        layer.stateless_call([], [], np.ones((1, 3)))
    layer.build((None, 3))
    kernel, bias = values(layer.variables)
    with pytest.raises(ArgumentError, match="2 trainable_variables; received 1"):
        layer.stateless_call([kernel], [], np.ones((1, 3)))
    with pytest.raises(ShapeError, match=r"\(3, 2\).*\(2,\)"):
        layer.stateless_call([bias, bias], [], np.ones((1, 3)))
    optimizer = optimizers.SGD()
    with pytest.raises(NotBuiltError, match="stateless_apply"):
        optimizer.stateless_apply([], [], [])
    optimizer.build(layer.trainable_variables)
    with pytest.raises(ArgumentError, match="2 weights; received 0"):
        optimizer.stateless_apply(values(optimizer.variables), [kernel, bias], [])


class TestScope:
    def test_reads_and_assignments_stay_inside(self):
        v = Variable(1.0)
        with StatelessScope([(v, 5.0)]) as scope:
            assert float(v + 1) == 6.0 and float(v.value) == 5.0 and v.numpy() == 5.0
            v.assign(7.0)
            assert float(v) == 7.0 and float(scope.get_current_value(v)) == 7.0
            scope.add_update((v, 8.0))
            assert float(v.assign_add(1.0)) == 9.0
        assert float(v) == 1.0
        assert scope.get_current_value(Variable(1.0)) is None

    def test_scopes_inside_others(self):
        v, w = Variable(1.0), Variable(2.0)
        with StatelessScope([(v, 3.0)]):
            with StatelessScope([(w, 4.0)]) as inner:
                assert float(v + w) == 7.0
                v.assign(10.0)
                assert float(v) == 10.0 and float(inner.get_current_value(v)) == 10.0
            assert float(v) == 3.0

    def test_derivatives_reach_what_stands_for_a_variable(self):
        v = Variable(3.0)

        def f(x):
            with StatelessScope([(v, x)]):
                return v * v

        assert float(autonet.grad(f)(2.0)) == 4.0
        assert float(autonet.grad(autonet.grad(f))(2.0)) == 2.0

    def test_what_is_no_pair_is_refused(self):
        with pytest.raises(ArgumentError, match="pairs of a Variable"):
            StatelessScope([(1.0, 2.0)])

    def test_losses(self):
        scope = StatelessScope(collect_losses=True)
        scope.add_loss(1.5)
        assert [float(x) for x in scope.losses] == [1.5]


class TestNameScope:
    def test_paths_begin_with_the_scopes(self):
        with name_scope("encoder"):
            with name_scope("first"):
                v = Variable(1.0, name="scale")
            w = Variable(1.0, name="scale")
        assert (v.path, w.path, v.name) == ("encoder/first/scale", "encoder/scale", "scale")
        assert Variable(1.0, name="scale").path == "scale"

    @pytest.mark.parametrize("name", ["", "a/b", 3])
    def test_what_is_no_name_is_refused(self, name):
        with pytest.raises(ArgumentError, match="name_scope"):
            name_scope(name)


class TestStateTree:
    def test_there_and_back(self, rng):
        x, y = rng.standard_normal((2, 8, 3)).astype(np.float32)
        set_random_seed(0)
        first = make_model()
        first.fit(x, y[:, :1], verbose=0)
        tree = first.get_state_tree(value_format="numpy_array")
        assert set(tree) == {
            *("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
        }
        before = values(first.variables + first.optimizer.variables)
        first.fit(x, y[:, :1], verbose=0)
        first.set_state_tree(tree)
        assert same(values(first.variables + first.optimizer.variables), before)
        assert isinstance(next(iter(first.get_state_tree()["trainable_variables"].values())), dict)

    def test_what_does_not_fit_changes_nothing(self, rng):
        model = models.Sequential([layers.Input((2,)), layers.Dense(1, name="d")], name="m")
        before = values(model.variables)
        tree = model.get_state_tree("numpy_array")
        tree["trainable_variables"]["m"]["d"]["kernel"] = np.ones((5, 5))
        with pytest.raises(ShapeError, match="m/d/kernel"):
            model.set_state_tree(tree)
        with pytest.raises(ArgumentError, match="no 'other'"):
            model.set_state_tree({"trainable_variables": {"other": 1.0}})
        with pytest.raises(ArgumentError, match="parts"):
            model.set_state_tree({"weights": {}})
        with pytest.raises(ArgumentError, match="value_format"):
            model.get_state_tree("list")
        assert same(values(model.variables), before)
