"""Numbers that leave the record while a function is differentiated: a zero that they cause is an error."""

import copy
import importlib
import inspect
import pickle

import numpy as np
import pytest

import autonet
from autonet import Tensor, Variable, grad, layers, ops
from autonet.compiler.capture import CaptureError
from autonet.errors import GradientError
from autonet.models import Model

X, Y = np.ones((2, 2), "float32"), np.ones((2, 1), "float32")


def number(result):
    """One number of whatever a method returned."""
    if isinstance(result, autonet.callbacks.History):
        result = result.history["loss"]
    result = getattr(result, "batch_losses", result)  # of `lr_find`
    while isinstance(result, (list, tuple, dict)):
        result = next(iter(result.values())) if isinstance(result, dict) else result[0]
    return ops.sum(ops.convert_to_tensor(result))


def model():
    m = autonet.Sequential([autonet.Input((2,)), layers.Dense(1)])
    m.compile("sgd", "mse")
    return m


def loop_methods():
    """Public methods that run steps on data: they take x, and give numbers."""
    for name, method in inspect.getmembers(Model, inspect.isfunction):
        parameters = inspect.signature(method).parameters
        if not name.startswith("_") and "x" in parameters and "y_pred" not in parameters:
            yield name, {k: v for k, v in (("y", Y), ("verbose", 0)) if k in parameters}


METHODS = dict(loop_methods())


