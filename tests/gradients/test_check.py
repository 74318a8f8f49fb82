"""check_gradients: silent on right derivatives, precise on wrong ones, and it leaves everything as it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Tensor, Variable, check_gradients, layers, ops, random
from autonet.core import PRIMITIVES, primitive
from autonet.core.state import state
from autonet.errors import ArgumentError, GradientError
from autonet.gradients import custom_gradient


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
        (lambda x, y: x * 2 + ops.floor(y), (1.0, 2.5)),
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
    assert state.contexts == ()


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
    assert state.contexts == ()


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
    from autonet import Sequential, losses

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


# It cannot prove nothing


def custom(factor, name="custom_sine"):
    """A sine whose derivative is wrong by `factor`."""

    def sine(x):
        return ops.sin(x), lambda g: g * ops.cos(x) * factor

    sine.__name__ = name
    return custom_gradient(sine)


class Scale(layers.Layer):
    """A layer that has its kernel go through a function with a gradient of its own."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def build(self, shape):
        self.kernel = self.add_weight((shape[-1],), "ones", name="kernel")

    def call(self, x):
        return x * self.f(self.kernel)


ARRANGED = {"alone": lambda v: v, "in a list": lambda v: [v], "in a dict": lambda v: {"w": [v]}}


@pytest.mark.parametrize("arranged", ARRANGED.values(), ids=list(ARRANGED))
@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_variables_among_the_arguments_are_changed_where_the_function_meets_them(arranged, trainable, factor):
    x = np.ones((2, 3), np.float32)
    layer = Scale(custom(factor))
    layer(x)
    layer.kernel.trainable = trainable
    before = layer.kernel._array, layer.kernel._node
    for f in (lambda v: ops.sum(layer(x)), lambda v: ops.sum(layer.f(layer.kernel))):
        if factor == 1.0:
            check_gradients(f, arranged(layer.kernel))
        else:
            with pytest.raises(GradientError, match=r"kernel'\), index .* 'custom_sine', applied at .*test_check.py"):
                check_gradients(f, arranged(layer.kernel))
    assert before[0] is layer.kernel._array and before[1] is layer.kernel._node


def test_a_variable_given_twice_is_one():
    v = Variable([0.3, 0.7], name="v")
    check_gradients(lambda a, b: ops.sum(a * b * v), v, v, variables=[v])
    with pytest.raises(GradientError, match="argument 0 "):
        check_gradients(lambda a, b: ops.sum(custom(2.0)(a) * b), v, v)


@pytest.mark.parametrize(
    "f, args, who",
    [
        (lambda x, y: x * 2, (1.0, 2.0), "argument 1"),
        (lambda t: t["a"] * 2, ({"a": 1.0, "b": [2.0, 3.0]},), r"argument 0\['b'\]\[0\]"),
        (lambda x: ops.ones_like(x), (1.0,), "argument 0"),
        (lambda x: ops.sum(Variable([1.0]) * 2), (Variable([1.0], name="copy"),), r"argument 0 \(variable 'copy'\)"),
    ],
)
def test_an_operand_that_does_not_count_is_an_error_that_names_it(f, args, who):
    with pytest.raises(ArgumentError, match=f"does not depend on {who}"):
        check_gradients(f, *args)


def test_a_weight_that_does_not_count_is_named():
    layer = Scale(custom(1.0))
    layer(np.ones((1, 3)))
    layer.spare = layer.add_weight((2,), "ones", name="spare")
    with pytest.raises(ArgumentError, match=r"variable '.*spare'"):
        check_gradients(layer, np.ones((1, 3)))
    check_gradients(layer, np.ones((1, 3)), variables=[layer.kernel])


@pytest.mark.parametrize(
    "f",
    [lambda x: ops.floor(x) + x * 0, lambda x: ops.where(x > 100, 1.0, 2.0), lambda x: ops.cast(x > 0.5, "float32")],
)
def test_steps_depend_on_their_operand(f):
    check_gradients(f, np.array([0.3, 0.7]))


def test_the_operation_is_named(wrong):
    def f(x):
        y = ops.tanh(x @ np.ones((3, 3)))
        return ops.sum(ops.exp(wrong(y) * 0.5))

    with pytest.raises(GradientError, match="'wrong_square', applied at .*test_check.py.*ops.exp"):
        check_gradients(f, np.linspace(0, 1, 6).reshape(2, 3))


def test_the_operation_wrong_at_the_second_order_is_named(wrong_twice):
    with pytest.raises(GradientError, match="'wrong_cube'"):
        check_gradients(lambda x: ops.sum(ops.sin(wrong_twice(x))), np.array([0.4, 0.6]))


@pytest.mark.parametrize(
    "f, cut",
    [
        (lambda x: ops.sum(ops.stop_gradient(x) * x), "stop_gradient at .*test_check.py"),
        (lambda x: ops.sum(x * x.numpy()), r"numpy\(\) at .*test_check.py"),
        (lambda x: ops.sum(x * float(ops.sum(x))), r"float\(\) at .*test_check.py"),
    ],
)
def test_where_numbers_leave_the_record_is_named(f, cut):
    with pytest.raises(GradientError, match=cut):
        check_gradients(f, np.array([1.0, 2.0]))


def test_where_there_is_no_derivative_is_named():
    with pytest.raises(GradientError, match="'sqrt', applied at .*, which has no derivative there"):
        check_gradients(lambda x: ops.sqrt(x * 0) + x, np.array([1.0]))


def test_atol():
    close = custom(1.001)
    x = np.array([0.5])
    check_gradients(close, x, atol=1e-2)
    with pytest.raises(GradientError):
        check_gradients(close, x, atol=1e-5)


@pytest.mark.parametrize("offset", [1e6, -1e8])
def test_a_large_constant_hides_no_wrong_rule(offset):
    check_gradients(lambda x: ops.sum(ops.sin(x)) + offset, np.array([0.5, 0.7]))
    with pytest.raises(GradientError, match="custom_sine"):
        check_gradients(lambda x: ops.sum(custom(1.2)(x)) + offset, np.array([0.5, 0.7]))


@pytest.mark.parametrize(
    "given, words",
    [
        ({"rtol": np.inf}, "rtol"),
        ({"rtol": -1}, "rtol"),
        ({"atol": np.nan}, "atol"),
        ({"elements": 0, "directions": 0}, "compares nothing"),
        ({"argnums": (5,)}, "argnums names argument 5"),
        ({"argnums": ()}, "no floats"),
    ],
)
def test_settings_that_would_prove_nothing_are_refused(given, words):
    with pytest.raises(ArgumentError, match=words):
        check_gradients(lambda x: x * 2, 1.0, **given)
