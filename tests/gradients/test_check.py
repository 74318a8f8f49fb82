"""check_gradients: silent on right derivatives, precise on wrong ones, and it leaves everything as it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Tensor, Variable, check_gradients, ops, random
from autonet.core import PRIMITIVES, primitive
from autonet.core.state import state
from autonet.errors import ArgumentError, GradientError


@pytest.fixture
def wrong():
    """A square whose slope is wrong at one element by 1 %."""

    @primitive
    def wrong_square(x):
        return x * x

    def rule(g, x):
        error = np.zeros(x.size)
        error[-2:-1] = 0.01
        return g * x * (2 + error.reshape(x.shape))

    wrong_square.vjp(x=rule)
    yield wrong_square
    del PRIMITIVES["wrong_square"]


@pytest.fixture
def wrong_twice():
    """A cube whose first derivative is right and whose second is wrong."""

    @primitive
    def wrong_cube(x):
        return x**3

    wrong_cube.vjp(x=lambda g, x: g * 3 * x * x.detach())
    yield wrong_cube
    del PRIMITIVES["wrong_cube"]


@pytest.mark.parametrize(
    "f, args",
    [
        (lambda x: ops.sum(x**3), (np.array([1.0, 2.0]),)),
        (lambda x, y: ops.matmul(x, y), (np.ones((2, 3)), np.ones((3, 2)))),
        (lambda t: t["a"][0] * t["b"], ({"a": (np.ones(2),), "b": 3.0},)),
        (lambda x, i: ops.take(x, i), (np.array([1.0, 2.0]), np.array([1, 1, 0]))),
        (lambda x: (ops.sin(x), [ops.argmax(x), x * x]), (np.array([1.0, 2.0], np.float32),)),
        (lambda x: ops.exp(x), (np.array([0.0, 10.0, 100.0]),)),
        (lambda x: ops.exp(30 * x), (np.array([1.0, 0.2]),)),
        (lambda x: ops.log(x), (np.array([1e-6, 1e6]),)),
        (lambda x: x * 1e20, (np.array([1.0, 700.0]),)),
        (lambda x: ops.abs(x) + 1e6, (np.array([1.0, -2.0]),)),
        (lambda x: ops.logsumexp(x), (np.array([1000.0, 999.0]),)),
        (lambda x: x * x, (np.zeros((0, 3)),)),
        (lambda x: x * x, (Tensor(2.0),)),
        (lambda x, y: x * 2, (1.0, 2.0)),
    ],
)
def test_right_derivatives_pass(f, args):
    check_gradients(f, *args)


@pytest.mark.parametrize(
    "f, at",
    [
        (lambda x: ops.maximum(x, 0.0), [0.0, 1.0, -1.0]),
        (lambda x: ops.abs(x), [0.0, 1.0]),
        (lambda x: ops.max(x), [2.0, 2.0, 1.0]),
        (lambda x: ops.sort(x) * np.arange(3.0), [2.0, 2.0, 1.0]),
        (lambda x: ops.norm(x), [0.0, 0.0]),
        (lambda x: ops.clip(x, 0.0, 1.0) ** 2, [0.0, 0.5, 1.0]),
        (lambda x: ops.maximum(x, 0.0), [1e-9, -1e-9, 3e-6]),
        (lambda x: ops.floor(x), [0.5, 1.5]),
    ],
)
def test_kinks_are_no_errors(f, at):
    check_gradients(f, np.array(at))


def test_a_wrong_slope_at_a_kink_is_an_error():
    @primitive
    def wrong_abs(x):
        return np.abs(x)

    wrong_abs.vjp(x=lambda g: g * 2)
    with pytest.raises(GradientError, match=r"index \(0,\).*2\.0"):
        check_gradients(wrong_abs, np.array([0.0]))
    del PRIMITIVES["wrong_abs"]


@given(seed=st.integers(0, 50))
def test_no_false_alarms_on_networks(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((8, 5)), rng.integers(0, 3, 8)
    w1, w2 = rng.standard_normal((5, 7)), rng.standard_normal((7, 3))

    def loss(w1, w2):
        logits = ops.maximum(x @ w1, 0.0) @ w2
        return ops.mean(ops.logsumexp(logits, axis=-1) - ops.sum(logits * ops.one_hot(y, 3), axis=-1))

    check_gradients(loss, w1, w2, elements=5)


def test_the_message_names_operand_index_and_both_numbers(wrong):
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    with pytest.raises(
        GradientError, match=r"argument 1\['w'\]\[0\], index \(1, 1\): .* 10\.05\d* by the rules and 9\.99|10\.0"
    ):
        check_gradients(lambda s, t: ops.sum(wrong(t["w"][0])) * s, 1.0, {"w": [x]})


def test_the_message_names_the_variable(wrong):
    v = Variable([1.0, 2.0, 3.0], name="kernel")
    v.path = "dense/kernel"
    with pytest.raises(GradientError, match=r"variable 'dense/kernel', index \(1,\)"):
        check_gradients(lambda x: ops.sum(wrong(v) * x), 2.0, variables=[v])


def test_one_wrong_element_among_many_is_found(wrong):
    x = np.linspace(1, 2, 400).reshape(20, 20)
    with pytest.raises(GradientError, match=r"index \(19, 18\)"):
        check_gradients(wrong, x, elements=3)


def test_second_derivatives_are_checked(wrong_twice):
    x = np.array([1.0, 2.0])
    check_gradients(wrong_twice, x, order=1)
    with pytest.raises(GradientError, match="derivative number 2"):
        check_gradients(wrong_twice, x)


def test_third_order():
    check_gradients(lambda x: ops.sum(ops.sin(x) * x), np.array([0.3, 0.7]), order=3)


def test_a_cut_record_is_an_error():
    with pytest.raises(GradientError, match=r"argument 0, index \(0,\): the derivative is 0\.0 by the rules"):
        check_gradients(lambda x: ops.sum(Tensor(np.asarray(x)) ** 2), np.array([1.0]))


def test_argnums_chooses(wrong):
    check_gradients(lambda a, b: a * ops.sum(wrong(b)), 2.0, np.ones(3), argnums=(0,), order=1)
    with pytest.raises(GradientError, match="argument 1"):
        check_gradients(lambda a, b: a * ops.sum(wrong(b)), 2.0, np.ones(3), argnums=[-1])


@pytest.mark.parametrize(
    "f, args, error, words",
    [
        (lambda i: i * 2, (np.arange(3),), ArgumentError, "no floats"),
        (lambda: ops.ones(2), (), ArgumentError, "no floats"),
        (lambda x: x > 0, (1.0,), ArgumentError, "float result"),
        (lambda x: ops.log(x), (-1.0,), GradientError, "nan or infinite at"),
        (lambda x: x * np.random.default_rng().random(), (1.0,), GradientError, "two results"),
    ],
)
def test_what_cannot_be_checked_is_refused(f, args, error, words):
    with pytest.raises(error, match=words):
        check_gradients(f, *args)


@pytest.mark.parametrize("bad", [[1.0], [Tensor(1.0)], [Variable(1)]])
def test_variables_are_float_variables(bad):
    with pytest.raises(ArgumentError, match="variables"):
        check_gradients(lambda x: x, 1.0, variables=bad)


def test_order_is_at_least_one():
    with pytest.raises(ArgumentError, match="order"):
        check_gradients(lambda x: x, 1.0, order=0)


def test_everything_is_float64_while_it_runs_and_as_before_afterwards():
    v = Variable(np.array([1.0, 2.0], np.float32))
    frozen = Variable(np.array([1.0], np.float32), trainable=False)
    total = Variable(np.zeros((), np.float32), trainable=False)
    node, array = v._node, v._array
    seen = set()

    def f(x):
        seen.update({str(x.dtype), str(v.dtype), str(ops.cast(x, "float32").dtype)})
        total.assign_add(ops.sum(x))
        return ops.sum(ops.cast(x, "float16") * v) * frozen + 0 * total

    check_gradients(f, np.array([1.0, 2.0], np.float32), variables=[v])
    assert seen == {"float64"}
    assert v._array is array and v._node is node and v.dtype == "float32" and v.grad is None
    assert total.item() == 0.0
    assert state.rehearsal is None


def test_frozen_variables_can_be_checked_too():
    v = Variable(np.array([1.0, 2.0]), trainable=False)
    check_gradients(lambda x: ops.sum(x * v * v), 2.0, variables=[v])
    assert not v.requires_grad


def test_chance_repeats_while_it_runs():
    generator = random.SeedGenerator(5)
    check_gradients(lambda x: random.dropout(x, 0.5, seed=generator) ** 2, np.linspace(1, 2, 20))
    assert generator.state.tolist() == [5, 0]


def test_an_error_inside_the_function_leaves_everything_as_it_was():
    v = Variable(np.array([1.0], np.float32))

    def f(x):
        v.assign([7.0])
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        check_gradients(f, 1.0, variables=[v])
    assert v.tolist() == [1.0] and v.dtype == "float32"
    assert state.rehearsal is None


def test_whatever_has_trainable_weights_is_checked_with_them(wrong):
    class Net:
        kernel = Variable(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), name="kernel")
        trainable_weights = (kernel,)

        def __call__(self, x):
            return x @ wrong(self.kernel)

    with pytest.raises(GradientError, match=r"variable 'kernel', index \(1, 0\)"):
        check_gradients(Net(), np.array([[1.0, 2.0]]))
    with pytest.raises(GradientError, match=r"variable 'kernel', index \(1, 0\)"):
        check_gradients(lambda x: Net()(x), np.array([[1.0, 2.0]]), variables=Net())


def test_a_whole_models_loss(rng):
    from autonet import Sequential, layers, losses

    model = Sequential(
        [
            layers.Input((4,)),
            layers.Dense(5, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    x, y = rng.standard_normal((6, 4)).astype(np.float32), rng.integers(0, 3, 6)
    loss = losses.SparseCategoricalCrossentropy()
    before = [np.asarray(w).copy() for w in model.weights]
    check_gradients(model, x, elements=5)
    check_gradients(lambda x: loss(y, model(x, training=True)), x, variables=model, elements=5)
    for w, b in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(w, b)
        assert w.dtype == "float32"