def test_the_methods_are_found():
    assert {"fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("rows", [2, 70])
def test_gradients_do_not_pass_the_loop(name, rows):
    m = model()
    x, options = np.ones((rows, 2), "float32"), dict(METHODS[name])
    if "y" in options:
        options["y"] = np.ones((rows, 1), "float32")
    with pytest.raises(GradientError, match=r"left the record at .*test_scope.*the model itself, model\(x\)"):
        grad(lambda z: number(getattr(m, name)(z, **options)))(x)
    with pytest.raises(GradientError, match=r"left the record at .*test_scope.*the model itself, model\(x\)"):
        grad(lambda w: number(getattr(m, name)(x, **options)))(m.trainable_variables)
    getattr(m, name)(x, **options)  # as ever
    if name != "predict_on_batch" and name != "predict":
        return
    with pytest.raises(CaptureError):
        autonet.jit(lambda z: number(getattr(m, name)(z)))(x)


def ways_out_of_a_tensor():
    """Methods of Tensor without arguments that give something other than Tensors."""
    tensor = Tensor([[2.0]])
    for name, method in inspect.getmembers(Tensor, callable):
        special = ("__float__", "__array__", "__complex__", "__reduce__")
        if name.startswith("_") and name not in special:
            continue
        try:
            result = method(tensor)
        except (TypeError, GradientError, autonet.errors.AutonetError):
            continue
        if name == "__reduce__" or isinstance(number(result) if result is not None else None, Tensor):
            if not isinstance(result, Tensor) and result is not None:
                yield name


@pytest.mark.parametrize("name", list(ways_out_of_a_tensor()))
def test_gradients_do_not_pass_a_way_out_of_a_tensor(name):
    def f(t):
        result = getattr(t, name)()
        return number(result[1][0] if name == "__reduce__" else result)

    for value in (np.float32([[2.0]]), Variable(np.float32([[2.0]]))):
        with pytest.raises(GradientError, match="left the record"):
            grad(f)(value)


OUT = {
    "np.asarray": np.asarray,
    "np.array": np.array,
    "np.array of elements": lambda z: np.array([z[0, 0], z[0, 1]]),
    "convert_to_numpy": ops.convert_to_numpy,
    "comprehension": lambda z: [float(v) for row in z for v in row],
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda z: pickle.loads(pickle.dumps(z)),
    "new leaf": lambda z: Tensor(z, requires_grad=True),
    "new Variable": Variable,
    "pad_sequences": lambda z: autonet.utils.pad_sequences(z, dtype="float32"),
    "adapt": lambda z: (lambda layer: (layer.adapt(z), layer(np.zeros((1, 2))))[1])(layers.Normalization()),
}


@pytest.mark.parametrize("name", OUT)
def test_gradients_do_not_pass_other_ways_out(name):
    refused(OUT[name])


@pytest.mark.extra("dev")
@pytest.mark.parametrize("table", ["DataFrame", "Series"])
def test_gradients_do_not_pass_through_pandas(table):
    pandas = importlib.import_module("pandas")
    refused(lambda z: getattr(pandas, table)(z if table == "DataFrame" else z[0]).to_numpy())


def refused(out):
    with pytest.raises(GradientError, match="left the record"):
        grad(lambda z: number(ops.convert_to_tensor(out(z)) * 1.0))(X)


def test_weights_that_were_taken_out_are_constants():
    m = model()
    for out in (Model.get_weights, lambda m: copy.deepcopy(m)(X)):
        with pytest.raises(GradientError, match="left the record"):
            grad(lambda w, out=out: number(out(m)))(m.trainable_variables)


def test_a_look_that_has_no_slope_is_none():
    assert grad(lambda z: 3.0 if z > 0 else z)(2.0).item() == 0.0
    assert grad(lambda z: ops.ones(()) * int(z))(2.0).item() == 0.0


def hidden(change):
    """x -> what is read from a Variable after `change(variable, x)`."""
    v = Variable(np.float32([1.0]), trainable=False, name="v")
    return lambda x: (change(v, x), ops.sum(v * 3))[1]


CHANGES = {
    "assign": lambda v, x: v.assign(x * 2),
    "assign_add": lambda v, x: v.assign_add(x),
    "assign_sub": lambda v, x: v.assign_sub(x),
    "optimizer": lambda v, x: autonet.optimizers.SGD(0.1).apply([x], [v]),
    "branch": lambda v, x: ops.cond(ops.sum(x) > 0, lambda: v.assign(x * 2), lambda: v.assign(x)),
    "twice": lambda v, x: (v.assign(x), v.assign(v * 2)),
    "another's": lambda v, x: (w := Variable([0.0]), w.assign(x), v.assign(w)),
    "transform inside": lambda v, x: grad(lambda y: (v.assign(x * y), ops.sum(y))[1])(np.float32([1.0])),
    "transform of it": lambda v, x: grad(lambda v: (v.assign(x), ops.sum(x * 2))[1])(v),
}
TRANSFORMS = {
    "grad": lambda f, x: grad(f)(x),
    "partly": lambda f, x: grad(lambda x: f(x) + ops.sum(x))(x),
    "vjp": lambda f, x: autonet.vjp(f, x)[1](np.float32(1.0)),
    "jvp": lambda f, x: autonet.jvp(f, (x,), (x,)),
    "jacobian": lambda f, x: autonet.jacobian(f)(x),
    "hessian": lambda f, x: autonet.hessian(f)(x),
    "jit": lambda f, x: autonet.jit(grad(f))(x),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_no_derivative_is_lost_in_a_variable(change, transform):
    x = np.float32([2.0])
    with pytest.raises(GradientError, match="which was assigned a value .*test_scope"):
        TRANSFORMS[transform](hidden(CHANGES[change]), x)
    f = hidden(lambda v, x: CHANGES[change](v, ops.stop_gradient(x)))
    TRANSFORMS[transform](lambda x: f(x) * ops.sum(x), x)  # a constant, as was asked for


@pytest.mark.parametrize("trainable", [False, True])
def test_what_is_assigned_and_not_read_is_nothing_lost(trainable):
    """Moving averages, metrics and counters of a forward pass; the Variable is itself again afterwards."""
    v, total = Variable([1.0], trainable=trainable), autonet.metrics.Mean()
    node = v._node

    def f(x):
        y = ops.sum(v * x)
        v.assign(0.9 * v + x)
        total.update_state(y)
        return y, total.result()

    for n in (1, 2):
        g, shown = grad(f, has_aux=True)(np.float32([2.0]))
        np.testing.assert_allclose(g, [1.0] if n == 1 else [2.9], rtol=1e-6)
        assert not shown.requires_grad
        assert v._node is node
    assert not ops.sum(v * 2).requires_grad or trainable


def test_a_variable_that_is_given_a_constant_again_hides_nothing():
    v = Variable(1.0)
    assert float(grad(lambda x: (v.assign(x), v.assign(5.0), v * x)[2])(2.0)) == 5.0
    assert float(grad(lambda v: (v.assign(ops.stop_gradient(v + 1)), v * v)[1])(v)) == 12.0


def test_the_place_of_an_argument_that_is_moved_by_a_constant_stays():
    v = Variable(1.0)
    assert float(grad(lambda v: (v.assign_add(1.0), v * v)[1])(v)) == 4.0
    inner = lambda x: grad(lambda y: (v.assign(3 * x), v * y)[1])(2.0)  # no derivative of y's is lost
    with pytest.raises(GradientError, match="Derivatives do not pass through an assignment"):
        grad(inner)(1.0)
    assert float(inner(np.float32(2.0))) == 6.0
